"""The abstract port on the RTL: each register access is an AXI4-Lite transaction, each line a signal."""

import logging
from collections.abc import Callable
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.task import Task
from cocotb.triggers import ClockCycles, Event, First, RisingEdge, Timer
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiResp
from cocotbext.axi.axil_channels import (
    AxiLiteARSource,
    AxiLiteARTransaction,
    AxiLiteAWSource,
    AxiLiteAWTransaction,
    AxiLiteBSink,
    AxiLiteRSink,
    AxiLiteWSource,
    AxiLiteWTransaction,
)

from hic.rtl.parameters import Cause, Parameters
from hic.rtl.registers import MAP
from hic.rtl.timing import AXI4_LITE_CYCLES, Limits
from hic.sw_model.port import BusError, DirectLine, Port, TrapLine

__all__ = [
    "PERIOD_NS", "BusHang", "ForeignResponse", "RtlPort", "answer_cycles", "is_error",
]

PERIOD_NS = 10
"""The simulated clock's period."""

_DIRECT = ("valid", "context", "source")
_TRAP = ("valid", "target", "cause", "source", "context")
_STALLS = (1, 2, 3, 5, 50)
"""For how many cycles a channel stalls, or does not."""



class BusHang(AssertionError):
    """The controller does not answer an access."""


class ForeignResponse(AssertionError):
    """A response on the bus is none that the controller gives."""


def is_error(response: int) -> bool:
    """True if BRESP or RRESP is SLVERR. Raises ForeignResponse if it is not OKAY either."""
    if response not in (AxiResp.OKAY, AxiResp.SLVERR):
        raise ForeignResponse(f"a response must be OKAY (0) or SLVERR (2), not {response}")
    return response == int(AxiResp.SLVERR)


def answer_cycles(parameters: Parameters) -> int:
    """Cycles within which an access is answered, if every channel stalls half of the time.

    The first one after a reset waits until the memories are swept.
    """
    limits = Limits(parameters)
    return limits.reset + 2 * (limits.turn + AXI4_LITE_CYCLES) + 8 * max(_STALLS)


class _Turn:
    """One at a time, as ``async with``.

    ``cocotb.triggers.Lock`` stays locked for ever if a task is cancelled between being given the lock and running on;
    here a task takes its turn when it runs.
    """

    def __init__(self) -> None:
        self._is_taken, self._ended = False, Event()

    async def __aenter__(self) -> None:
        while self._is_taken:
            self._ended.clear()
            await self._ended.wait()
        self._is_taken = True

    async def __aexit__(self, *_: object) -> None:
        self._is_taken = False
        self._ended.set()


class _Patient:
    """A source of cocotbext-axi that sleeps while its transaction waits for READY, instead of looking in each cycle."""

    async def _run(self: Any) -> None:
        edge, ready = RisingEdge(self.clock), RisingEdge(self.ready)
        while True:
            await edge
            if self.valid.value and not self.ready.value:
                await ready  # and is taken at the edge after that
            elif not self.queue.empty() and not self.pause:
                self.bus.drive(self.queue.get_nowait())
                self.dequeue_event.set()
                self.valid.value = 1
                self.active = True
            else:
                self.valid.value = 0
                self.active = not self.queue.empty()
                if not self.active:
                    self.idle_event.set()
                    self.active_event.clear()
                    await self.active_event.wait()


class _AddressSource(_Patient, AxiLiteAWSource):
    """Write addresses."""


class _DataSource(_Patient, AxiLiteWSource):
    """Written data."""


class _ReadSource(_Patient, AxiLiteARSource):
    """Read addresses."""


