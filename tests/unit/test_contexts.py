"""The state of contexts: the ranks of writers, and the copies that follow the tables."""

from typing import Any

from rig import put, simulate

from hic.rtl.parameters import Parameters
from hic.rtl.state.contexts import Contexts, Flag

PARAMETERS = Parameters(source_count=40, context_count=5, hart_count=2)


def test_flagged_follows_the_flags_that_a_parent_sees() -> None:
    dut = Contexts(PARAMETERS)

    async def bench(ctx: Any) -> None:
        seen = 0
        for context, flags in (
            (1, Flag.DOORBELL), (2, Flag.STUCK), (3, Flag.REQUEST | Flag.STUCK), (4, Flag.RUNG | Flag.DISMISSED),
            (1, Flag.RUNG), (4, Flag.VIOLATION),
        ):
            put(ctx, dut.flags, walk_write=1, walk_write_address=context, walk_write_data=flags)
            assert ctx.get(dut.flagged) == seen  # not before the table
            shows = bool(flags & (Flag.DOORBELL | Flag.REQUEST | Flag.VIOLATION))
            seen = seen & ~(1 << context) | shows << context
            await ctx.tick()
            assert ctx.get(dut.flagged) == seen
        assert seen == 0b11000

    simulate(dut, bench)


def test_allows_follows_the_words_that_are_not_empty() -> None:
    dut = Contexts(PARAMETERS)

    async def bench(ctx: Any) -> None:
        for context, words, allows in ((3, 0b10, 0b01000), (1, 0b11, 0b01010), (3, 0b00, 0b00010)):
            put(
                ctx, dut.allow_words, access_write=1, access_write_address=context, access_write_data=words,
                access_address=context,
            )
            await ctx.tick()
            assert ctx.get(dut.allows) == allows
            assert ctx.get(dut.allow_words.access_data) == words

    simulate(dut, bench)


def test_flags_are_written_by_rank() -> None:
    """The service timer comes before the context walker. An access, of which it is known late, comes last: nobody
    writes beside it."""
    dut = Contexts(PARAMETERS)

    async def bench(ctx: Any) -> None:
        for writer, flag in (("access", Flag.VIOLATION), ("timer", Flag.STUCK), ("walk", Flag.DOORBELL)):
            put(ctx, dut.flags, **{f"{writer}_write": 1, f"{writer}_write_address": 2, f"{writer}_write_data": flag})
        ctx.set(dut.flags.walk_address, 2)
        for writer, flag in (("timer", Flag.STUCK), ("walk", Flag.DOORBELL), ("access", Flag.VIOLATION)):
            assert ctx.get(getattr(dut.flags, f"{writer}_granted"))
            await ctx.tick()
            assert ctx.get(dut.flags.walk_data) == flag
            ctx.set(getattr(dut.flags, f"{writer}_write"), 0)

    simulate(dut, bench)


def test_every_hart_reads_a_context_of_its_own() -> None:
    dut = Contexts(PARAMETERS)

    async def bench(ctx: Any) -> None:
        for context in range(5):
            put(ctx, dut.threshold, access_write=1, access_write_address=context, access_write_data=context + 2)
            await ctx.tick()
        put(ctx, dut.threshold, hart0_address=4, hart1_address=1, walk_address=3)
        data = [ctx.get(getattr(dut.threshold, f"{name}_data")) for name in ("hart0", "hart1", "walk")]
        assert data == [6, 3, 5]

    simulate(dut, bench)
