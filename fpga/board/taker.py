"""A model of a CPU in hardware: takes what a hart's lines show, so that the board runs without software."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hic.rtl.interfaces import BusSignature, DirectLineSignature, TrapLineSignature
from hic.rtl.parameters import Cause, Parameters
from hic.rtl.registers import MAP, WINDOW_BYTES

from .bus import pack_fields

__all__ = ["Taker"]


class Taker(wiring.Component):
    """A hart with its guests and the host's trap handler.

    It looks at the trap line first. ``take`` cycles after it sees a line valid, it is in the handler:

    - direct line: acknowledges it, works ``serve`` cycles, tells the device (``serviced``), completes in the guest's
      window;
    - INTERRUPT: claims in the host's window, injects the source into each of ``sharers``, works ``serve`` cycles and
      completes;
    - DOORBELL: makes the context that it is about run here;
    - any other: dismisses it.

    An access that is refused sets ``fault``, and the taker goes on.

    Parameters
    ----------
    parameters : Parameters
        Of the controller.
    hart : int
        The number of its hart.
    sharers : sequence of int
        Contexts that asked for the shared source.

    Members
    -------
    enable : In(1)
        Look at the lines; what has begun is ended even when 0.
    take, serve : In(16)
        Cycles.
    direct : In(DirectLineSignature(parameters))
        The hart's direct line.
    trap : In(TrapLineSignature(parameters))
        The hart's trap line.
    bus : Out(BusSignature(32))
        Register access.
    serviced : Out(source_bits)
        For one cycle, the source that has been dealt with; else 0.
    fault : Out(1)
        High for one cycle when an access was refused.
    """

    def __init__(self, parameters: Parameters, hart: int, sharers: Sequence[int]) -> None:
        self._parameters = parameters
        self._hart = hart
        self._sharers = tuple(sharers)
        super().__init__({
            "enable": In(1),
            "take": In(16),
            "serve": In(16),
            "direct": In(DirectLineSignature(parameters)),
            "trap": In(TrapLineSignature(parameters)),
            "bus": Out(BusSignature(32)),
            "serviced": Out(parameters.source_bits),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, bus, direct, trap = self._parameters, self.bus, self.direct, self.trap
        timer = Signal(16)
        in_trap = Signal()
        source, context, cause = Signal(p.source_bits), Signal(p.context_bits), Signal(3)
        dismissal = Signal(32)
        last_sharer = max(len(self._sharers) - 1, 0)
        sharer = Signal(range(last_sharer + 1))
        receiver = Signal(p.context_bits)
        m.d.comb += bus.strobe.eq(0b1111)
        with m.Switch(sharer):
            for i, each in enumerate(self._sharers):
                with m.Case(i):
                    m.d.comb += receiver.eq(each)

        def write(name: str, *indices: int, value: ValueLike, then: str, window: ValueLike = 0) -> None:
            m.d.comb += [
                bus.valid.eq(1), bus.write.eq(1), bus.wdata.eq(value),
                bus.address.eq(window * WINDOW_BYTES + MAP[name].at(*indices)),
            ]
            with m.If(bus.ready):
                m.d.comb += self.fault.eq(bus.error)
                m.next = then

        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [timer.eq(self.take), in_trap.eq(trap.valid)]
                with m.If(self.enable & (trap.valid | direct.valid)):
                    m.next = "ENTER"
            with m.State("ENTER"):
                m.d.sync += timer.eq(timer - 1)
                with m.If(timer == 0):
                    m.d.sync += timer.eq(self.serve)
                    m.next = "IDLE"
                    with m.If(in_trap & trap.valid):
                        m.d.sync += [
                            cause.eq(trap.cause), context.eq(trap.context),
                            dismissal.eq(pack_fields(
                                MAP["TRAP"], source=trap.source, cause=trap.cause, target=trap.target,
                                context=trap.context,
                            )),
                        ]
                        m.next = "TRAP"
                    with m.Elif(~in_trap & direct.valid):
                        m.d.comb += direct.acknowledge.eq(1)
                        m.d.sync += [source.eq(direct.source), context.eq(direct.context)]
                        m.next = "SERVE"
            with m.State("SERVE"):
                m.d.sync += timer.eq(timer - 1)
                with m.If(timer == 0):
                    m.d.comb += self.serviced.eq(source)
                    m.next = "COMPLETE"
            with m.State("COMPLETE"):
                write("CLAIM", 0, value=source, window=context, then="IDLE")
            with m.State("TRAP"), m.Switch(cause):
                with m.Case(Cause.INTERRUPT):
                    m.next = "CLAIM"
                with m.Case(Cause.DOORBELL):
                    m.next = "SWITCH"
                with m.Default():
                    m.next = "DISMISS"
            with m.State("CLAIM"):
                m.d.comb += [bus.valid.eq(1), bus.address.eq(MAP["CLAIM"].at(self._hart))]
                m.d.sync += [source.eq(bus.rdata), context.eq(0), sharer.eq(0)]
                with m.If(bus.ready):
                    m.next = "INJECT" if self._sharers else "SERVE"
                    with m.If(bus.rdata == 0):
                        m.next = "IDLE"
            with m.State("INJECT"):
                write("INJECT", value=pack_fields(MAP["INJECT"], source=source, context=receiver), then="MORE")
            with m.State("MORE"):
                m.d.sync += sharer.eq(sharer + 1)
                m.next = "INJECT"
                with m.If(sharer == last_sharer):
                    m.next = "COMPLETE"
            with m.State("SWITCH"):
                write("RUNNING", self._hart, value=context, then="IDLE")
            with m.State("DISMISS"):
                write("TRAP", self._hart, value=dismissal, then="IDLE")
        return m
