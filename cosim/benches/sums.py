"""Adds up numbers with what `tests/test_cosim_replay.py` records; says in ``sums.txt`` where its adder can be wrong."""

from pathlib import Path
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from hic.cosim.bus import PERIOD_NS
from hic.cosim.replay import note_start


async def add(dut: Any, numbers: list[int]) -> int | None:
    """Adds numbers, from 0; the first cycle in which the sum is another if the adder is wrong."""
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start()
    dut.rst.value, dut.step.value = 1, 0
    await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0
    expected, differs = 0, None
    for number in numbers:
        dut.step.value = number
        if differs is None and expected > 200 and number == 7:
            differs = int(dut.replay_cycle.value) + 1
        await FallingEdge(dut.clk)
        expected = expected + number & 0xFF
        assert int(dut.sum.value) == expected
    return differs


@cocotb.test
async def test_small_sums(dut: Any) -> None:
    note_start(dut, "test_small_sums")
    assert await add(dut, [7] * 20) is None


@cocotb.test
async def test_large_sums(dut: Any) -> None:
    begun, random = int(dut.replay_cycle.value), Random(1)
    note_start(dut, "test_large_sums")
    differs = await add(dut, [random.randrange(16) for _ in range(2_000)])
    Path("sums.txt").write_text(f"{begun} {differs}")
