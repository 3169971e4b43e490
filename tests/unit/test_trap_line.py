"""The trap line: interrupts before notices, each under its own blanking."""

from typing import Any

from rig import put, simulate

from hic.rtl.delivery.trap_line import TrapLine
from hic.rtl.parameters import LATENCY_CYCLES, Cause, Parameters

PARAMETERS = Parameters(source_count=7, context_count=4)
NOTICE = {"valid": 1, "target": 1, "cause": Cause.REQUEST, "source": 0, "context": 2}
SHOWN = (1, Cause.REQUEST, 0, 2)


def entries(*waiting: tuple[int, int]) -> list[dict[str, int]]:
    keys = dict(waiting)
    return [{"valid": s in keys, "key": keys.get(s, 0)} for s in range(1, 8)]


def shown(ctx: Any, dut: TrapLine) -> tuple[int, ...]:
    """Target, cause, source and context on the line; nothing if it is low."""
    values = tuple(ctx.get(getattr(dut.line, name)) for name in ("target", "cause", "source", "context"))
    if not ctx.get(dut.line.valid):
        assert not any(values)
        return ()
    return values


async def set_targets(ctx: Any, dut: TrapLine, **targets: int) -> None:
    """All sources belong to the host, but for these (``s3=2``: source 3 to context 2)."""
    for source in range(1, 8):
        put(ctx, dut, source_index=source - 1, target=targets.get(f"s{source}", 0), write_target=1)
        await ctx.tick()
    ctx.set(dut.write_target, 0)


async def post(ctx: Any, dut: TrapLine) -> None:
    put(ctx, dut, next_notice=NOTICE, post=1)
    await ctx.tick()
    ctx.set(dut.post, 0)


def test_best_entry_is_shown_with_its_target_after_three_cycles() -> None:
    dut = TrapLine(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await set_targets(ctx, dut, s5=2)
        put(ctx, dut, threshold=1, entries=entries((3, 2), (5, 4), (6, 4)))
        for _ in range(LATENCY_CYCLES):
            assert shown(ctx, dut) == ()
            await ctx.tick()
        assert shown(ctx, dut) == (2, Cause.INTERRUPT, 5, 2)
        assert not ctx.get(dut.is_host)
        ctx.set(dut.entries, entries((3, 2)))
        await ctx.tick().repeat(3)
        assert shown(ctx, dut) == (0, Cause.INTERRUPT, 3, 0)
        assert ctx.get(dut.is_host)
        ctx.set(dut.threshold, 2)
        await ctx.tick()
        assert shown(ctx, dut) == ()
        assert (ctx.get(dut.best.valid), ctx.get(dut.best.index)) == (1, 2)  # a claim ignores the threshold

    simulate(dut, bench)


def test_notice_is_shown_a_cycle_after_it_is_posted_behind_interrupts() -> None:
    dut = TrapLine(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await set_targets(ctx, dut)
        await post(ctx, dut)
        assert shown(ctx, dut) == SHOWN
        put(ctx, dut, threshold=6, entries=entries((2, 7)))
        await ctx.tick().repeat(3)
        assert shown(ctx, dut) == (0, Cause.INTERRUPT, 2, 0)
        ctx.set(dut.threshold, 7)  # the maximal threshold masks notices too
        await ctx.tick()
        assert shown(ctx, dut) == ()
        put(ctx, dut, threshold=6, entries=entries())
        await ctx.tick().repeat(3)
        assert shown(ctx, dut) == SHOWN
        ctx.set(dut.withdraw, 1)
        await post(ctx, dut)
        assert shown(ctx, dut) == SHOWN  # a post wins over a withdrawal
        await ctx.tick()
        assert shown(ctx, dut) == ()
        assert not ctx.get(dut.notice.valid)

    simulate(dut, bench)


def test_blank_hides_all_and_blank_guests_what_is_not_the_hosts() -> None:
    dut = TrapLine(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await set_targets(ctx, dut, s5=2)
        await post(ctx, dut)
        for strobe, source, target, visible in (
            ("blank", 3, 0, False), ("blank", 5, 2, False), ("blank_guests", 3, 0, True), ("blank_guests", 5, 2, False),
        ):
            interrupt = (target, Cause.INTERRUPT, source, target)
            ctx.set(dut.entries, entries((source, 1)))
            await ctx.tick().repeat(LATENCY_CYCLES)
            ctx.set(getattr(dut, strobe), 1)
            assert shown(ctx, dut) == interrupt
            await ctx.tick()
            ctx.set(getattr(dut, strobe), 0)
            for _ in range(LATENCY_CYCLES):
                assert not ctx.get(dut.steady)
                # A notice does not depend on guests' events.
                assert shown(ctx, dut) == (interrupt if visible else () if strobe == "blank" else SHOWN)
                await ctx.tick()
            assert ctx.get(dut.steady)
            assert shown(ctx, dut) == interrupt

    simulate(dut, bench)
