"""Writes a list of registers after reset."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hic.rtl.interfaces import BusSignature

__all__ = ["Boot"]


class Boot(wiring.Component):
    """Carries out writes from a ROM, in order, when ``enable`` is 1.

    Parameters
    ----------
    writes : sequence of (int, int)
        Addresses and values.

    Members
    -------
    enable : In(1)
        Go on.
    bus : Out(BusSignature(32))
        The bus.
    done : Out(1)
        All have been carried out.
    fault : Out(1)
        High for one cycle when one was refused.
    """

    def __init__(self, writes: Sequence[tuple[int, int]]) -> None:
        self._writes = tuple(writes)
        super().__init__({"enable": In(1), "bus": Out(BusSignature(32)), "done": Out(1), "fault": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        m.submodules.rom = rom = Memory(
            shape=StructLayout({"address": 32, "value": 32}), depth=len(self._writes),
            init=[{"address": address, "value": value} for address, value in self._writes],
        )
        entry = rom.read_port()
        position = Signal(range(len(self._writes)))
        m.d.comb += [
            entry.addr.eq(position), bus.address.eq(entry.data.address), bus.wdata.eq(entry.data.value),
            bus.write.eq(1), bus.strobe.eq(0b1111),
        ]
        with m.FSM():
            with m.State("FETCH"), m.If(self.enable):
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [bus.valid.eq(1), self.fault.eq(bus.ready & bus.error)]
                with m.If(bus.ready):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += position.eq(position + 1)
                m.next = "FETCH"
                with m.If(position == len(self._writes) - 1):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
        return m
