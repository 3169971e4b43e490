"""The boards that bitstreams are made for: pins, clock, and a configuration that suits the part."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth.build import Attrs
from amaranth.hdl import Elaboratable, Module
from amaranth.lib import io
from amaranth_boards.resources import UARTResource

from hic.rtl.parameters import Parameters

from .board.design import Board
from .board.lights import LIGHTS

__all__ = ["BAUD", "BOARDS", "OnBoard", "Target"]

BAUD = 1_000_000
"""Bits per second on every board's serial line."""


@dataclass(frozen=True)
class Target:
    """A board.

    Parameters
    ----------
    name, part : str
        Its name, and its FPGA.
    platform_class : str
        Its platform: ``module:Class`` in ``amaranth_boards``.
    parameters : Parameters
        The controller's.
    lights : dict of str to (str, int, str)
        Where each of LIGHTS is: resource, number, part of it.
    buttons : tuple of (str, int)
        Where the buttons are.
    loader : str
        openFPGALoader's name for it.
    toolchain : dict
        More arguments for the platform.
    prepare : callable, optional
        Adds resources to the platform.
    tunable : bool
        A host can change the pace; costs logic.
    flash_only : bool
        The board is loaded by way of its flash memory alone.
    """

    name: str
    part: str
    platform_class: str
    parameters: Parameters
    lights: dict[str, tuple[str, int, str]]
    buttons: tuple[tuple[str, int], ...]
    loader: str
    toolchain: dict[str, str]
    prepare: Callable[[Any], None] | None = None
    tunable: bool = True
    flash_only: bool = False

    def platform(self) -> Any:
        """A new platform."""
        module, _, name = self.platform_class.partition(":")
        platform = getattr(importlib.import_module(f"amaranth_boards.{module}"), name)(**self.toolchain)
        if self.prepare is not None:
            self.prepare(platform)
        return platform


class OnBoard(Elaboratable):
    """The board design on a board's pins.

    Parameters
    ----------
    target : Target
        The board.
    build : int
        The build id.
    """

    def __init__(self, target: Target, build: int) -> None:
        self._target = target
        self._build = build

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        target = self._target
        m.submodules.board = board = Board(
            target.parameters, clock_hz=round(platform.default_clk_frequency), baud=BAUD,
            button_count=len(target.buttons), build=self._build, tunable=target.tunable,
        )
        ports: dict[tuple[str, int], Any] = {}

        def buffer(direction: str, name: str, number: int, part: str = "") -> Any:
            if (name, number) not in ports:
                ports[name, number] = platform.request(name, number, dir="-")
            port = ports[name, number]
            found = io.Buffer(direction, getattr(port, part) if part else port)
            m.submodules[f"{name}_{number}_{part}"] = found
            return found

        m.d.comb += [board.rx.eq(buffer("i", "uart", 0, "rx").i), buffer("o", "uart", 0, "tx").o.eq(board.tx)]
        for light, place in target.lights.items():
            m.d.comb += buffer("o", *place).o.eq(board.lights[LIGHTS.index(light)])
        for i, button in enumerate(target.buttons):
            m.d.comb += board.buttons[i].eq(buffer("i", *button).i)
        return m


def _leds(*lights: str) -> dict[str, tuple[str, int, str]]:
    return {light: ("led", i, "") for i, light in enumerate(lights)}


def _orangecrab(platform: Any) -> None:
    """The serial line on the pins 0 (from the host) and 1 (to the host) of the header."""
    platform.add_resources([
        UARTResource(0, rx="0", tx="1", conn=("io", 0), attrs=Attrs(IO_TYPE="LVCMOS33", PULLMODE="UP")),
    ])


def _icebreaker(platform: Any) -> None:
    """LEDs and buttons of the part that can be broken off."""
    platform.add_resources(platform.break_off_pmod)


BOARDS = {each.name: each for each in (
    Target(
        name="ulx3s-85f", part="LFE5U-85F", platform_class="ulx3s:ULX3S_85F_Platform",
        parameters=Parameters(source_count=64, context_count=8, hart_count=2),
        lights=_leds(*LIGHTS), buttons=tuple(("button_fire", i) for i in (0, 1)), loader="ulx3s", toolchain={},
    ),
    Target(
        name="ulx3s-25f", part="LFE5U-25F", platform_class="ulx3s:ULX3S_25F_Platform",
        parameters=Parameters(source_count=32, context_count=8, hart_count=2),
        lights=_leds(*LIGHTS), buttons=tuple(("button_fire", i) for i in (0, 1)), loader="ulx3s", toolchain={},
    ),
    Target(
        name="orangecrab", part="LFE5U-25F", platform_class="orangecrab_r0_2:OrangeCrabR0_2_25FPlatform",
        parameters=Parameters(source_count=32, context_count=8, hart_count=2),
        lights={"direct": ("rgb_led", 0, "g"), "trap": ("rgb_led", 0, "b"), "doorbell": ("rgb_led", 0, "r")},
        buttons=(("button", 0),), loader="orangeCrab", toolchain={}, prepare=_orangecrab,
    ),
    Target(
        name="icebreaker", part="iCE40UP5K", platform_class="icebreaker:ICEBreakerPlatform",
        parameters=Parameters(source_count=4, context_count=3, hart_count=1, priority_bits=1),
        lights={
            "alive": ("led", 1, ""), "fault": ("led", 0, ""), "direct": ("led", 2, ""), "trap": ("led", 3, ""),
            "doorbell": ("led", 4, ""), "link": ("led", 5, ""),
        },
        buttons=(("button", 0),), loader="ice40_generic", toolchain={}, prepare=_icebreaker, tunable=False,
        flash_only=True,
    ),
    Target(
        name="tang-nano-9k", part="GW1NR-9", platform_class="tang_nano_9k:TangNano9kPlatform",
        parameters=Parameters(source_count=8, context_count=3, hart_count=1),
        lights=_leds(*LIGHTS), buttons=(("button", 0),), loader="tangnano9k", toolchain={"toolchain": "Apicula"},
    ),
)}
"""All boards by name."""
