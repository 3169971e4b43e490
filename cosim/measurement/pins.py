"""A design's pins in few vectors: the Verilog around it, and where a bit is found.

Reading one vector in each cycle is several times as fast as reading each pin.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from hic.rtl.parameters import Parameters
from hic.rtl.plic import PLIC_ADDRESS_BITS

__all__ = ["TOP", "Pins", "around_controller", "around_plic"]

TOP = "measured"
"""Name of the module around the design."""

_BUS = (("awready", 1), ("wready", 1), ("bvalid", 1), ("arready", 1), ("rvalid", 1), ("bresp", 2), ("rresp", 2),
        ("rdata", 32))


class Field(NamedTuple):
    """Where a pin of the design is in the vector ``seen``."""

    shift: int
    mask: int

    def get(self, seen: int) -> int:
        """Its value."""
        return seen >> self.shift & self.mask


@dataclass(frozen=True)
class Pins:
    """Ports of a design with AXI4-Lite.

    Parameters
    ----------
    address_bits : int
        Width of an address.
    source_count : int
        Width of ``irq``.
    acknowledges : tuple of str
        The acknowledge inputs, by hart.
    outputs : tuple of (str, int)
        Outputs beside those of the bus, and their widths.
    """

    address_bits: int
    source_count: int
    acknowledges: tuple[str, ...]
    outputs: tuple[tuple[str, int], ...]

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Where each output is in ``seen``; those of the bus without their prefix."""
        fields, shift = {}, 0
        for name, width in (*_BUS, *self.outputs):
            fields[name] = Field(shift, (1 << width) - 1)
            shift += width
        return fields

    def around(self, design: str, verilog: str) -> str:
        """Verilog with the module ``TOP`` around a design.

        ``request`` has the valid signals of AW, W and AR, from bit 0 on. Both address channels have one address, so one
        access may be under way. Responses are always taken.
        """
        names = [f"s_axi_{name}" for name, _ in _BUS] + [name for name, _ in self.outputs]
        connections = {
            "clk": "clk", "rst": "rst", "irq": "irq",
            "s_axi_awvalid": "request[0]", "s_axi_wvalid": "request[1]", "s_axi_arvalid": "request[2]",
            "s_axi_awaddr": "address", "s_axi_araddr": "address", "s_axi_awprot": "3'd0", "s_axi_arprot": "3'd0",
            "s_axi_wdata": "wdata", "s_axi_wstrb": "4'd15", "s_axi_bready": "1'd1", "s_axi_rready": "1'd1",
            **{name: f"acknowledge[{h}]" for h, name in enumerate(self.acknowledges)},
            **{name: f"seen[{field.shift} +: {field.mask.bit_length()}]"
               for name, field in zip(names, self.fields.values(), strict=True)},
        }
        width = sum(width for _, width in (*_BUS, *self.outputs))
        return "\n".join([
            verilog,
            f"module {TOP}(clk, rst, request, address, wdata, irq, acknowledge, seen);",
            "  input clk, rst;",
            "  input [2:0] request;",
            f"  input [{self.address_bits - 1}:0] address;",
            "  input [31:0] wdata;",
            f"  input [{self.source_count - 1}:0] irq;",
            f"  input [{max(1, len(self.acknowledges)) - 1}:0] acknowledge;",
            f"  output [{width - 1}:0] seen;",
            "  /* verilator lint_off PINMISSING */",
            f"  {design} inner ({', '.join(f'.{port}({net})' for port, net in connections.items())});",
            "  /* verilator lint_on PINMISSING */",
            "endmodule",
            "",
        ])


def _hart(parameters: Parameters, hart: int) -> Iterable[tuple[str, int]]:
    source, context = parameters.source_bits, parameters.context_bits
    yield from ((f"direct{hart}_{name}", width) for name, width in (
        ("context", context), ("source", source), ("injected", 1),
    ))
    yield from ((f"trap{hart}_{name}", width) for name, width in (
        ("target", context), ("cause", 3), ("source", source), ("context", context),
    ))


def around_controller(parameters: Parameters) -> Pins:
    """The controller's pins: all valid signals of lines come first."""
    harts = range(parameters.hart_count)
    valid = [(f"{line}{h}_valid", 1) for line in ("direct", "trap") for h in harts]
    return Pins(
        parameters.address_bits, parameters.source_count, tuple(f"direct{h}_acknowledge" for h in harts),
        (*valid, *(pin for h in harts for pin in _hart(parameters, h))),
    )


def around_plic(parameters: Parameters) -> Pins:
    """The pins of a PLIC with as many sources and contexts."""
    return Pins(PLIC_ADDRESS_BITS, parameters.source_count, (), (("lines", parameters.context_count),))
