"""A board's serial line as a pseudo-terminal (see cosim.board)."""

import os
import pty
import select
import tty
from itertools import groupby
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, Timer, ValueChange

from hic.cosim.board import DEVICE, DIVISOR, LIGHTS
from hic.cosim.bus import PERIOD_NS
from hic.rtl.link import FLAG

_CHUNK_CYCLES = 200
_IDLE_S = 0.02


class SerialHost:
    """The host's end of the line: bytes to the board's ``rx``, bytes from its ``tx``."""

    def __init__(self, dut: Any, bit_ns: int) -> None:
        self._dut = dut
        self._bit_ns = bit_ns
        self.received = bytearray()

    async def send(self, data: bytes) -> None:
        """Sends bytes back to back."""
        for byte in data:
            for level, bits in groupby([0, *(byte >> i & 1 for i in range(8)), 1]):
                self._dut.rx.value = level
                await Timer(self._bit_ns * len(list(bits)), "ns")

    async def receive(self) -> None:
        """Collects bytes for ever."""
        while True:
            await FallingEdge(self._dut.tx)
            await Timer(self._bit_ns // 2, "ns")
            byte = 0
            for i in range(8):
                await Timer(self._bit_ns, "ns")
                byte |= int(self._dut.tx.value) << i
            await Timer(self._bit_ns, "ns")
            assert int(self._dut.tx.value) == 1, "a byte has no stop bit"
            self.received.append(byte)


async def watch_lights(dut: Any, path: Path) -> None:
    """Adds a line with what the lights show now, in binary, each time that they change."""
    with path.open("w") as file:
        while True:
            await ValueChange(dut.lights)
            file.write(f"{dut.lights.value}\n")
            file.flush()


@cocotb.test
async def serve(dut: Any) -> None:
    """Until the link to the device is removed. Time stands still while no request waits for its answer."""
    device = Path(os.environ[DEVICE])
    dut.rst.value = 1
    dut.rx.value = 1
    dut.buttons.value = 0
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start()
    await ClockCycles(dut.clk, 10)
    dut.rst.value = 0
    host = SerialHost(dut, PERIOD_NS * int(os.environ[DIVISOR]))
    cocotb.start_soon(host.receive())
    cocotb.start_soon(watch_lights(dut, Path(LIGHTS)))

    master, slave = pty.openpty()
    tty.setraw(slave)
    temporary = device.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.ttyname(slave))
    temporary.rename(device)
    owed = 0  # flags that the board has still to send
    while True:
        readable, _, _ = select.select([master], [], [], 0 if owed > 0 else _IDLE_S)
        if readable:
            data = os.read(master, 4096)
            owed = 2
            await host.send(data)
        elif owed > 0:
            await ClockCycles(dut.clk, _CHUNK_CYCLES)
        elif not device.is_symlink():
            break
        if host.received:
            owed -= host.received.count(FLAG)
            os.write(master, host.received)
            host.received.clear()
        if owed > 0 and not device.is_symlink():
            break
    os.close(slave)
    os.close(master)
