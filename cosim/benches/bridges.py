"""A bridge in front of a small memory, with the manager of its bus (``HIC_BUS``, of ``HIC_WIDTH`` bits).

The bridge's rules watch all of it.

The memory: 64 words; reads of 0x100 to 0x1fc give the number of such reads so far; from 0x200 on all is refused. An
access takes from 1 to 4 cycles, by its address.
"""

import os
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

from hic.cosim.managers import Answer, Bus, bus_class
from hic.cosim.managers.manager import WideBus
from hic.cosim.testbench import seed_from_environment

IS_WIDE = os.environ.get("HIC_WIDTH") == "64"
COUNTERS, REFUSED = 0x100, 0x200
REFUSAL = Answer(0, True)


class Bench:
    """Clock, reset, manager."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.random = dut, Random(seed_from_environment())
        dut.rst.value = 1
        Clock(dut.clk, 10, "ns", impl="gpi").start()
        self.bus: Bus = bus_class(os.environ["HIC_BUS"])(dut)

    async def reset(self) -> None:
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 3)
        self.bus.clear()
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def watch(self) -> None:
        """No rule is violated, and the manager keeps to the protocol."""
        while True:
            await RisingEdge(self.dut.clk)
            if not self.dut.rst.value:
                assert not self.dut.violated.value, "a rule of the bridge is violated"
                assert not self.dut.broken.value, "the manager breaks an assumption of the bridge"


def on_memory(body: Callable[[Bench], Awaitable[None]], *, skip: bool = False) -> Any:
    """A cocotb test with a bench, without and with stalls of the manager."""

    @wraps(body)
    async def test(dut: Any) -> None:
        bench = Bench(dut)
        watch = cocotb.start_soon(bench.watch())
        for is_stalling in (False, True):
            await bench.reset()
            bench.bus.pause(Random(2) if is_stalling else None)
            await body(bench)
        assert not watch.done()

    return cocotb.test(timeout_time=5, timeout_unit="ms", skip=skip)(test)


@on_memory
async def test_strobes(bench: Bench) -> None:
    """Each strobe that the bus has writes its bytes alone, in words at even and odd places."""
    bus = bench.bus
    for address in (0x40, 0x44):
        for strobe in bus.STROBES:
            assert await bus.write(address, 0x11223344, 15) == Answer(0, False)
            assert await bus.write(address, 0xAABBCCDD, strobe) == Answer(0, False)
            mask = sum(0xFF << 8 * i for i in range(4) if strobe >> i & 1)
            assert await bus.read(address) == Answer(0xAABBCCDD & mask | 0x11223344 & ~mask, False)


@on_memory
async def test_refusal(bench: Bench) -> None:
    """A refused access answers with an error and data 0; the next one is served as if nothing had been."""
    bus = bench.bus
    await bus.write(0x10, 0x12345678, 15)
    for address in range(REFUSED, REFUSED + 0x20, 4):
        assert (await bus.write(address, 0xFFFFFFFF, 15)).error
        assert await bus.read(address) == REFUSAL
        assert await bus.read(0x10) == Answer(0x12345678, False)
        assert await bus.write(0x14, 1, 15) == Answer(0, False)


@on_memory
async def test_random(bench: Bench) -> None:
    """Each access has its own effect and answer, in the order of the accesses; a read that counts counts once."""
    random, bus = bench.random, bench.bus
    reads: int | None = None
    expected = dict.fromkeys(range(0, 0x40, 4), 0)
    for address in expected:
        await bus.write(address, 0, 15)
    for _ in range(300):
        address = random.choice((*expected, *range(COUNTERS, COUNTERS + 16, 4), REFUSED, REFUSED + 0xC))
        value, strobe = random.getrandbits(32), random.choice(bus.STROBES)
        writes = random.random() < 0.5
        answer = await (bus.write(address, value, strobe) if writes else bus.read(address))
        assert answer.error == (address >= REFUSED), f"{address:#x}"
        if address in expected and writes:
            mask = sum(0xFF << 8 * i for i in range(4) if strobe >> i & 1)
            expected[address] = value & mask | expected[address] & ~mask
        elif address in expected:
            assert answer.data == expected[address]
        elif not writes and address < REFUSED:
            reads = answer.data if reads is None else reads + 1
            assert answer.data == reads, "a read was made twice, or not at all"


@on_memory
async def test_cut_short(bench: Bench) -> None:
    """A reset at any moment of an access leaves nothing of it."""
    bus = bench.bus
    bus.pause(None)
    for delay in range(12):
        going = cocotb.start_soon(bus.read(COUNTERS + 4))
        if delay:
            await ClockCycles(bench.dut.clk, delay)
        going.cancel()
        await bench.reset()
        await bus.write(0x30, delay, 15)
        assert await bus.read(COUNTERS) == Answer(0, False)
        assert await bus.read(0x30) == Answer(delay, False)


@partial(on_memory, skip=not IS_WIDE)
async def test_wide(bench: Bench) -> None:
    """64 bits are two words, the lower one first; of fewer lanes only the words that have one are accessed."""
    bus = bench.bus
    assert isinstance(bus, WideBus)
    assert bus.width == 64
    for address in range(0, 0x40, 8):
        value = bench.random.getrandbits(64)
        assert not (await bus.access(True, address, value, 0xFF)).error
        assert await bus.access(False, address, 0, 0xFF) == Answer(value, False)
        assert (await bus.read(address)).data == value & 0xFFFFFFFF
        assert (await bus.read(address + 4)).data == value >> 32
        assert not (await bus.access(True, address, ~value % (1 << 64), 0x0C)).error
        swapped = value ^ 0xFFFF_0000
        assert await bus.access(False, address, 0, 0xFF) == Answer(swapped, False)
    first = (await bus.read(COUNTERS)).data
    assert await bus.access(False, COUNTERS, 0, 0xFF) == Answer(first + 1 | first + 2 << 32, False)
    assert await bus.read(COUNTERS + 4) == Answer(first + 3, False)
    assert await bus.access(False, REFUSED, 0, 0xFF) == REFUSAL
    assert (await bus.access(True, REFUSED + 8, 1, 0xFF)).error
    assert await bus.read(COUNTERS) == Answer(first + 4, False)
