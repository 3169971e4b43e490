"""Verilog of the controller."""

from collections.abc import Callable
from importlib.metadata import metadata
from typing import Literal

from ..controller import Controller
from ..distribution import DISTRIBUTION
from ..parameters import OPTIONS, Parameters
from ..top import ControllerAXI4Lite
from .names import names_from_source
from .ports import port_table, ports_of
from .verilog import FlatPorts, to_verilog

__all__ = ["BUSES", "TOP", "flat_ports", "generate", "observed"]

TOP = "hic"
"""Name of the top module."""

BUSES = {"axi4lite": ControllerAXI4Lite, "core": Controller}
"""The component with each bus."""

_PREFIXES = {"axi": "s_axi"}


def observed(parameters: Parameters) -> FlatPorts:
    """The controller with AXI4-Lite and the observation port, as ``generate`` makes Verilog of it."""
    return flat_ports(parameters, trace=True)


def flat_ports(
    parameters: Parameters, *, bus: Literal["axi4lite", "core"] = "axi4lite", trace: bool = False
) -> FlatPorts:
    """The component that ``generate`` makes Verilog of."""
    if bus not in BUSES:
        raise ValueError(f"bus must be one of {', '.join(map(repr, BUSES))}, not {bus!r}")
    with names_from_source():
        return FlatPorts(BUSES[bus](parameters), _PREFIXES, frozenset() if trace else frozenset({"trace"}))


def generate(
    parameters: Parameters,
    *,
    bus: Literal["axi4lite", "core"] = "axi4lite",
    trace: bool = False,
    progress: Callable[[str], object] = str,
) -> str:
    """Verilog of a controller: the same text for the same configuration.

    It begins with a comment: the configuration, the version of the package, the licence, and a table of the ports,
    which are ``clk``, ``rst``, ``irq``, ``direct0_valid``, ``trap0_valid``, ... and of the bus either
    ``s_axi_awaddr``, ... or ``bus_valid``, ....

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.
    bus : "axi4lite" or "core"
        Its bus.
    trace : bool
        The observation port (``trace_order``, ...) is among the ports.
    progress : callable
        As for ``to_verilog``.

    Raises
    ------
    ValueError
        ``bus`` is another.
    """
    flat = flat_ports(parameters, bus=bus, trace=trace)
    package = metadata(DISTRIBUTION)
    options = [f"{option} {getattr(parameters, name)}" for name, option in OPTIONS.items()]
    options += [f"--bus {bus}"]
    options += ["--no-synchronizer"] * (not parameters.synchronizer) + ["--trace"] * trace
    comment = (
        f"{package['Name']} {package['Version']}: {package['Summary']}\n"
        f"SPDX-License-Identifier: {package['License-Expression']}\n"
        f"Made by: hic generate {' '.join(options)}\n\n"
        f"{port_table(ports_of(flat, (BUSES[bus], Controller)))}"
    )
    text = to_verilog(flat, TOP, progress=progress)
    return "".join(f"// {line}".rstrip() + "\n" for line in comment.splitlines()) + "\n" + text
