"""The reset sweep with the memories that it writes."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hic.rtl.background.reset_sweep import ResetSweep
from hic.rtl.delivery.routing import Routing
from hic.rtl.parameters import Parameters
from hic.rtl.properties.sweep import SweepSignature
from hic.rtl.state.contexts import Contexts
from hic.rtl.state.counters import Counters
from hic.rtl.state.sources import Sources

__all__ = ["Swept"]


class Swept(wiring.Component):
    """The reset sweep and the memories. Ports show its writes of one memory by context and source, of one by source,
    and of one table.

    Parameters
    ----------
    parameters : Parameters
        The configuration.

    Members
    -------
    sweep : Out(SweepSignature(parameters))
        The sweep's outputs, and its writes.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        super().__init__({"sweep": Out(SweepSignature(parameters))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, port = self._parameters, self.sweep
        m.submodules.contexts = contexts = Contexts(p)
        m.submodules.sources = sources = Sources(p)
        m.submodules.counters = counters = Counters(p, ("access",))
        m.submodules.sweep = sweep = ResetSweep(
            p, contexts=contexts, sources=sources, counters=[counters], row_count=Routing(p).row_count
        )
        m.d.comb += [
            port.is_ready.eq(sweep.is_ready), port.context.eq(sweep.context), port.index.eq(sweep.index),
            port.row.eq(sweep.row),
        ]
        for name, user in (("priority", contexts.priority.sweep), ("service", sources.service.sweep)):
            m.d.comb += [
                getattr(port, f"{name}_write").eq(user.granted & user.write),
                getattr(port, f"{name}_address").eq(user.address),
                getattr(port, f"{name}_data").eq(user.write_data),
            ]
        m.d.comb += [
            port.last_write.eq(contexts.last.sweep_granted), port.last_data.eq(contexts.last.sweep_write_data),
        ]
        return m
