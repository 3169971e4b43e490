"""Byte lanes: which words an access of 64 bits makes, in which order, and what it is answered."""

from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from rig import put, simulate

from hic.rtl.bus.lanes import Lanes, lanes_of

LOW, HIGH = 0x1111_2222, 0x3333_4444


def clocked(dut: Lanes) -> Module:
    """Lanes of 32 bits have no register; benches have cycles."""
    m, tick = Module(), Signal()
    m.submodules.dut = dut
    m.d.sync += tick.eq(~tick)
    return m


async def words_of(ctx: Any, dut: Lanes, refused: int = -1, **request: int) -> tuple[list[tuple[int, ...]], int, int]:
    """Makes a request before a core that answers in the second cycle of each: the words, the data, the error."""
    words = []
    put(ctx, dut.wide, valid=1, **request)
    names = "write", "address", "wdata", "strobe"
    for _ in range(8):
        assert ctx.get(dut.bus.valid)
        await ctx.tick()
        word = tuple(ctx.get(getattr(dut.bus, name)) for name in names)
        write, address, strobe = word[0], word[1], word[3]
        words.append(word if write else (address, strobe))
        error = address == refused
        put(ctx, dut.bus, ready=1, error=error, rdata=0 if error or write else address)
        ready, rdata, failed = (ctx.get(getattr(dut.wide, name)) for name in ("ready", "rdata", "error"))
        await ctx.tick()
        put(ctx, dut.bus, ready=0, error=0)
        if ready:
            put(ctx, dut.wide, valid=0)
            return words, rdata, failed
    raise AssertionError("no answer")


def test_a_read_of_64_bits_is_one_of_each_word_that_has_a_lane() -> None:
    dut = Lanes(8, 64)

    async def bench(ctx: Any) -> None:
        assert await words_of(ctx, dut, address=0x48, lanes=0xFF) == ([(0x48, 15), (0x4C, 15)], 0x4C_0000_0048, 0)
        words, rdata, _ = await words_of(ctx, dut, address=0x48, lanes=0x0F)
        assert (words, rdata & 0xFFFF_FFFF) == ([(0x48, 15)], 0x48)
        words, rdata, _ = await words_of(ctx, dut, address=0x48, lanes=0x40)
        assert (words, rdata >> 32) == ([(0x4C, 4)], 0x4C)
        assert await words_of(ctx, dut, 0x48, address=0x48, lanes=0xFF) == ([(0x48, 15), (0x4C, 15)], 0x4C << 32, 1)
        assert await words_of(ctx, dut, 0x4C, address=0x48, lanes=0xFF) == ([(0x48, 15), (0x4C, 15)], 0x48, 1)

    simulate(dut, bench)


def test_a_write_of_64_bits_is_one_of_each_word_that_has_a_lane() -> None:
    dut = Lanes(8, 64)

    async def bench(ctx: Any) -> None:
        request = {"write": 1, "address": 0x10, "wdata": HIGH << 32 | LOW}
        both = [(1, 0x10, LOW, 8), (1, 0x14, HIGH, 1)]
        assert await words_of(ctx, dut, **request, lanes=0x18) == (both, 0, 0)
        assert await words_of(ctx, dut, 0x10, **request, lanes=0x18) == (both, 0, 1)
        assert (await words_of(ctx, dut, **request, lanes=0x30))[0] == [(1, 0x14, HIGH, 3)]

    simulate(dut, bench)


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("write", [0, 1])
def test_an_access_without_a_lane_is_a_write_without_a_strobe(width: int, write: int) -> None:
    dut = Lanes(8, width)

    async def bench(ctx: Any) -> None:
        assert (await words_of(ctx, dut, write=write, address=0x10, lanes=0))[0] == [(1, 0x10, 0, 0)]

    simulate(clocked(dut), bench)


@pytest.mark.parametrize(("address", "size", "width", "lanes"), [
    (3, 0, 32, 0b1000), (3, 1, 32, 0b1100), (1, 2, 32, 0b1111), (1, 3, 32, 0b1111),
    (5, 0, 64, 0x20), (6, 1, 64, 0xC0), (4, 2, 64, 0xF0), (3, 2, 64, 0x0F), (4, 3, 64, 0xFF), (4, 7, 64, 0xFF),
])
def test_lanes_of(address: int, size: int, width: int, lanes: int) -> None:
    m, inputs, found = Module(), Signal(11), Signal(width // 8)
    m.d.comb += found.eq(lanes_of(inputs[:8], inputs[8:], width))

    async def bench(ctx: Any) -> None:
        ctx.set(inputs, size << 8 | address)
        assert ctx.get(found) == lanes

    simulate(m, bench, clock=False)


@pytest.mark.parametrize("width", [16, "32", None])
def test_lanes_wrong(width: Any) -> None:
    with pytest.raises(ValueError, match=rf"^data_width must be 32 or 64, not {width!r}$"):
        Lanes(8, width)
