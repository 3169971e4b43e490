"""The controller's ports."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..interfaces import BusSignature, DirectLineSignature, TraceSignature, TrapLineSignature, pins_signature
from ..parameters import Parameters

__all__ = ["controller_signature"]


def controller_signature(parameters: Parameters) -> wiring.Signature:
    """The signature of ``Controller``, without one."""
    p = parameters
    return wiring.Signature(
        {"irq": In(p.source_count), "bus": In(BusSignature(p.address_bits)), "ready": Out(1)}
        | {f"direct{h}": Out(DirectLineSignature(p)) for h in range(p.hart_count)}
        | {f"trap{h}": Out(TrapLineSignature(p)) for h in range(p.hart_count)}
        | {f"hart{h}": Out(pins_signature(p)) for h in range(p.hart_count) if p.has_pins}
        | {"trace": Out(TraceSignature(p))}
    )
