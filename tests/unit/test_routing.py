"""Routing: rows and flags that change a cycle after their strobe, and the lines that an event belongs on."""

from typing import Any

from rig import put, simulate

from hic.rtl.delivery.routing import Routing
from hic.rtl.parameters import Parameters

PARAMETERS = Parameters(source_count=40, context_count=4, hart_count=2)
ALL = (1 << 40) - 1


def bits(*sources: int) -> int:
    """A word or vector: bit s, of a word of rows; shifted by one, of a vector of sources."""
    return sum(1 << source for source in sources)


def shown(ctx: Any, entries: Any) -> dict[int, int]:
    """Sources on a line, with their keys."""
    return {i + 1: ctx.get(entry.key) for i, entry in enumerate(entries) if ctx.get(entry.valid)}


async def strobe(ctx: Any, dut: Routing, name: str, **values: int) -> None:
    put(ctx, dut, **{name: 1}, **values)
    await ctx.tick()
    ctx.set(getattr(dut, name), 0)


async def prepare(ctx: Any, dut: Routing) -> None:
    """Context 2 owns 3, 5 and 33, and has 3 and 33 enabled; the host has the others. Priorities are source % 8."""
    for context in range(4):
        await strobe(ctx, dut, "sweep", owned_write_row=context, enabled_write_row=context,
                     owned_write_data=0xFFFFFFFF if context == 0 else 0, enabled_write_data=0)
    await strobe(ctx, dut, "sweep", owned_write_row=3, enabled_write_row=4, owned_write_data=0)
    for row, word, data in ((0, 0, ~bits(3, 5)), (2, 0, bits(3, 5)), (0, 1, ~bits(1)), (2, 1, bits(1))):
        await strobe(ctx, dut, "owned_write", owned_write_row=row, write_word=word, owned_write_data=data & 0xFFFFFFFF)
    for row, word, data in ((2, 0, bits(3)), (2, 1, bits(1)), (4, 0, bits(4))):
        await strobe(ctx, dut, "enabled_write", enabled_write_row=row, write_word=word, enabled_write_data=data)
    for source in range(1, 41):
        await strobe(ctx, dut, "write_priority", source=source, priority=source % 8)
    put(ctx, dut, source=0, waiting=ALL, kept=ALL)


def test_rows_are_read_at_once_in_words() -> None:
    dut = Routing(PARAMETERS)
    assert dut.row_count == 5  # a row for each context, and one for the host at the second hart

    async def bench(ctx: Any) -> None:
        await prepare(ctx, dut)
        put(ctx, dut, owned_row=2, enabled_row=2, word=0)
        assert (ctx.get(dut.owned_word), ctx.get(dut.enabled_word)) == (bits(3, 5), bits(3))
        ctx.set(dut.word, 1)
        assert (ctx.get(dut.owned_word), ctx.get(dut.enabled_word)) == (bits(1), bits(1))
        put(ctx, dut, owned_row=0, enabled_row=4, word=0)
        assert (ctx.get(dut.owned_word), ctx.get(dut.enabled_word)) == (0xFFFFFFFE & ~bits(3, 5), bits(4))

    simulate(dut, bench)


def test_refresh_puts_a_row_on_the_lines_of_its_harts() -> None:
    dut = Routing(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await prepare(ctx, dut)
        put(ctx, dut, owned_row=2, enabled_row=2, word=0)
        await strobe(ctx, dut, "refresh", is_running=0b10, is_chosen=0b01, level=0)
        assert [shown(ctx, line) for line in dut.direct] == [{}, {3: 3, 33: 1}]
        assert [shown(ctx, line) for line in dut.trap] == [{3: 3, 33: 1}, {}]
        # Only what waits is shown. The level holds for trap lines; the direct line compares with its threshold itself.
        ctx.set(dut.waiting, 1 << 33 - 1)
        assert shown(ctx, dut.direct[1]) == {33: 1}
        ctx.set(dut.waiting, ALL)
        await strobe(ctx, dut, "refresh", is_running=0b01, is_chosen=0b10, level=1)
        assert [shown(ctx, line) for line in dut.direct] == [{3: 3, 33: 1}, {}]
        assert [shown(ctx, line) for line in dut.trap] == [{}, {3: 3}]
        await strobe(ctx, dut, "refresh", is_running=0, is_chosen=0)
        assert [shown(ctx, line) for line in (*dut.direct, *dut.trap)] == [{}] * 4

    simulate(dut, bench)


def test_host_row_is_that_of_one_hart() -> None:
    dut = Routing(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await prepare(ctx, dut)
        put(ctx, dut, owned_row=0, enabled_row=4, is_host=1, level=7)
        await strobe(ctx, dut, "refresh", is_running=0, is_chosen=0b10)
        assert [shown(ctx, line) for line in (*dut.direct, *dut.trap)] == [{}, {}, {}, {4: 4}]
        # The row of the other hart, in which nothing is enabled, leaves this line as it is.
        ctx.set(dut.enabled_row, 0)
        await strobe(ctx, dut, "refresh", is_chosen=0b01)
        assert shown(ctx, dut.trap[1]) == {4: 4}
        ctx.set(dut.word, 0)
        await strobe(ctx, dut, "strike", struck=bits(4), is_chosen=0b01)
        assert shown(ctx, dut.trap[1]) == {4: 4}
        await strobe(ctx, dut, "strike", struck=bits(4), is_chosen=0b10)
        assert shown(ctx, dut.trap[1]) == {}

    simulate(dut, bench)


def test_strike_and_drop_take_sources_off_all_lines() -> None:
    dut = Routing(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await prepare(ctx, dut)
        put(ctx, dut, owned_row=2, enabled_row=2)
        for name, values, left in (
            ("strike", {"word": 0, "struck": bits(1, 3)}, {33: 1}), ("strike", {"word": 1, "struck": bits(1)}, {3: 3}),
            ("drop", {"source": 3}, {33: 1}), ("drop", {"source": 7}, {3: 3, 33: 1}),
        ):
            await strobe(ctx, dut, "refresh", is_running=0b01, is_chosen=0b10, level=0)
            put(ctx, dut, is_running=0, is_chosen=0)
            await strobe(ctx, dut, name, **values)
            assert shown(ctx, dut.direct[0]) == shown(ctx, dut.trap[1]) == left

    simulate(dut, bench)


def test_event_waits_says_a_cycle_later_that_an_event_waits_above_the_level() -> None:
    dut = Routing(PARAMETERS)

    async def bench(ctx: Any) -> None:
        await prepare(ctx, dut)
        for row, kept, level, event_waits in (
            (2, bits(2), 0, 1), (2, bits(2), 3, 0), (2, bits(2, 32), 2, 1), (2, bits(4), 0, 0), (2, bits(32), 0, 1),
            (1, ALL, 0, 0), (2, 0, 0, 0),
        ):
            before = ctx.get(dut.event_waits)
            put(ctx, dut, owned_row=row, enabled_row=row, kept=kept, level=level)
            assert ctx.get(dut.event_waits) == before
            await ctx.tick()
            assert ctx.get(dut.event_waits) == event_waits

    simulate(dut, bench)
