"""The hybrid interrupt controller in Amaranth HDL. Nothing here knows of the software model or of cocotb.

The public surface: `Parameters`, the size of a controller; `Controller`, on the core's own bus; `ControllerAXI4Lite`,
on AXI4-Lite; `generate`, the Verilog of one. All else may change between versions.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hic.rtl.controller import Controller
    from hic.rtl.export.generate import generate
    from hic.rtl.parameters import Parameters
    from hic.rtl.top import ControllerAXI4Lite

__all__ = ["Controller", "ControllerAXI4Lite", "Parameters", "generate"]

_PLACES = {
    "Controller": "hic.rtl.controller",
    "ControllerAXI4Lite": "hic.rtl.top",
    "Parameters": "hic.rtl.parameters",
    "generate": "hic.rtl.export.generate",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is asked for (PEP 562): the software model uses `Parameters` without Amaranth."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
