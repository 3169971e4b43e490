"""The port itself: tasks that are cancelled at any moment of an access."""

from typing import Any

import cocotb
from cocotb.triggers import NullTrigger

from hic.cosim.bus import RtlPort
from hic.cosim.testbench import parameters_from_environment
from hic.rtl.registers import IDENTITY_VALUE, MAP

IDENTITY = MAP["IDENTITY"].at()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def test_cancelled_access(dut: Any) -> None:
    """A task that is cancelled while it gets its turn does not keep it."""
    port = RtlPort(dut, parameters_from_environment())
    await port.reset()
    for moments in range(6):
        task = cocotb.start_soon(port.read(IDENTITY))
        for _ in range(moments):
            await NullTrigger()
        task.cancel()
        await port.reset(1)
        assert await port.read(IDENTITY) == IDENTITY_VALUE


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def test_accesses_take_turns(dut: Any) -> None:
    """Of several tasks one at a time asks, also behind one that is cancelled: the next after the response."""
    port = RtlPort(dut, parameters_from_environment())
    await port.reset()
    tasks = [cocotb.start_soon(port.read(IDENTITY)) for _ in range(3)]
    waiting = cocotb.start_soon(port.read(IDENTITY))
    await port.advance(2)
    waiting.cancel()
    asked = answered = 0
    while answered < len(tasks):
        await port.advance(1)
        if dut.s_axi_arvalid.value:
            assert asked == answered, "asks before the last access is answered"
            asked += bool(dut.s_axi_arready.value)
        answered += bool(dut.s_axi_rvalid.value and dut.s_axi_rready.value)
    assert [await task for task in tasks] == [IDENTITY_VALUE] * 3
