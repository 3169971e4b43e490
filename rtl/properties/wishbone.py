"""Rules of the Wishbone bridge."""

from collections.abc import Mapping
from typing import ClassVar

from amaranth.hdl import Cat, Module, Mux, Signal

from ..bus.wishbone import Wishbone
from .checker import Checker, delayed, withdrawn

__all__ = ["WishbonePipelinedRules", "WishboneRules"]

_READY = "the core is ready only for a request that is made (the bus's signature)"


class _Rules(Checker):
    """The rules of both modes: one access of the core for each that is taken, and its answer.

    Parameters
    ----------
    address_bits, data_width : int
        Of the bridge.
    """

    RULES: ClassVar[tuple[str, ...]] = (
        "request_stable", "request_faithful", "request_made", "one_response", "response_faithful",
    )

    def __init__(self, address_bits: int, data_width: int = 32) -> None:
        pipelined = isinstance(self, WishbonePipelinedRules)
        super().__init__(Wishbone(address_bits, data_width, is_pipelined=pipelined).signature, {})

    def _common(self, m: Module) -> None:
        wb, wide = self.wb, self.wide
        self.assume(m, "ready_answers", when=wide.ready, then=wide.valid)
        request = Cat(wide.write, wide.address, wide.lanes, Mux(wide.write, wide.wdata, 0))
        waited, gone = withdrawn(m, wide.valid, wide.ready, request, "request")
        self.rule(m, "request_stable", when=waited, then=~gone)
        right = (wb.err == wide.error) & (wb.ack != wb.err) & (wide.write | (wb.dat_r == wide.rdata))
        self.rule(m, "response_faithful", when=wb.ack | wb.err, then=wide.valid & wide.ready & right)


class WishboneRules(_Rules):
    """Rules of ``Wishbone`` in standard mode: an access is one of the core, which begins with it and ends it.

    Parameters
    ----------
    address_bits, data_width : int
        Of the bridge.

    References
    ----------
    Wishbone B4: rules 3.25 (CYC), 3.35 (ACK, ERR), 3.60 (what STB qualifies).
    """

    ASSUMPTIONS: ClassVar[Mapping[str, str]] = {
        "manager_stable": "a manager changes and withdraws nothing before the answer (B4, rules 3.25 and 3.60)",
        "ready_answers": _READY,
    }

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wb, wide = self.wb, self.wide
        asked, answered = wb.cyc & wb.stb, wb.ack | wb.err
        access = Cat(wb.we, wb.adr, wb.sel, Mux(wb.we, wb.dat_w, 0))
        waited, gone = withdrawn(m, asked, answered, access, "access")
        self.assume(m, "manager_stable", when=waited, then=~gone)
        self._common(m)
        same = Cat(wide.write, wide.address, wide.lanes, Mux(wide.write, wide.wdata, 0)) == access
        self.rule(m, "request_faithful", when=wide.valid, then=asked & same)
        self.rule(m, "request_made", when=asked, then=wide.valid)
        self.rule(m, "one_response", when=asked | answered, then=answered == wide.ready)
        return m


class WishbonePipelinedRules(_Rules):
    """Rules of ``Wishbone`` in pipelined mode: an access that is taken is the core's from the next cycle on, and is
    answered once, unless the manager has ended the cycle.

    Parameters
    ----------
    address_bits, data_width : int
        Of the bridge.

    References
    ----------
    Wishbone B4: 3.1.3.2 (pipelined mode), rule 3.35 (ACK, ERR).
    """

    RULES = (*_Rules.RULES, "taken_at_once")
    ASSUMPTIONS: ClassVar[Mapping[str, str]] = {"ready_answers": _READY}

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wb, wide = self.wb, self.wide
        taken, answered = wb.cyc & wb.stb & ~wb.stall, wb.ack | wb.err
        self._common(m)
        access = Cat(wb.we, wb.adr, wb.sel, wb.dat_w)
        was_taken = delayed(m, taken, 1, "taken")
        # The core's request is the one that was taken last, and no other one is taken before it is done.
        kept = Signal(len(access))
        with m.If(taken):
            m.d.sync += kept.eq(access)
        under_way = Signal()
        with m.If(taken):
            m.d.sync += under_way.eq(1)
        with m.Elif(wide.ready):
            m.d.sync += under_way.eq(0)
        same = Cat(wide.write, wide.address, wide.lanes, wide.wdata) == kept
        self.rule(m, "request_faithful", when=wide.valid, then=same & under_way & ~(taken & ~wide.ready))
        self.rule(m, "request_made", when=was_taken, then=wide.valid)
        is_left = Signal()
        with m.If(taken):
            m.d.sync += is_left.eq(0)
        with m.Elif(~wb.cyc):
            m.d.sync += is_left.eq(1)
        owed = under_way & wide.ready & wb.cyc & ~is_left
        self.rule(m, "one_response", when=under_way | answered, then=answered == owed)
        # A manager that waits is taken as soon as the core is free.
        self.rule(m, "taken_at_once", when=wb.stall, then=wide.valid & ~wide.ready)
        return m
