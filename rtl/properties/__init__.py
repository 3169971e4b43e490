"""Properties: components that listen to the ports of others and report violations of rules.

They are of use to whoever embeds a block: bind one to an own configuration, in a proof or in a simulation.
"""

from .access import BoundedAccessRules
from .ahb import AHBRules
from .apb import APBRules
from .arbiter import ArbiterRules
from .axi4lite import AXI4LiteRules
from .checker import Checker
from .containment import ContainmentRules
from .counters import CountersRules
from .decoder import DecoderRules
from .delivered import LineRules
from .delivery import DeliveryRules, OrderRules
from .doorbells import DoorbellRules
from .gateway import GatewayRules
from .lanes import LanesRules
from .lines import DirectLineRules, TrapLineRules
from .pins import PinRules, PinsAtPortsRules
from .promptness import OrderAtPortsRules, PromptnessRules
from .ram import LutRamRules, SharedRamRules
from .routing import RoutingRules
from .seam import Seam
from .sharing import SharingRules
from .sweep import SweepRules
from .tilelink import TileLinkRules
from .trace import PortRules, TraceRules
from .wishbone import WishbonePipelinedRules, WishboneRules

__all__ = [
    "AHBRules",
    "APBRules",
    "AXI4LiteRules",
    "ArbiterRules",
    "BoundedAccessRules",
    "Checker",
    "ContainmentRules",
    "CountersRules",
    "DecoderRules",
    "DeliveryRules",
    "DirectLineRules",
    "DoorbellRules",
    "GatewayRules",
    "LanesRules",
    "LineRules",
    "LutRamRules",
    "OrderAtPortsRules",
    "OrderRules",
    "PinRules",
    "PinsAtPortsRules",
    "PortRules",
    "PromptnessRules",
    "RoutingRules",
    "Seam",
    "SharedRamRules",
    "SharingRules",
    "SweepRules",
    "TileLinkRules",
    "TraceRules",
    "TrapLineRules",
    "WishbonePipelinedRules",
    "WishboneRules",
]
