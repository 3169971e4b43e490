"""Lets a recording be replayed (`cosim.replay`), and leaves in ``replay.txt`` where outputs were others, if ever."""

from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from hic.cosim.bus import PERIOD_NS


@cocotb.test
async def test_replay(dut: Any) -> None:
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start()
    await RisingEdge(dut.replay_done)
    Path("replay.txt").write_text(str(int(dut.replay_cycle.value)) if dut.replay_differs.value else "")
