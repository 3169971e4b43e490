"""The gateways: what makes an event, how long it takes, and what merges."""

from typing import Any

import pytest
from rig import put, simulate

from hic.rtl.delivery.gateway import Gateways
from hic.rtl.parameters import Parameters, Trigger

ONE, OTHER = 0b01, 0b10


def gateways(synchronizer: bool = False) -> Gateways:
    return Gateways(Parameters(source_count=2, synchronizer=synchronizer))


async def strobe(ctx: Any, dut: Gateways, *names: str, source: int = 1, **more: int) -> None:
    """A cycle with these strobes."""
    put(ctx, dut, source=source, **dict.fromkeys(names, 1), **more)
    await ctx.tick()
    put(ctx, dut, source=0, claim=0, **dict.fromkeys(names, 0))


async def configure(ctx: Any, dut: Gateways, mode: Trigger) -> None:
    await strobe(ctx, dut, "configure", mode=mode)
    await ctx.tick()  # no event in this cycle


@pytest.mark.parametrize(("mode", "before", "after", "expected"), [
    (Trigger.MESSAGE, 0, 1, 0), (Trigger.LEVEL_HIGH, 0, 1, 1), (Trigger.LEVEL_LOW, 1, 0, 1),
    (Trigger.EDGE_RISING, 0, 1, 1), (Trigger.EDGE_RISING, 1, 0, 0), (Trigger.EDGE_FALLING, 1, 0, 1),
    (Trigger.EDGE_FALLING, 0, 1, 0),
])
@pytest.mark.parametrize("synchronizer", [False, True])
def test_wire_makes_an_event(mode: Trigger, before: int, after: int, expected: int, synchronizer: bool) -> None:
    dut = gateways(synchronizer)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.wires, before)
        await ctx.tick().repeat(4)
        await configure(ctx, dut, mode)
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.waiting)
        ctx.set(dut.wires, after)
        for _ in range(2 * synchronizer):
            assert not ctx.get(dut.waiting)
            await ctx.tick()
        assert (ctx.get(dut.waiting), ctx.get(dut.accepted), ctx.get(dut.kept)) == (expected, expected, 0)
        await ctx.tick()
        assert (ctx.get(dut.pending), ctx.get(dut.kept)) == (expected, expected)
        if expected:
            ctx.set(dut.wires, before)
            await ctx.tick().repeat(4)
            assert ctx.get(dut.pending)  # it is not retracted

    simulate(dut, bench)


@pytest.mark.parametrize(("mode", "again"), [(Trigger.LEVEL_HIGH, 1), (Trigger.EDGE_RISING, 0)])
def test_in_service_a_level_is_not_sampled(mode: Trigger, again: int) -> None:
    dut = gateways()

    async def bench(ctx: Any) -> None:
        await configure(ctx, dut, mode)
        ctx.set(dut.wires, ONE)
        await ctx.tick()
        await strobe(ctx, dut, claim=ONE)
        for _ in range(3):
            assert (ctx.get(dut.pending), ctx.get(dut.waiting)) == (0, 0)
            await ctx.tick()
        await strobe(ctx, dut, "complete")
        assert ctx.get(dut.waiting) == again  # the level is sampled again
        await ctx.tick()
        assert ctx.get(dut.pending) == again

    simulate(dut, bench)


def test_a_message_is_kept_during_service_and_merges_before() -> None:
    dut = gateways()

    async def bench(ctx: Any) -> None:
        await strobe(ctx, dut, "message", source=2)
        assert (ctx.get(dut.pending), ctx.get(dut.waiting)) == (OTHER, OTHER)
        put(ctx, dut, source=2, message=1)
        assert not ctx.get(dut.accepted)  # it merges
        ctx.set(dut.claim, OTHER)
        assert ctx.get(dut.accepted) == OTHER  # both count: the claim takes the old event
        await ctx.tick()
        put(ctx, dut, source=0, message=0, claim=0)
        assert (ctx.get(dut.pending), ctx.get(dut.waiting), ctx.get(dut.kept)) == (OTHER, 0, 0)
        await strobe(ctx, dut, "complete", source=2)
        assert (ctx.get(dut.waiting), ctx.get(dut.kept)) == (OTHER, OTHER)

    simulate(dut, bench)


def test_a_new_trigger_looks_at_the_wire_from_the_second_cycle() -> None:
    dut = gateways()

    async def bench(ctx: Any) -> None:
        await strobe(ctx, dut, "configure", mode=Trigger.EDGE_RISING)
        ctx.set(dut.wires, ONE)
        await ctx.tick().repeat(3)
        assert not ctx.get(dut.pending)  # an edge in the first cycle is none
        await strobe(ctx, dut, "configure", mode=Trigger.LEVEL_HIGH)
        assert not ctx.get(dut.waiting)
        await ctx.tick()
        assert ctx.get(dut.waiting)  # a level that is found is an event

    simulate(dut, bench)


def test_a_write_to_trigger_makes_no_edge() -> None:
    """Of the old trigger the wire was inactive, by the new one it is active: that is no edge."""
    dut = gateways()

    async def bench(ctx: Any) -> None:
        for wire, before, after in (
            (0, Trigger.LEVEL_HIGH, Trigger.EDGE_FALLING), (1, Trigger.LEVEL_LOW, Trigger.EDGE_RISING),
            (0, Trigger.EDGE_RISING, Trigger.EDGE_FALLING), (1, Trigger.EDGE_FALLING, Trigger.EDGE_RISING),
        ):
            ctx.set(dut.wires, wire)
            await strobe(ctx, dut, "configure", mode=before)
            await ctx.tick().repeat(3)
            await strobe(ctx, dut, "configure", mode=after)
            await ctx.tick().repeat(3)
            assert not ctx.get(dut.pending)

    simulate(dut, bench)