class RtlPort(Port):
    """The controller in the simulator.

    Everything happens just after a rising clock edge. A line is read as a hart samples it at that edge.

    Parameters
    ----------
    dut : cocotb handle
        The top module made by ``rtl.export.generate.generate(..., bus="axi4lite")``.
    parameters : Parameters
        The configuration that it was made for.
    pauses_by : Random, optional
        If given, each AXI channel stalls at random.
    gated : bool
        ``watch`` stops the clock once everything has settled, for the rest of its cycles, which count as ever.
        It may where no time limit runs (STUCK_LIMIT): nothing but the walker would move.

    Raises
    ------
    BusHang
        Out of a task of its own: an access is not answered within ``answer_cycles``.
    """

    def __init__(
        self, dut: Any, parameters: Parameters, *, pauses_by: Random | None = None, gated: bool = False
    ) -> None:
        super().__init__(parameters)
        self._dut = dut
        self._wires = 0
        self._start_ns = 0
        self.on_reset: Callable[[], None] | None = None
        """Called when a reset ends, in cycle 0."""
        self._turn = _Turn()
        self._edge = RisingEdge(dut.clk)
        self._limit_ns = answer_cycles(parameters) * PERIOD_NS
        self._asked = 0
        self._unanswered: int | None = None
        self._stalls: list[Task[None]] = []
        self._changed = Event()
        self._gated, self._quiet, self._active_at = gated, Limits(parameters).quiet, 0
        self._watches: list[Task[None]] = []
        dut.rst.value = 1
        self._inputs_low()
        self._clock = Clock(dut.clk, PERIOD_NS, "ns", impl="gpi")
        self._clock.start()
        logging.getLogger(f"cocotb.{dut._name}.s_axi").setLevel(logging.WARNING)
        bus, clock = AxiLiteBus.from_prefix(dut, "s_axi"), (dut.clk, dut.rst)
        self._aw, self._w = _AddressSource(bus.write.aw, *clock), _DataSource(bus.write.w, *clock)
        self._ar = _ReadSource(bus.read.ar, *clock)
        self._b, self._r = AxiLiteBSink(bus.write.b, *clock), AxiLiteRSink(bus.read.r, *clock)
        self._channels = (self._aw, self._w, self._b, self._ar, self._r)
        if pauses_by is not None:
            self.pause(pauses_by)
        cocotb.start_soon(self._watch())

    @property
    def now(self) -> int:
        """Cycles since reset: the number of the cycle that this moment is in."""
        return (int(get_sim_time("ns")) - self._start_ns) // PERIOD_NS

    @property
    def wires(self) -> int:
        """The levels of all wires: bit s is source s."""
        return self._wires

    def pause(self, random: Random | None) -> None:
        """From now on each AXI channel stalls at random; never, if None."""
        for stall in self._stalls:
            stall.cancel()
        for channel in self._channels:
            channel.pause = False
        self._stalls = []
        if random is not None:
            self._stalls = [cocotb.start_soon(self._stall(channel, random)) for channel in self._channels]

    def hold(self, channel: str, is_held: bool) -> None:
        """Keeps one AXI channel (aw, w, b, ar, r) waiting, until it is let go."""
        {"aw": self._aw, "w": self._w, "b": self._b, "ar": self._ar, "r": self._r}[channel].pause = is_held

    async def _stall(self, channel: Any, random: Random) -> None:
        """Half of the time: for a few cycles, and now and then for as long as an access takes."""
        while True:
            channel.pause = not channel.pause
            await self.advance(random.choice(_STALLS))

    def _inputs_low(self) -> None:
        self._wires = 0
        self._active_at = 0
        self._dut.irq.value = 0
        for hart in range(self.parameters.hart_count):
            getattr(self._dut, f"direct{hart}_acknowledge").value = 0

    async def reset(self, cycles: int = 4) -> None:
        """Resets the controller for some cycles, wires low, and waits until it takes accesses.

        An access that was cut short, because its task was cancelled, is forgotten.
        """
        async with self._turn:
            self._dut.rst.value = 1
            self._inputs_low()
            await Timer(1, "step")  # an edge of this very moment, as when time begins, does not count
            await ClockCycles(self._dut.clk, cycles)
            for channel in self._channels:
                channel.clear()
            self._dut.rst.value = 0
            self._start_ns = int(get_sim_time("ns"))
            if self.on_reset is not None:
                self.on_reset()
        await self.read(MAP["IDENTITY"].at())

    async def read(self, address: int) -> int:
        """Reads a register in one transaction. Raises BusError if refused"""
        async with self._turn:
            self._active_at = self.now
            await self._ar.send(AxiLiteARTransaction(araddr=address, arprot=0))
            answer = await self._answer(self._r, address)
            self._active_at = self.now
        if is_error(int(answer.rresp)):
            raise BusError(address, False)
        return int(answer.rdata)

    async def write(self, address: int, value: int, strobe: int = 0b1111) -> None:
        """Writes a register in one transaction. Raises BusError if refused"""
        async with self._turn:
            self._active_at = self.now
            await self._aw.send(AxiLiteAWTransaction(awaddr=address, awprot=0))
            await self._w.send(AxiLiteWTransaction(wdata=value, wstrb=strobe))
            answer = await self._answer(self._b, address)
            self._active_at = self.now
        if is_error(int(answer.bresp)):
            raise BusError(address, True)

    async def _answer(self, channel: Any, address: int) -> Any:
        self._asked += 1
        self._unanswered = address
        try:
            return await channel.recv()
        finally:
            self._unanswered = None

    async def _watch(self) -> None:
        """Raises BusHang when an access has been waiting for too long."""
        while True:
            asked = self._asked
            await Timer(self._limit_ns, "ns")
            if self._unanswered is not None and self._asked == asked:
                cycles = self._limit_ns // PERIOD_NS
                raise BusHang(f"cycle {self.now}: {self._unanswered:#x} does not answer for {cycles} cycles or more")

    async def drive(self, source: int, level: int) -> None:
        """Sets the wire of a source, in this cycle."""
        if not 1 <= source <= self.parameters.source_count:
            raise ValueError(f"source must be from 1 to {self.parameters.source_count}, not {source!r}")
        if level not in (0, 1):
            raise ValueError(f"level of source {source} must be 0 or 1, not {level!r}")
        self._wires = self._wires & ~(1 << source) | level << source
        self._active_at = self.now
        self._dut.irq.value = self._wires >> 1

    async def drive_all(self, levels: int) -> None:
        """Sets all wires, in this cycle: bit s is source s."""
        self._wires = levels
        self._active_at = self.now
        self._dut.irq.value = levels >> 1

    async def direct(self, hart: int) -> DirectLine:
        """The hart's direct line, as sampled at the last clock edge."""
        if not int(getattr(self._dut, f"direct{hart}_valid").value):
            return DirectLine()
        field = self._fields(f"direct{hart}")
        return DirectLine(True, field("context"), field("source"), field("vector"))

    async def trap(self, hart: int) -> TrapLine:
        """The hart's trap line, as sampled at the last clock edge."""
        if not int(getattr(self._dut, f"trap{hart}_valid").value):
            return TrapLine()
        field = self._fields(f"trap{hart}")
        return TrapLine(True, field("target"), Cause(field("cause")), field("source"), field("context"))

    def _fields(self, line: str) -> Any:
        return lambda name: int(getattr(self._dut, f"{line}_{name}").value)

    async def acknowledge(self, hart: int) -> DirectLine:
        """Raises the acknowledge input for one cycle; returns what it claimed."""
        signal = getattr(self._dut, f"direct{hart}_acknowledge")
        signal.value = 1
        self._active_at = self.now
        await self._edge
        signal.value = 0
        return await self.direct(hart)

    async def advance(self, cycles: int) -> None:
        """Lets clock cycles pass. Python sleeps until the last of them."""
        if cycles > 1:
            await Timer(cycles * PERIOD_NS - PERIOD_NS // 2, "ns")
        if cycles:
            await self._edge

    async def watch(self, cycles: int) -> bool:
        """As ``advance``; returns in the first cycle in which a hart samples another line than before."""
        if not self._watches:
            names = [f"direct{hart}_{name}" for hart in range(self.parameters.hart_count) for name in _DIRECT]
            names += [f"trap{hart}_{name}" for hart in range(self.parameters.hart_count) for name in _TRAP]
            self._watches = [cocotb.start_soon(self._follow(name)) for name in names]
        if not self._changed.is_set():
            if cycles <= 1:
                await self.advance(cycles)
                return False
            begin = self.now
            run = min(cycles, max(2, self._active_at + self._quiet - begin)) if self._gated else cycles
            await First(self._changed.wait(), Timer(run * PERIOD_NS - PERIOD_NS // 2, "ns"))
            await self._edge
            left = cycles - (self.now - begin)
            if left > 1 and not self._changed.is_set():
                await self._stop_clock(left)
        changed = self._changed.is_set()
        if changed:
            self._active_at = self.now
        self._changed.clear()
        return changed

    async def _stop_clock(self, cycles: int) -> None:
        """The clock's next rising edge is in as many cycles."""
        low_ns = PERIOD_NS // 2 + 1
        await Timer(low_ns, "ns")
        self._clock.stop()
        await Timer(cycles * PERIOD_NS - PERIOD_NS // 2 - low_ns, "ns")
        self._clock.start(start_high=False)
        await self._edge

    async def _follow(self, name: str) -> None:
        signal = getattr(self._dut, name)
        while True:
            await signal.value_change
            self._changed.set()

    async def settle(self) -> None:
        """Lets as many cycles pass as consequences take while the bus is quiet."""
        await self.advance(Limits(self.parameters).quiet)
