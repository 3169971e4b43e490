"""The report of a board about itself and its demonstration, over the link. It does not disturb the demonstration."""

from dataclasses import dataclass

from hic.rtl.link import BIN_COUNT, BOARD, BOARD_BASE
from hic.rtl.parameters import Parameters

from .uart import Link, UartPort

__all__ = ["BoardStatus", "SourceLatency", "read_status", "restart"]

_HISTOGRAM = 16
"""First word of a histogram in LATENCY; before come count, sum, minimum and maximum."""


@dataclass(frozen=True)
class SourceLatency:
    """Clock cycles from a source's wire to a line that shows it. Bin b of the histogram: latencies of b bits."""

    source: int
    count: int
    total: int
    minimum: int
    maximum: int
    histogram: tuple[int, ...]

    @property
    def mean(self) -> float | None:
        """Of all that were measured; None if none was."""
        return self.total / self.count if self.count else None


@dataclass(frozen=True)
class BoardStatus:
    """A board, and what it has measured since its demonstration began."""

    build: int
    clock_hz: int
    parameters: Parameters
    running: bool
    dropped: int
    latencies: tuple[SourceLatency, ...]


def read_status(port: UartPort) -> BoardStatus:
    """Reads everything. The counters go on meanwhile, so those of one source may be some interrupts apart.

    Raises
    ------
    LinkError
        The board does not answer.
    """
    link = port.link
    return BoardStatus(
        build=link.read(_at("BUILD")),
        clock_hz=link.read(_at("CLOCK")),
        parameters=port.parameters,
        running=bool(BOARD["CONTROL"].unpack(link.read(_at("CONTROL")))["run"]),
        dropped=link.read(_at("DROPPED")),
        latencies=tuple(_latency(link, source) for source in range(1, link.read(_at("GENERATORS")) + 1)),
    )


def restart(port: UartPort) -> None:
    """Begins the demonstration again, with everything reset, the statistics too. Raises LinkError."""
    port.link.write(_at("CONTROL"), BOARD["CONTROL"].pack(run=1, reset=1))


def _latency(link: Link, source: int) -> SourceLatency:
    count, total, minimum, maximum = (link.read(_at("LATENCY", source, word)) for word in range(4))
    bins = tuple(link.read(_at("LATENCY", source, _HISTOGRAM + b)) for b in range(BIN_COUNT))
    return SourceLatency(source, count, total, minimum, maximum, bins)


def _at(name: str, *indices: int) -> int:
    return BOARD_BASE + BOARD[name].at(*indices)
