"""The observation port: what happened, in order."""

from functools import reduce
from operator import add

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .interfaces import Operation, TraceSignature
from .parameters import Parameters

__all__ = ["Trace"]


class Trace(wiring.Component):
    """Numbers the records that the other blocks make. Nothing depends on it: where the port is not used it costs
    nothing.

    Latency: records appear in the cycle in which they happen.

    Parameters
    ----------
    parameters : Parameters
        Of the controller.

    Members
    -------
    port : Out(TraceSignature(parameters))
        The observation port.
    accepted : In(source_count)
        Bit i: an event of source i + 1 becomes pending.
    acknowledged : In(1).array(hart_count)
        Element h: hart h claims what its direct line shows.
    operation, source, context, value : In
        Record of an access, of STUCK, or of a doorbell.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = p = parameters
        super().__init__({
            "port": Out(TraceSignature(p)),
            "accepted": In(p.source_count),
            "acknowledged": In(1).array(p.hart_count),
            "operation": In(Operation),
            "source": In(p.source_bits),
            "context": In(p.context_bits),
            "value": In(22),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        m.d.comb += [
            port.accepted.eq(self.accepted << 1),
            port.acknowledged.eq(Cat(self.acknowledged)),
            port.operation.eq(self.operation),
            port.source.eq(self.source),
            port.context.eq(self.context),
            port.value.eq(self.value),
        ]
        # Added up as a tree: a chain would be too deep for large configurations.
        records: list[Value] = [*self.accepted, *self.acknowledged, self.operation != Operation.NONE]
        while len(records) > 1:
            records = [reduce(add, records[i : i + 2]) for i in range(0, len(records), 2)]
        m.d.sync += port.order.eq(port.order + records[0])
        return m
