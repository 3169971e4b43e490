"""A small system in Amaranth: a timer on source 1, and the controller between it and a hart."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hic.rtl.controller import Controller
from hic.rtl.interfaces import BusSignature, DirectLineSignature, TrapLineSignature
from hic.rtl.parameters import Parameters

__all__ = ["System"]


class System(wiring.Component):
    """A timer, three more wires, and the controller.

    Parameters
    ----------
    period : int
        Cycles from one of the timer's pulses to the next; a pulse lasts one cycle.

    Members
    -------
    wires : In(3)
        Sources 2 to 4.
    bus : In(BusSignature(parameters.address_bits))
        Registers, for the CPU; accesses wait until the controller is ready.
    guest : Out(DirectLineSignature(parameters))
        To the hart: interrupts of the guest that runs, with their vector.
    hypervisor : Out(TrapLineSignature(parameters))
        To the hart: reasons to enter the hypervisor.
    """

    # Everything is synchronous to one clock here, so that the wires need no synchroniser.
    parameters = Parameters(source_count=4, context_count=2, hart_count=1, synchronizer=False)

    def __init__(self, period: int) -> None:
        self._period = period
        super().__init__({
            "wires": In(3),
            "bus": In(BusSignature(self.parameters.address_bits)),
            "guest": Out(DirectLineSignature(self.parameters)),
            "hypervisor": Out(TrapLineSignature(self.parameters)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = Controller(self.parameters)
        connect(m, flipped(self.bus), controller.bus)
        connect(m, flipped(self.guest), controller.direct0)
        connect(m, flipped(self.hypervisor), controller.trap0)

        elapsed = Signal(range(self._period))
        pulse = Signal()
        m.d.comb += [pulse.eq(elapsed == self._period - 1), controller.irq.eq(self.wires << 1 | pulse)]
        with m.If(pulse):
            m.d.sync += elapsed.eq(0)
        with m.Else():
            m.d.sync += elapsed.eq(elapsed + 1)
        return m
