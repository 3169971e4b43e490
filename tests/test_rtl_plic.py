"""The plain PLIC: claims, completions, priorities, and its cycles."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from amaranth.sim import Simulator

from hic.rtl.plic import Plic

ENABLE, THRESHOLD, CLAIM = 0x2000, 0x200000, 0x200004


class Bench:
    """One initiator on the bus; an access returns what was read, and leaves how long it took in ``cycles``."""

    def __init__(self, ctx: Any, plic: Plic) -> None:
        self.ctx, self.plic, self.cycles = ctx, plic, 0

    async def access(self, address: int, value: int | None = None, strobe: int = 15) -> int:
        ctx, bus = self.ctx, self.plic.bus
        ctx.set(bus.valid, 1)
        ctx.set(bus.write, value is not None)
        ctx.set(bus.address, address)
        ctx.set(bus.wdata, value or 0)
        ctx.set(bus.strobe, strobe)
        self.cycles = 0
        while True:
            _, _, ready, data = await ctx.tick().sample(bus.ready, bus.rdata)
            if ready:
                ctx.set(bus.valid, 0)
                return int(data)
            self.cycles += 1

    async def prepare(self, context: int, **priorities: int) -> None:
        """Enables sources (``s3=2``: source 3 with priority 2) in a context."""
        words: dict[int, int] = {}
        for name, priority in priorities.items():
            source = int(name[1:])
            await self.access(4 * source, priority)
            words[source // 32] = words.get(source // 32, 0) | 1 << source % 32
        for word, value in words.items():
            await self.access(ENABLE + 0x80 * context + 4 * word, value)


def simulate(test: Callable[[Bench], Coroutine[Any, Any, None]], **parameters: int) -> None:
    plic = Plic(**{"source_count": 40, "context_count": 2, **parameters})
    simulator = Simulator(plic)
    simulator.add_clock(1e-6)

    async def testbench(ctx: Any) -> None:
        await test(Bench(ctx, plic))

    simulator.add_testbench(testbench)
    simulator.run()


def test_claims_come_in_order_of_priority():
    async def test(bench: Bench) -> None:
        await bench.prepare(1, s3=1, s5=2, s39=2)
        bench.ctx.set(bench.plic.irq, 1 << 2 | 1 << 4 | 1 << 38)
        await bench.ctx.tick().repeat(5)
        assert bench.ctx.get(bench.plic.lines) == 0b10
        assert [await bench.access(CLAIM + 0x1000) for _ in range(4)] == [5, 39, 3, 0]
        assert await bench.access(CLAIM) == 0

    simulate(test)


def test_level_is_sampled_again_after_completion():
    async def test(bench: Bench) -> None:
        await bench.prepare(0, s1=1)
        bench.ctx.set(bench.plic.irq, 1)
        await bench.ctx.tick().repeat(5)
        assert await bench.access(CLAIM) == 1
        assert await bench.access(CLAIM) == 0, "it is in service"
        for wrong in (0, 2, 1 | 1 << 10):
            await bench.access(CLAIM, wrong)
        await bench.access(CLAIM + 0x1000, 1)  # has it not enabled
        await bench.access(CLAIM, 1, strobe=0b1110)
        assert await bench.access(CLAIM) == 0
        await bench.access(CLAIM, 1)
        assert await bench.access(CLAIM) == 1
        await bench.access(CLAIM, 1)
        bench.ctx.set(bench.plic.irq, 0)
        await bench.ctx.tick().repeat(3)
        assert await bench.access(CLAIM) == 1, "it pended before its wire fell"
        await bench.access(CLAIM, 1)
        assert await bench.access(CLAIM) == 0

    simulate(test)


def test_threshold_masks_the_line_and_not_the_claim():
    async def test(bench: Bench) -> None:
        await bench.prepare(0, s40=3)
        await bench.access(THRESHOLD, 3)
        bench.ctx.set(bench.plic.irq, 1 << 39)
        await bench.ctx.tick().repeat(8)
        assert bench.ctx.get(bench.plic.lines) == 0
        assert await bench.access(0x1004) == 1 << 8
        await bench.access(THRESHOLD, 2)
        await bench.ctx.tick().repeat(1)
        assert bench.ctx.get(bench.plic.lines) == 1
        assert await bench.access(CLAIM) == 40

    simulate(test)


def test_registers_keep_what_exists():
    async def test(bench: Bench) -> None:
        for address, usable in (
            (4 * 40, 7), (ENABLE, 0xFFFFFFFE), (ENABLE + 4, 0x1FF), (ENABLE + 0x80, 0xFFFFFFFE),
            (THRESHOLD + 0x1000, 7),
        ):
            await bench.access(address, 0xFFFFFFFF)
            assert await bench.access(address) == usable
            await bench.access(address, 0, strobe=0b1110)
            assert await bench.access(address) == usable & 0xFF
        for address in (0, 4 * 41, 0x1000, ENABLE + 8, ENABLE + 0x100, THRESHOLD + 0x2000, 0x200008, 0x3FFFFFC):
            await bench.access(address, 0xFFFFFFFF)
            assert await bench.access(address) == 0

    simulate(test)


def test_cycles_are_those_documented():
    async def test(bench: Bench) -> None:
        await bench.prepare(0, s1=1, s2=1)
        await bench.ctx.tick().repeat(3)
        bench.ctx.set(bench.plic.irq, 3)
        await bench.ctx.tick().repeat(4)
        assert bench.ctx.get(bench.plic.lines) == 0
        await bench.ctx.tick()
        assert bench.ctx.get(bench.plic.lines) == 1
        waited = []
        for address, value in ((4, None), (8, None), (CLAIM, None), (4, None), (4, 2), (4, None), (4, None)):
            await bench.access(address, value)
            waited.append(bench.cycles)
        assert waited == [0, 0, 0, 2, 0, 2, 0]

    simulate(test)


@pytest.mark.parametrize("source_count", [1, 31, 32])
def test_other_sizes(source_count):
    async def test(bench: Bench) -> None:
        await bench.prepare(2, **{f"s{source_count}": 1})
        bench.ctx.set(bench.plic.irq, 1 << source_count - 1)
        await bench.ctx.tick().repeat(5)
        assert await bench.access(CLAIM + 0x2000) == source_count

    simulate(test, source_count=source_count, context_count=3, priority_bits=1)


@pytest.mark.parametrize(("name", "value", "message"), [
    ("source_count", 1024, r"^Plic source_count must be from 1 to 1023, not 1024$"),
    ("context_count", 0, r"^Plic context_count must be from 1 to 256, not 0$"),
    ("priority_bits", 9, r"^Plic priority_bits must be from 1 to 8, not 9$"),
])
def test_parameter_wrong(name, value, message):
    with pytest.raises(ValueError, match=message):
        Plic(**{"source_count": 4, "context_count": 1, name: value})


def test_parameter_of_the_wrong_kind():
    with pytest.raises(TypeError, match=r"^Plic source_count must be an integer, not '4'$"):
        Plic(source_count="4", context_count=1)
