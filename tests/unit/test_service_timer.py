"""The service timer, with the real memories: when STUCK is raised, for whom, and when not."""

from typing import Any

import pytest
from amaranth.hdl import Module
from rig import Core, on_core, put, simulate

from hic.rtl.background import service_timer
from hic.rtl.background.service_timer import ServiceTimer
from hic.rtl.parameters import TICK_CYCLES_LOG2, Parameters
from hic.rtl.registers import MAP
from hic.rtl.state.contexts import Contexts, Flag
from hic.rtl.state.counters import Counters
from hic.rtl.state.sources import Sources

PARAMETERS = Parameters(source_count=3, context_count=4, hart_count=1)
LIMIT = 6
ROUND = 3 * 3
"""Cycles of a walk over 3 sources."""


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortest limit is 2**10 cycles: too long for so many tests."""
    monkeypatch.setattr(service_timer, "TICK_CYCLES_LOG2", LIMIT)


class Rig:
    """The timer and its memories. Source 2 is shared, with target 1; source 3 is not."""

    def __init__(self) -> None:
        self.module = Module()
        self.module.submodules.contexts = self.contexts = Contexts(PARAMETERS)
        self.module.submodules.sources = self.sources = Sources(PARAMETERS)
        self.module.submodules.counters = self.counters = Counters(PARAMETERS, ("access", "timer"))
        self.module.submodules.timer = self.timer = ServiceTimer(
            PARAMETERS, contexts=self.contexts, sources=self.sources, counters=self.counters
        )

    async def prepare(self, ctx: Any, *, limit: int = LIMIT) -> None:
        for source in (2, 3):
            route = {"owner": 2, "target": 1, "home": 0, "shared": source == 2, "trigger": 0}
            put(ctx, self.sources.route.sweep, use=1, write=1, address=source, write_data=route)
            await ctx.tick()
        ctx.set(self.sources.route.sweep.use, 0)
        put(ctx, self.timer, limit=limit, restarts=1)
        await ctx.tick()
        ctx.set(self.timer.restarts, 0)

    async def serve(self, ctx: Any, source: int, held: int = 0b0100, linked: int = 0) -> None:
        """A booking: these contexts hold the source from this cycle on."""
        put(ctx, self.timer, commits=1)
        stamp = ctx.get(self.timer.walk_number)
        put(
            ctx, self.sources.service.booking, use=1, write=1, address=source,
            write_data={"held": held, "linked": linked, "stamp": stamp},
        )
        await ctx.tick()
        put(ctx, self.timer, commits=0)
        ctx.set(self.sources.service.booking.use, 0)

    async def cycles_to_stuck(self, ctx: Any, within: int) -> int | None:
        for cycle in range(within):
            if ctx.get(self.timer.raises):
                assert (ctx.get(self.timer.source), ctx.get(self.timer.target)) == (2, 1)
                await ctx.tick()
                return cycle
            await ctx.tick()
        return None


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("phase", [0, 1, 30, 61, 62, 63, 64, 65, 70, 72, 100, 127])
def test_stuck_after_once_to_twice_the_limit(phase: int) -> None:
    """Earlier by up to one round, later by up to three; and again after each further limit."""
    rig = Rig()

    async def bench(ctx: Any) -> None:
        await rig.prepare(ctx)
        await ctx.tick().repeat(phase + 1)
        await rig.serve(ctx, 2)
        for _ in range(3):
            cycles = await rig.cycles_to_stuck(ctx, 4 << LIMIT)
            assert cycles is not None
            assert (1 << LIMIT) - ROUND <= cycles <= (2 << LIMIT) + 3 * ROUND

    simulate(rig.module, bench)


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize(("source", "held", "linked", "limit", "expected"), [
    (2, 0b0100, 0, LIMIT, True), (2, 0, 0b1000, LIMIT, True), (2, 0, 0, LIMIT, False), (3, 0b0100, 0, LIMIT, False),
    (2, 0b0100, 0, 0, False),
])
def test_only_shared_sources_in_service_get_stuck(
    source: int, held: int, linked: int, limit: int, expected: bool
) -> None:
    rig = Rig()

    async def bench(ctx: Any) -> None:
        await rig.prepare(ctx, limit=limit)
        await rig.serve(ctx, source, held, linked)
        assert (await rig.cycles_to_stuck(ctx, 4 << LIMIT) is not None) == expected

    simulate(rig.module, bench)


@pytest.mark.usefixtures("short_limits")
def test_flag_counter_and_the_first_source_at_the_target() -> None:
    rig = Rig()

    async def bench(ctx: Any) -> None:
        await rig.prepare(ctx)
        # The flag shows again: it was dismissed.
        put(ctx, rig.contexts.flags, sweep_write=1, sweep_write_address=1, sweep_write_data=Flag.RUNG | Flag.DISMISSED)
        put(ctx, rig.contexts.stuck, sweep_write=1, sweep_write_address=1, sweep_write_data=3)
        await rig.serve(ctx, 2)
        put(ctx, rig.contexts.flags, sweep_write=0, access_address=1)
        put(ctx, rig.contexts.stuck, sweep_write=0, access_address=1)
        await rig.cycles_to_stuck(ctx, 4 << LIMIT)
        assert ctx.get(rig.contexts.flags.access_data) == Flag.RUNG | Flag.STUCK
        assert ctx.get(rig.contexts.stuck.access_data) == 2
        # Raised anew, it is counted; it does not show again, nor change its source.
        put(ctx, rig.contexts.flags, sweep_write=1, sweep_write_data=Flag.STUCK | Flag.DISMISSED)
        put(ctx, rig.contexts.stuck, sweep_write=1, sweep_write_data=3)
        await ctx.tick()
        put(ctx, rig.contexts.flags, sweep_write=0)
        put(ctx, rig.contexts.stuck, sweep_write=0)
        await rig.cycles_to_stuck(ctx, 4 << LIMIT)
        assert ctx.get(rig.contexts.flags.access_data) == Flag.STUCK | Flag.DISMISSED
        assert ctx.get(rig.contexts.stuck.access_data) == 3
        await ctx.tick().repeat(4)
        put(ctx, rig.counters.access, use=1, address=2 * 1)
        await ctx.tick()
        assert ctx.get(rig.counters.data) == 2

    simulate(rig.module, bench)


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize("signal", ["commits", "is_blocked", "service"])
def test_stuck_waits_while_others_take_effect(signal: str) -> None:
    rig = Rig()

    def occupy(ctx: Any, on: int) -> None:
        match signal:
            case "service":
                put(ctx, rig.sources.service.access, use=on, address=1)
            case _:
                put(ctx, rig.timer, **{signal: on})

    async def bench(ctx: Any) -> None:
        await rig.prepare(ctx)
        await rig.serve(ctx, 2)
        occupy(ctx, 1)
        assert await rig.cycles_to_stuck(ctx, (2 << LIMIT) + 3 * ROUND) is None
        occupy(ctx, 0)
        assert await rig.cycles_to_stuck(ctx, 2 << LIMIT) is not None  # the walk itself may have waited

    simulate(rig.module, bench)


@pytest.mark.usefixtures("short_limits")
def test_service_that_ended_meanwhile_is_not_stuck() -> None:
    rig = Rig()

    async def bench(ctx: Any) -> None:
        await rig.prepare(ctx)
        await rig.serve(ctx, 2)
        ctx.set(rig.timer.is_blocked, 1)
        await ctx.tick().repeat((2 << LIMIT) + 3 * ROUND)
        await rig.serve(ctx, 2, held=0)
        ctx.set(rig.timer.is_blocked, 0)
        assert await rig.cycles_to_stuck(ctx, 3 << LIMIT) is None

    simulate(rig.module, bench)


@pytest.mark.parametrize("limit", [1, 10])
@on_core()
async def test_a_limit_below_10_counts_as_10(core: Core, limit: int) -> None:
    await core.write("ROUTE", 3, value=MAP["ROUTE"].pack(owner=1, shared=1))
    await core.enable(3, 0)
    await core.write("STUCK_LIMIT", value=limit)
    await core.write("MESSAGE", value=3)
    await core.tick(10)
    assert (await core.read("CLAIM", 0)).data == 3
    shortest, a_round = 1 << TICK_CYCLES_LOG2, 3 * 7
    cycles = await core.until(core.trap[0].valid, within=2 * shortest + 3 * a_round + 20)
    assert cycles >= shortest - a_round
    assert core.get(core.trap[0].source) == 3
    assert (await core.read("STUCK_SOURCE", 0)).data == 3
