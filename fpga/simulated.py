"""The board design for simulation: small, and fast on the serial line."""

from hic.rtl.export.verilog import to_verilog
from hic.rtl.parameters import Parameters

from .board.design import Board
from .board.plan import Pace

__all__ = ["CLOCK_HZ", "DIVISOR", "PARAMETERS", "SMALL", "TOP", "board", "board_verilog"]

TOP = "board"
"""Name of the Verilog's top module."""

CLOCK_HZ = 25_000_000
DIVISOR = 4
"""Clock cycles per bit: as few as possible."""

PARAMETERS = Parameters(source_count=8, context_count=5, hart_count=2)
"""Enough for the scenarios that ship with the package, save for storm, whose sources go up to 40."""

SMALL = Parameters(source_count=4, context_count=3, hart_count=1)
"""Enough for the scenario hello: for netlists, which are slower."""

_PACE = Pace(timer=2_000, burst=5_000, level=1_500, take=20, serve=50, settle_bits=4, stretch_bits=6)


def board(parameters: Parameters = PARAMETERS) -> Board:
    """The board design, with everything at a pace for simulation."""
    return Board(parameters, clock_hz=CLOCK_HZ, baud=CLOCK_HZ // DIVISOR, pace=_PACE)


def board_verilog(parameters: Parameters = PARAMETERS) -> str:
    """Its Verilog."""
    return to_verilog(board(parameters), TOP)
