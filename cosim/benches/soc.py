"""The Verilog example: the host gives the timer to a guest, which runs; its interrupts go straight to it."""

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout

from hic.cosim.bus import PERIOD_NS
from hic.rtl.parameters import Trigger
from hic.rtl.registers import IDENTITY_VALUE, MAP
from hic.sw_model.port import window_address


class Registers:
    """The example's register port."""

    def __init__(self, dut: Any) -> None:
        self._dut = dut

    async def access(self, address: int, value: int | None = None) -> int:
        """Writes a value, or reads if there is none."""
        dut = self._dut
        dut.address.value = address
        dut.write.value = value is not None
        dut.wdata.value = value or 0
        dut.valid.value = 1
        while True:
            await RisingEdge(dut.clk)
            if int(dut.ready.value):
                break
        assert not int(dut.error.value), f"access to {address:#x} was refused"
        data = int(dut.rdata.value)
        dut.valid.value = 0
        await RisingEdge(dut.clk)
        return data


async def first_interrupt(dut: Any) -> int:
    """The vector of the next interrupt, once it has been taken."""
    while True:
        await RisingEdge(dut.clk)
        if int(dut.guest_interrupt.value):
            vector = int(dut.guest_vector.value)
            dut.guest_taken.value = 1
            await RisingEdge(dut.clk)
            dut.guest_taken.value = 0
            return vector


@cocotb.test
async def test_guest_gets_its_timer(dut: Any) -> None:
    dut.rst.value = 1
    for name in ("device", "valid", "guest_taken"):
        getattr(dut, name).value = 0
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start()
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    registers, guest = Registers(dut), 1
    assert await registers.access(MAP["IDENTITY"].at()) == IDENTITY_VALUE
    for address, value in (
        (MAP["TRIGGER"].at(1), Trigger.EDGE_RISING),
        (MAP["ROUTE"].at(1), MAP["ROUTE"].pack(owner=guest)),
        (MAP["ALLOW"].at(guest, 0), 1 << 1),
        (MAP["RUNNING"].at(0), guest),
        (window_address(guest, MAP["VECTOR_BASE"].at()), 0x1000),
        (window_address(guest, MAP["PRIORITY"].at(1)), 1),
        (window_address(guest, MAP["ENABLE"].at(0, 0)), 1 << 1),
    ):
        await registers.access(address, value)
    for _ in range(3):
        assert await with_timeout(first_interrupt(dut), 1000 * PERIOD_NS, "ns") == 0x1004
        assert not int(dut.hypervisor_trap.value)
        await registers.access(window_address(guest, MAP["CLAIM"].at(0)), 1)
