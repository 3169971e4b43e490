"""The circuit under measurement: inputs, outputs and a clock."""

from abc import ABC, abstractmethod
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from hic.cosim.bus import PERIOD_NS

__all__ = ["Circuit", "SimulatedCircuit"]


class Circuit(ABC):
    """A clocked circuit with the ports of `cosim.measurement.pins`."""

    @abstractmethod
    def drive(self, port: str, value: int) -> None:
        """Sets an input, from the next cycle on."""

    @abstractmethod
    async def cycle(self) -> int:
        """Lets a cycle pass; returns what ``seen`` was in it."""


class SimulatedCircuit(Circuit):
    """The circuit in the simulator.

    Parameters
    ----------
    dut : cocotb handle
        The module ``TOP`` of `cosim.measurement.pins`.
    """

    def __init__(self, dut: Any) -> None:
        inputs = ("rst", "request", "address", "wdata", "irq", "acknowledge")
        self._inputs = {name: getattr(dut, name) for name in inputs}
        self._seen = dut.seen
        self._edge = RisingEdge(dut.clk)
        self._clock = Clock(dut.clk, PERIOD_NS, "ns", impl="gpi")
        self._is_running = False

    def drive(self, port: str, value: int) -> None:
        self._inputs[port].value = value

    async def cycle(self) -> int:
        if not self._is_running:
            self._is_running = True
            self._clock.start()
            await Timer(1, "step")  # the edge at which time begins does not count
        await self._edge
        return int(self._seen.value)
