"""The counters: increments by turns, and none is lost."""

from typing import Any

import pytest
from rig import put, simulate

from hic.rtl.parameters import Parameters
from hic.rtl.state.counters import Counters

PARAMETERS = Parameters(source_count=7, context_count=4, hart_count=2)
BLOCKS = "access", "timer", "walker"


def counters() -> Counters:
    return Counters(PARAMETERS, BLOCKS)


async def bump(ctx: Any, dut: Counters, **counted: tuple[int, int]) -> None:
    """A cycle in which these blocks increment a context's counter (``timer=(2, 1)``: counter 1 of context 2)."""
    for name, (context, counter) in counted.items():
        assert ctx.get(getattr(dut, f"{name}_ready"))
        put(ctx, dut, **{f"{name}_bump": 1, f"{name}_context": context, f"{name}_counter": counter})
    await ctx.tick()
    put(ctx, dut, **{f"{name}_bump": 0 for name in counted})


async def read(ctx: Any, dut: Counters, context: int, counter: int) -> int:
    put(ctx, dut.access, use=1, address=2 * context + counter)
    await ctx.tick()
    ctx.set(dut.access.use, 0)
    return int(ctx.get(dut.data))


def test_increment_is_in_ram_after_four_cycles() -> None:
    dut = counters()

    async def bench(ctx: Any) -> None:
        await bump(ctx, dut, timer=(2, 1))
        for cycle in range(1, 5):
            ctx.set(dut.timer_context, 2)
            assert ctx.get(dut.timer_ready), "there is room for more of the same"
            ctx.set(dut.timer_context, 1)
            assert ctx.get(dut.timer_ready) == (cycle > 1)
            await ctx.tick()
        assert await read(ctx, dut, 2, 1) == 1
        assert await read(ctx, dut, 2, 0) == 0
        # One in 3 cycles.
        for _ in range(5):
            await bump(ctx, dut, timer=(2, 1))
            await ctx.tick().repeat(2)
        await ctx.tick().repeat(2)
        assert await read(ctx, dut, 2, 1) == 6

    simulate(dut, bench)


@pytest.mark.parametrize("distance", range(8))
def test_increment_is_in_ram_4_cycles_after_its_strobe(distance: int) -> None:
    dut = counters()

    async def bench(ctx: Any) -> None:
        await bump(ctx, dut, timer=(2, 1))
        for _ in range(distance):
            await ctx.tick()
        assert await read(ctx, dut, 2, 1) == (distance >= 4)

    simulate(dut, bench)


def test_a_place_gathers_increments_of_one_context() -> None:
    dut = counters()

    async def bench(ctx: Any) -> None:
        await bump(ctx, dut, access=(0, 0), walker=(3, 0))
        await bump(ctx, dut, walker=(3, 1))
        await bump(ctx, dut, walker=(3, 1))
        await bump(ctx, dut, walker=(3, 1))
        assert not ctx.get(dut.walker_ready), "three of a counter at most"
        ctx.set(dut.walker_counter, 0)
        assert ctx.get(dut.walker_ready)
        await ctx.tick().repeat(12)
        assert [await read(ctx, dut, *where) for where in ((0, 0), (3, 0), (3, 1))] == [1, 1, 3]

    simulate(dut, bench)


def test_blocks_but_the_first_take_turns() -> None:
    dut = counters()

    async def bench(ctx: Any) -> None:
        for cycle in range(12):
            put(ctx, dut, timer_context=cycle % 4, walker_context=3, timer_counter=0, walker_counter=1)
            put(ctx, dut, timer_bump=ctx.get(dut.timer_ready), walker_bump=ctx.get(dut.walker_ready) and cycle < 1)
            await ctx.tick()
        assert await read(ctx, dut, 3, 1) == 1

    simulate(dut, bench)


def test_two_harts_beside_the_pipeline_wait_for_nobody() -> None:
    """Harts increment once in 5 cycles, the pipeline once in 6 (all phases), for another context each time."""
    dut = Counters(PARAMETERS, ("access", "hart0", "hart1"))

    async def bench(ctx: Any) -> None:
        for cycle in range(300):
            put(ctx, dut, access_bump=cycle % 6 == 0, access_context=cycle // 6 % 2, access_counter=0)
            for hart in range(2):
                put(ctx, dut, **{
                    f"hart{hart}_bump": cycle % 5 == 0, f"hart{hart}_context": 2 + hart, f"hart{hart}_counter": 0,
                })
                assert ctx.get(getattr(dut, f"hart{hart}_ready")) or cycle % 5
            await ctx.tick()
        put(ctx, dut, access_bump=0, hart0_bump=0, hart1_bump=0)
        await ctx.tick().repeat(20)
        assert [await read(ctx, dut, context, 0) for context in range(4)] == [25, 25, 60, 60]

    simulate(dut, bench)


def test_blocks_come_in_the_order_of_their_rank() -> None:
    dut = counters()

    async def bench(ctx: Any) -> None:
        await bump(ctx, dut, access=(1, 0), timer=(2, 0), walker=(3, 1))
        put(ctx, dut, access_context=0, timer_context=0, walker_context=0)
        ready = dict[str, int]()
        for cycle in range(1, 20):
            for name in BLOCKS:
                if ctx.get(getattr(dut, f"{name}_ready")):
                    ready.setdefault(name, cycle)
            await ctx.tick()
        # Each leaves its place when the one before has been written.
        assert ready == {"access": 2, "timer": 5, "walker": 8}
        assert [await read(ctx, dut, *where) for where in ((1, 0), (2, 0), (3, 1), (0, 0))] == [1, 1, 1, 0]

    simulate(dut, bench)


@pytest.mark.parametrize("distance", [4, 5])
@pytest.mark.parametrize("phase", range(-5, 6))
def test_increments_of_the_first_block_are_never_lost(phase: int, distance: int) -> None:
    """A request's flag counts in the cycle after its access, a refused access that follows 4 cycles later. Meanwhile
    a read may use the RAM, and another block's increment be under way."""
    dut = counters()

    async def bench(ctx: Any) -> None:
        for cycle in range(-6, 24):
            put(ctx, dut, access_bump=cycle in (0, distance), access_context=1, access_counter=0)
            put(ctx, dut, walker_bump=cycle == phase, walker_context=2, walker_counter=1)
            put(ctx, dut.access, use=cycle in (distance - 3, 2 * distance - 3), address=0)
            await ctx.tick()
        assert [await read(ctx, dut, 2, 1), await read(ctx, dut, 1, 0)] == [1, 2]

    simulate(dut, bench)
