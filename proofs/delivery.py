"""Delivery by itself: gateways, routing and all lines, with the control plane's side of them open."""

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hic.rtl.delivery.direct_line import DirectLine
from hic.rtl.delivery.gateway import Gateways
from hic.rtl.delivery.routing import Routing
from hic.rtl.delivery.trap_line import TrapLine
from hic.rtl.interfaces import DirectLineSignature, TrapLineSignature
from hic.rtl.parameters import Parameters
from hic.rtl.properties.seam import Seam

__all__ = ["Delivery"]


class Delivery(wiring.Component):
    """Gateways, routing and lines, wired as in the controller; each port of the control plane is a port.

    Parameters
    ----------
    parameters : Parameters
        The configuration.

    Members
    -------
    irq : In(source_count)
        The sources' wires; bit i is source i + 1.
    direct{h} : Out(DirectLineSignature(parameters))
        Direct line of hart h.
    trap{h} : Out(TrapLineSignature(parameters))
        Trap line of hart h.
    seam : Out(Seam(parameters))
        The control plane's side.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = p = parameters
        self._seam = Seam(p)
        super().__init__(
            {"irq": In(p.source_count), "seam": Out(self._seam)}
            | {f"direct{h}": Out(DirectLineSignature(p)) for h in range(p.hart_count)}
            | {f"trap{h}": Out(TrapLineSignature(p)) for h in range(p.hart_count)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self._parameters
        gateways, routing = Gateways(p), Routing(p)
        blocks: dict[str, wiring.Component] = {"gateways": gateways, "routing": routing}
        m.d.comb += [
            gateways.wires.eq(self.irq), routing.waiting.eq(gateways.waiting), routing.kept.eq(gateways.kept),
        ]
        for h in range(p.hart_count):
            for name, line, entries in (
                (f"direct{h}", DirectLine(p), routing.direct[h]), (f"trap{h}", TrapLine(p), routing.trap[h]),
            ):
                blocks[name] = line
                connect(m, flipped(getattr(self, name)), line.line)
                m.d.comb += line.entries.eq(entries)
        for name, block in blocks.items():
            m.submodules[name] = block
        for name in self._seam.members:
            block_name, _, port = name.partition("_")
            ours, theirs = Value.cast(getattr(self.seam, name)), Value.cast(getattr(blocks[block_name], port))
            m.d.comb += theirs.eq(ours) if name in self._seam.driven else ours.eq(theirs)
        return m
