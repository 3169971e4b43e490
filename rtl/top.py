"""The controller behind a bus of systems."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from .bus.ahb import AHB, AHBSignature
from .bus.apb import APB, APBSignature
from .bus.axi4lite import AXI4Lite, AXI4LiteSignature
from .bus.lanes import Lanes
from .bus.tilelink import TileLink, TileLinkSignature
from .bus.wishbone import Wishbone, WishboneSignature
from .controller import Controller
from .parameters import Parameters

__all__ = [
    "ControllerAHB", "ControllerAPB", "ControllerAXI4Lite", "ControllerTileLink", "ControllerWishbone",
    "ControllerWishbonePipelined",
]


class _Behind(wiring.Component):
    """The controller behind a bridge, whose port is the component's. All other members are those of the core."""

    def __init__(self, parameters: Parameters, port: str, signature: wiring.Signature, bridge: Any) -> None:
        self._parameters, self._port, self._bridge = parameters, port, bridge
        self._core = Controller(parameters)
        self._shared = {name: member for name, member in self._core.signature.members.items() if name != "bus"}
        super().__init__({port: In(signature), **self._shared})

    @property
    def parameters(self) -> Parameters:
        """Configuration of the controller."""
        return self._parameters

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        m.submodules.bridge = bridge = self._bridge
        if "wide" in bridge.signature.members:
            width = len(bridge.wide.wdata)
            m.submodules.lanes = lanes = Lanes(self._parameters.address_bits, width)
            connect(m, bridge.wide, lanes.wide)
            connect(m, lanes.bus, core.bus)
        else:
            connect(m, bridge.bus, core.bus)
        connect(m, flipped(getattr(self, self._port)), getattr(bridge, self._port))
        for name, member in self._shared.items():
            inner, outer = getattr(core, name), getattr(self, name)
            if member.is_signature:
                connect(m, flipped(outer), inner)
            elif member.flow is In:
                m.d.comb += inner.eq(outer)
            else:
                m.d.comb += outer.eq(inner)
        return m


class ControllerAXI4Lite(_Behind):
    """The controller with an AXI4-Lite port instead of the core's bus.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.

    Members
    -------
    axi : In(AXI4LiteSignature(parameters.address_bits))
        Register access.

    All others are those of ``Controller``, ``bus`` excepted.
    """

    def __init__(self, parameters: Parameters) -> None:
        bits = parameters.address_bits
        super().__init__(parameters, "axi", AXI4LiteSignature(bits), AXI4Lite(bits))


class ControllerAPB(_Behind):
    """The controller with an APB4 port instead of the core's bus.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.

    Members
    -------
    apb : In(APBSignature(parameters.address_bits))
        Register access.

    All others are those of ``Controller``, ``bus`` excepted.
    """

    def __init__(self, parameters: Parameters) -> None:
        bits = parameters.address_bits
        super().__init__(parameters, "apb", APBSignature(bits), APB(bits))


class ControllerAHB(_Behind):
    """The controller with an AHB-Lite port instead of the core's bus.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.
    data_width : int
        Bits of the bus: 32 or 64.

    Members
    -------
    ahb : In(AHBSignature(parameters.address_bits, data_width))
        Register access.

    All others are those of ``Controller``, ``bus`` excepted.
    """

    def __init__(self, parameters: Parameters, *, data_width: int = 32) -> None:
        bits = parameters.address_bits
        super().__init__(parameters, "ahb", AHBSignature(bits, data_width), AHB(bits, data_width))


class ControllerWishbone(_Behind):
    """The controller with a classic Wishbone port instead of the core's bus.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.
    data_width : int
        Bits of the bus: 32 or 64.

    Members
    -------
    wb : In(WishboneSignature(parameters.address_bits, data_width, False))
        Register access.

    All others are those of ``Controller``, ``bus`` excepted.
    """

    def __init__(self, parameters: Parameters, *, data_width: int = 32) -> None:
        bits = parameters.address_bits
        super().__init__(parameters, "wb", WishboneSignature(bits, data_width, False), Wishbone(bits, data_width))


class ControllerWishbonePipelined(_Behind):
    """The controller with a pipelined Wishbone port instead of the core's bus.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.
    data_width : int
        Bits of the bus: 32 or 64.

    Members
    -------
    wb : In(WishboneSignature(parameters.address_bits, data_width, True))
        Register access.

    All others are those of ``Controller``, ``bus`` excepted.
    """

    def __init__(self, parameters: Parameters, *, data_width: int = 32) -> None:
        bits = parameters.address_bits
        bridge = Wishbone(bits, data_width, is_pipelined=True)
        super().__init__(parameters, "wb", WishboneSignature(bits, data_width, True), bridge)


class ControllerTileLink(_Behind):
    """The controller with a TL-UL port instead of the core's bus.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.
    data_width : int
        Bits of the bus: 32 or 64.
    source_bits : int
        Width of a_source.

    Members
    -------
    tl : In(TileLinkSignature(parameters.address_bits, data_width, source_bits))
        Register access.

    All others are those of ``Controller``, ``bus`` excepted.
    """

    def __init__(self, parameters: Parameters, *, data_width: int = 32, source_bits: int = 8) -> None:
        bits = parameters.address_bits
        bridge = TileLink(bits, data_width, source_bits)
        super().__init__(parameters, "tl", TileLinkSignature(bits, data_width, source_bits), bridge)
