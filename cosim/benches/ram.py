"""A memory in block RAM, held against a list: after each clock it reads what was there before it."""

from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from hic.cosim.bus import PERIOD_NS


@cocotb.test
async def test_reads_what_was_written(dut: Any) -> None:
    """Random reads and writes. The memory begins with numbers of ``Random(1)``."""
    random = Random(2)
    dut.rst.value = 0
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start()
    width, lanes = len(dut.data), len(dut.enable)
    depth = 1 << len(dut.read_address)
    initial = Random(1)
    memory = [initial.getrandbits(width) for _ in range(depth)]
    lane = width // lanes
    seen = set()
    expected = None
    for cycle in range(3_000):
        await FallingEdge(dut.clk)
        if expected is not None:
            assert int(dut.read_data.value) == expected, f"cycle {cycle}"
            seen.add(expected)
        address = random.randrange(min(depth, 40))
        written = address if random.random() < 0.3 else random.randrange(min(depth, 40))
        data, enable = random.getrandbits(width), random.getrandbits(lanes) if random.random() < 0.5 else 0
        dut.read_address.value, dut.write_address.value = address, written
        dut.data.value, dut.enable.value = data, enable
        expected = memory[address]
        mask = sum(((1 << lane) - 1) << lane * i for i in range(lanes) if enable >> i & 1)
        memory[written] = memory[written] & ~mask | data & mask
    assert len(seen) > 10
