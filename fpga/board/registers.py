"""The board's own registers."""

from collections.abc import Iterator
from contextlib import contextmanager

from amaranth.hdl import Module, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hic.rtl.interfaces import BusSignature, DirectLineSignature, TrapLineSignature
from hic.rtl.link import BOARD, BOARD_IDENTITY
from hic.rtl.parameters import Parameters
from hic.rtl.registers import Access

from .bus import pack_fields
from .latency import WORDS
from .plan import Pace, Plan

__all__ = ["BOARD_BITS", "BoardRegisters"]

BOARD_BITS = 13
"""Width of an address among the board's registers."""


class BoardRegisters(wiring.Component):
    """The registers of ``rtl.link.BOARD``.

    Writes need all four bytes; others, and accesses to no register, are refused.

    Latency: 1 cycle.

    Parameters
    ----------
    plan : Plan
        The demonstration.
    pace : Pace
        First values of TAKE, SERVE and PERIOD.
    tunable : bool
        These can be written; if not, they cost nothing.
    clock_hz, divisor, build : int
        Values of CLOCK, DIVISOR and BUILD.

    Members
    -------
    bus : In(BusSignature(BOARD_BITS))
        Register access.
    direct, trap : In(...).array(hart_count)
        The harts' lines. A read of ACKNOWLEDGE acknowledges.
    latency_address, latency_data
        The latency meter's results.
    dropped : In(1)
        High for one cycle with each frame dropped.
    run, reset : Out(1)
        CONTROL; reset is high for one cycle.
    take, serve : Out(16)
        TAKE and SERVE.
    wires : Out(source_count)
        WIRES; bit i is source i + 1.
    periods : Out(24).array(len(plan.sources))
        PERIOD.
    """

    def __init__(self, plan: Plan, pace: Pace, *, tunable: bool, clock_hz: int, divisor: int, build: int) -> None:
        self._plan, self._pace, self._tunable = plan, pace, tunable
        self._constants = {
            "BOARD_IDENTITY": BOARD_IDENTITY, "BUILD": build, "CLOCK": clock_hz, "GENERATORS": len(plan.sources),
            "DIVISOR": divisor,
        }
        p = plan.parameters
        count = len(plan.sources)
        super().__init__({
            "bus": In(BusSignature(BOARD_BITS)),
            "direct": In(DirectLineSignature(p)).array(p.hart_count),
            "trap": In(TrapLineSignature(p)).array(p.hart_count),
            "latency_address": Out(range(count * WORDS)),
            "latency_data": In(32),
            "dropped": In(1),
            "run": Out(1, init=1),
            "reset": Out(1),
            "take": Out(16, init=pace.take),
            "serve": Out(16, init=pace.serve),
            "wires": Out(p.source_count),
            "periods": Out(24).array(count),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p: Parameters = self._plan.parameters
        bus = self.bus
        word = bus.address[2:]
        second, is_latency = Signal(), Signal()
        result, dropped = Signal(32), Signal(16)
        periods = [
            Signal(24, name=f"period_{s.number}", init=self._pace.period(s.kind)) for s in self._plan.sources
        ]
        vectors = [Signal(32, name=f"vector_{h}") for h in range(p.hart_count)]
        wires = Signal(p.word_count * 32)
        m.d.comb += [
            *(out.eq(period) for out, period in zip(self.periods, periods, strict=True)),
            self.wires.eq(wires[1:]),
            self.latency_address.eq(word - BOARD["LATENCY"].at(1, 0) // 4),
            bus.ready.eq(second),
            bus.rdata.eq(result),
        ]
        with m.If(second & is_latency):
            m.d.comb += bus.rdata.eq(self.latency_data)
        m.d.sync += [second.eq(bus.valid & ~second), self.reset.eq(0), result.eq(0), bus.error.eq(1), is_latency.eq(0)]
        with m.If(self.dropped):
            m.d.sync += dropped.eq(dropped + 1)

        @contextmanager
        def case(name: str, *indices: int) -> Iterator[None]:
            register = BOARD[name]
            writable = any(field.access in (Access.RW, Access.W) for field in register.fields)
            with m.Case(register.at(*indices) // 4):
                m.d.sync += bus.error.eq(bus.write & ~bus.strobe.all() if writable else bus.write)
                yield

        def readable(name: str, value: ValueLike, *indices: int) -> None:
            with case(name, *indices):
                m.d.sync += result.eq(value)

        def writable(name: str, signal: Value, *indices: int) -> None:
            with case(name, *indices):
                m.d.sync += result.eq(signal)
                with m.If(bus.write & bus.strobe.all()):
                    m.d.sync += [result.eq(0), signal.eq(bus.wdata)]

        with m.If(bus.valid & ~second), m.Switch(word):
            for name, constant in self._constants.items():
                readable(name, constant)
            with case("CONTROL"):
                control = BOARD["CONTROL"]
                m.d.sync += result.eq(self.run << control.field("run").lsb)
                with m.If(bus.write & bus.strobe.all()):
                    m.d.sync += [
                        result.eq(0), self.run.eq(bus.wdata[control.field("run").lsb]),
                        self.reset.eq(bus.wdata[control.field("reset").lsb]),
                    ]
            readable("DROPPED", dropped)
            tuned = writable if self._tunable else readable
            tuned("TAKE", self.take)
            tuned("SERVE", self.serve)
            for w in range(p.word_count):
                writable("WIRES", wires[32 * w : 32 * w + 32], w)
            for i, period in enumerate(periods, 1):
                tuned("PERIOD", period, i)
            for h in range(p.hart_count):
                direct, trap = self.direct[h], self.trap[h]
                line = pack_fields(
                    BOARD["DIRECT"], valid=direct.valid, injected=direct.injected, context=direct.context,
                    source=direct.source,
                )
                readable("VECTOR", vectors[h], h)
                readable("TRAP_LINE", pack_fields(
                    BOARD["TRAP_LINE"], valid=trap.valid, source=trap.source, cause=trap.cause, target=trap.target,
                    context=trap.context,
                ), h)
                for name in ("DIRECT", "ACKNOWLEDGE"):
                    with case(name, h), m.If(~bus.write):
                        m.d.sync += [result.eq(line), vectors[h].eq(direct.vector)]
                        if name == "ACKNOWLEDGE":
                            m.d.comb += direct.acknowledge.eq(1)
            with m.Default():
                first = BOARD["LATENCY"].at(1, 0) // 4
                found = (word >= first) & (word < first + WORDS * len(periods)) & ~bus.write
                m.d.sync += [is_latency.eq(found), bus.error.eq(~found)]
        with m.If(self.reset):
            m.d.sync += [wires.eq(0), dropped.eq(0)]
        return m
