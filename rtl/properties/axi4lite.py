"""Rules of the AXI4-Lite bridge."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Cat, Module, Mux, Signal

from ..bus.axi4lite import AXI4Lite, Response
from .checker import Checker, any_of, delayed, withdrawn

__all__ = ["AXI4LiteRules"]


class AXI4LiteRules(Checker):
    """Rules of ``AXI4Lite``: handshakes, and one response for each request, with the core's answer.

    Parameters
    ----------
    address_bits : int
        Of the bridge.

    References
    ----------
    AMBA AXI and ACE Protocol Specification, IHI 0022: A3.2.1 (handshake), A3.3.1 (dependencies), A3.4.4 (responses).
    """

    RULES = (
        "write_response_stable",
        "read_response_stable",
        "one_write_response",
        "one_read_response",
        "write_response_faithful",
        "read_response_faithful",
        "bus_request_stable",
        "bus_request_faithful",
        "bus_request_made",
        "requests_alternate",
    )
    ASSUMPTIONS: ClassVar[Mapping[str, str]] = {
        "manager_stable": "a manager changes and withdraws nothing before it is taken (IHI 0022, A3.2.1)",
        "ready_answers": "the core is ready only for a request that is made (the bus's signature)",
    }

    def __init__(self, address_bits: int) -> None:
        super().__init__(AXI4Lite(address_bits).signature, {})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        axi, bus = self.axi, self.bus

        requests = [
            withdrawn(m, axi.awvalid, axi.awready, axi.awaddr, "aw"),
            withdrawn(m, axi.wvalid, axi.wready, Cat(axi.wdata, axi.wstrb), "w"),
            withdrawn(m, axi.arvalid, axi.arready, axi.araddr, "ar"),
        ]
        self.assume(
            m, "manager_stable",
            when=any_of(waited for waited, _ in requests), then=~any_of(gone for _, gone in requests),
        )
        self.assume(m, "ready_answers", when=bus.ready, then=bus.valid)
        request = Cat(bus.write, bus.address, Mux(bus.write, Cat(bus.wdata, bus.strobe), 0))
        for rule, valid, ready, payload in (
            ("write_response_stable", axi.bvalid, axi.bready, axi.bresp),
            ("read_response_stable", axi.rvalid, axi.rready, Cat(axi.rdata, axi.rresp)),
            ("bus_request_stable", bus.valid, bus.ready, request),
        ):
            waited, gone = withdrawn(m, valid, ready, payload, rule)
            self.rule(m, rule, when=waited, then=~gone)

        response = Mux(bus.error, Response.SLVERR, Response.OKAY)
        read, said_of_read = Cat(axi.rresp, axi.rdata), Cat(response, bus.rdata)
        for kind, taken, valid, ready, given, said in (
            ("write", axi.awvalid & axi.awready, axi.bvalid, axi.bready, axi.bresp, response),
            ("read", axi.arvalid & axi.arready, axi.rvalid, axi.rready, read, said_of_read),
        ):
            owed = Signal(name=f"{kind}_owed")
            with m.If(taken):
                m.d.sync += owed.eq(1)
            with m.Elif(valid & ready):
                m.d.sync += owed.eq(0)
            together = (axi.awvalid & axi.awready) == (axi.wvalid & axi.wready)
            self.rule(
                m, f"one_{kind}_response",
                when=owed | taken | valid,
                then=(valid == owed) & together & ~(taken & owed & ~ready),
            )
            self.rule(
                m, f"{kind}_response_faithful",
                when=delayed(m, taken, 1, f"{kind}_taken"),
                then=valid & (given == delayed(m, said, 1, f"{kind}_said")),
            )
        self.rule(
            m, "bus_request_faithful",
            when=bus.valid & bus.ready,
            then=Mux(
                bus.write,
                axi.awvalid & axi.awready & ~axi.arready & (bus.address == axi.awaddr)
                & (bus.wdata == axi.wdata) & (bus.strobe == axi.wstrb),
                axi.arvalid & axi.arready & ~axi.awready & (bus.address == axi.araddr),
            ),
        )
        # A request whose response has a place gets to the core in the next cycle; if there are two, they take turns.
        reads = axi.arvalid & (~axi.rvalid | axi.rready)
        writes = axi.awvalid & axi.wvalid & (~axi.bvalid | axi.bready)
        last = Signal(name="was_write")
        with m.If(bus.valid):
            m.d.sync += last.eq(bus.write)
        self.rule(
            m, "bus_request_made", when=delayed(m, ~bus.valid & (reads | writes), 1, "waited_for_bus"), then=bus.valid
        )
        both_waited = delayed(m, ~bus.valid & reads & writes, 1, "both_waited")
        self.rule(m, "requests_alternate", when=both_waited, then=bus.write != last)
        return m
