"""Requests from the serial link, carried out on the bus."""

from amaranth.hdl import Cat, Const, Module, Signal, ValueLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hic.rtl.interfaces import BusSignature
from hic.rtl.link import BODY_BYTES, LINK_VERSION, LinkOperation, Status

__all__ = ["Bridge"]


class Bridge(wiring.Component):
    """Carries out one request after the other, each once, and answers.

    A request with the sequence number of the last one is answered with what that one was answered, and not carried out
    again; HELLO always is, and forgets the last one.

    Members
    -------
    request : In(8 * BODY_BYTES)
        Body of a request (``rtl.link.Request``), from ``valid`` on and as long as ``busy`` is 1.
    valid : In(1)
        High for one cycle with each request.
    cycle : In(32)
        The cycle counter.
    response : Out(stream.Signature(8 * BODY_BYTES))
        Body of the answer (``rtl.link.Response``).
    bus : Out(BusSignature(32))
        Where it is carried out.
    busy : Out(1)
        From ``valid`` until the answer has been sent.
    """

    def __init__(self) -> None:
        super().__init__({
            "request": In(8 * BODY_BYTES),
            "valid": In(1),
            "cycle": In(32),
            "response": Out(stream.Signature(8 * BODY_BYTES)),
            "bus": Out(BusSignature(32)),
            "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        sequence = self.request[0:8]
        code, strobe = self.request[8:12], self.request[12:16]
        address, data = self.request[16:48], self.request[48:80]

        last, known = Signal(8), Signal()
        status, done_cycle = Signal(Status), Signal(32)
        result = bus.wdata  # what was to be written, what is left to wait, and then the answer
        m.d.comb += [
            self.response.payload.eq(Cat(last, status, Const(0, 6), result, done_cycle)),
            bus.address.eq(address), bus.strobe.eq(strobe), bus.write.eq(code == LinkOperation.WRITE),
        ]

        def answer(status_: Status, result_: ValueLike = 0) -> None:
            m.d.sync += [status.eq(status_), result.eq(result_), done_cycle.eq(self.cycle)]
            m.next = "RESPOND"

        with m.FSM() as machine:
            with m.State("IDLE"), m.If(self.valid):
                with m.If(known & (sequence == last) & (code != LinkOperation.HELLO)):
                    m.next = "RESPOND"
                with m.Else():
                    m.d.sync += [last.eq(sequence), known.eq(code != LinkOperation.HELLO)]
                    m.d.sync += result.eq(data)
                    with m.Switch(code):
                        with m.Case(LinkOperation.HELLO):
                            answer(Status.DONE, LINK_VERSION)
                        with m.Case(LinkOperation.READ, LinkOperation.WRITE):
                            m.next = "ACCESS"
                        with m.Case(LinkOperation.WAIT):
                            m.next = "WAIT"
                        with m.Default():
                            answer(Status.UNKNOWN)
            with m.State("ACCESS"):
                m.d.comb += bus.valid.eq(1)
                with m.If(bus.ready):
                    answer(Status.DONE, bus.rdata)
                    with m.If(bus.error):
                        m.d.sync += status.eq(Status.REFUSED)
            with m.State("WAIT"):
                m.d.sync += result.eq(result - 1)
                with m.If(result == 0):
                    answer(Status.DONE)
            with m.State("RESPOND"):
                m.d.comb += self.response.valid.eq(1)
                with m.If(self.response.ready):
                    m.next = "IDLE"
        m.d.comb += self.busy.eq(self.valid | ~machine.ongoing("IDLE"))
        return m
