"""The board's bus: several initiators, two places that they reach."""

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Module, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hic.rtl.interfaces import BusSignature
from hic.rtl.link import BOARD_BASE
from hic.rtl.registers import Register

__all__ = ["Arbiter", "Decoder", "pack_fields"]


def pack_fields(register: Register, **values: ValueLike) -> Value:
    """A register's value in hardware, from those of its fields; fields not named are 0."""
    return reduce(or_, (Value.cast(value) << register.field(name).lsb for name, value in values.items()))


class Arbiter(wiring.Component):
    """Lets one initiator at a time on the bus, in turns.

    Latency: 1 cycle more than the access itself, when nobody else asks.

    Parameters
    ----------
    count : int
        Number of initiators, at least 1.

    Members
    -------
    initiators : In(BusSignature(32)).array(count)
        Theirs.
    bus : Out(BusSignature(32))
        The bus.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        super().__init__({"initiators": In(BusSignature(32)).array(count), "bus": Out(BusSignature(32))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        chosen = Signal(range(self._count))
        busy = Signal()
        for i, initiator in enumerate(self.initiators):
            m.d.comb += [initiator.rdata.eq(self.bus.rdata), initiator.error.eq(self.bus.error)]
            with m.If(busy & (chosen == i)):
                m.d.comb += [self.bus.valid.eq(initiator.valid), initiator.ready.eq(self.bus.ready)]
        initiators = Array(self.initiators)
        for name in ("write", "address", "wdata", "strobe"):
            m.d.comb += getattr(self.bus, name).eq(getattr(initiators[chosen], name))
        with m.If(busy), m.If(self.bus.ready):
            m.d.sync += busy.eq(0)
        with m.Else(), m.Switch(chosen):
            for last in range(self._count):
                with m.Case(last):
                    for i in [*range(last, -1, -1), *range(self._count - 1, last, -1)]:
                        with m.If(self.initiators[i].valid):
                            m.d.sync += [chosen.eq(i), busy.eq(1)]
        return m


class Decoder(wiring.Component):
    """Splits the address space: the controller's windows from 0, the board's registers from BOARD_BASE.

    An access to neither is refused.

    Parameters
    ----------
    controller_bits, board_bits : int
        Width of an address within each.

    Members
    -------
    bus : In(BusSignature(32))
        The initiators' side.
    controller : Out(BusSignature(controller_bits))
        The controller's bus.
    board : Out(BusSignature(board_bits))
        The board's registers.
    """

    def __init__(self, *, controller_bits: int, board_bits: int) -> None:
        self._bits = {"controller": controller_bits, "board": board_bits}
        super().__init__(
            {"bus": In(BusSignature(32))} | {name: Out(BusSignature(bits)) for name, bits in self._bits.items()}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        m.d.comb += [bus.ready.eq(bus.valid), bus.error.eq(1)]
        for name, base in (("controller", 0), ("board", BOARD_BASE)):
            port, bits = getattr(self, name), self._bits[name]
            m.d.comb += [getattr(port, each).eq(getattr(bus, each)) for each in ("write", "address", "wdata", "strobe")]
            with m.If(bus.address[bits:] == base >> bits):
                m.d.comb += [
                    port.valid.eq(bus.valid), bus.ready.eq(port.ready), bus.rdata.eq(port.rdata),
                    bus.error.eq(port.error),
                ]
        return m
