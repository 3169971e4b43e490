"""The state of sources: the layouts, and memories that work side by side."""

from typing import Any

import pytest
from rig import put, simulate

from hic.rtl.parameters import Parameters
from hic.rtl.state.sources import Sources, route_layout, service_layout

PARAMETERS = Parameters(source_count=33, context_count=5, hart_count=3)


@pytest.mark.parametrize(("contexts", "harts", "route", "service"), [
    (1, 1, 1 + 1 + 1 + 1 + 3, 1 + 1 + 2), (5, 3, 3 + 3 + 2 + 1 + 3, 5 + 5 + 2), (256, 64, 8 + 8 + 6 + 1 + 3, 514),
])
def test_words_are_as_wide_as_they_have_to_be(contexts: int, harts: int, route: int, service: int) -> None:
    parameters = Parameters(source_count=33, context_count=contexts, hart_count=harts)
    assert route_layout(parameters).size == route
    assert service_layout(parameters).size == service


def test_route_and_service_are_used_in_the_same_cycle() -> None:
    dut = Sources(PARAMETERS)

    async def bench(ctx: Any) -> None:
        for source in (1, 33):
            put(ctx, dut.route.access, use=1, write=1, address=source, write_data={
                "owner": source % 5, "target": 2, "home": 1, "shared": 1, "trigger": 3,
            })
            put(ctx, dut.service.access, use=1, write=1, address=source, write_data={
                "held": 0b10100, "linked": 0b01000, "stamp": source % 4,
            })
            assert [ctx.get(memory.access.granted) for memory in (dut.route, dut.service)] == [1, 1]
            await ctx.tick()
        for memory in (dut.route, dut.service):
            ctx.set(memory.access.use, 0)
            put(ctx, memory.timer, use=1, address=33)
            assert ctx.get(memory.timer.granted)
        await ctx.tick()
        route, service = dut.route.data, dut.service.data
        assert [ctx.get(part) for part in (route.owner, route.target, route.home, route.trigger)] == [3, 2, 1, 3]
        assert [ctx.get(part) for part in (service.held, service.linked, service.stamp)] == [0b10100, 0b01000, 1]

    simulate(dut, bench)


def test_a_booking_waits_for_an_access_and_the_timer_for_both() -> None:
    dut = Sources(PARAMETERS)
    users = dut.service.access, dut.service.booking, dut.service.timer

    async def bench(ctx: Any) -> None:
        for user in users:
            put(ctx, user, use=1, address=7)
        for first, user in enumerate(users):
            assert [ctx.get(each.granted) for each in users] == [i == first for i in range(3)]
            await ctx.tick()
            ctx.set(user.use, 0)

    simulate(dut, bench)


def test_shared_has_a_bit_for_each_source() -> None:
    dut = Sources(PARAMETERS)

    async def bench(ctx: Any) -> None:
        put(ctx, dut.shared, access_write=1, access_write_address=1, access_write_data=0b10, access_address=1)
        await ctx.tick()
        assert ctx.get(dut.shared.access_data) == 0b10  # source 33
        ctx.set(dut.shared.access_address, 0)
        assert ctx.get(dut.shared.access_data) == 0

    simulate(dut, bench)
