"""The board's demonstration: which generator drives which source, for whom, and how the controller is set up."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from hic.rtl.parameters import Parameters, Trigger
from hic.rtl.registers import MAP, WINDOW_BYTES

__all__ = ["Kind", "Pace", "Plan", "SourcePlan"]


class Kind(Enum):
    """Kinds of generators."""

    TIMER = "timer"
    BURST = "burst"
    LEVEL = "level"
    BUTTON = "button"


@dataclass(frozen=True)
class SourcePlan:
    """A source: number, what drives it, the guest that owns it, and whether it is shared."""

    number: int
    kind: Kind
    owner: int
    shared: bool = False

    @property
    def trigger(self) -> Trigger:
        """When its wire makes an event."""
        return Trigger.LEVEL_HIGH if self.kind is Kind.LEVEL else Trigger.EDGE_RISING


@dataclass(frozen=True)
class Pace:
    """The pace of the demonstration, in clock cycles. Registers that a host can change begin with these.

    Parameters
    ----------
    timer, burst, level : int
        Periods of the generators, less than 2**24.
    take, serve : int
        A taker's, less than 2**16.
    settle_bits, stretch_bits : int
        Of the buttons and the lights.
    """

    timer: int
    burst: int
    level: int
    take: int = 100
    serve: int = 400
    settle_bits: int = 16
    stretch_bits: int = 20

    @classmethod
    def visible(cls, clock_hz: int) -> "Pace":
        """One that eyes can follow: a timer 10 times a second, bursts and a level device a little slower."""
        bits = (clock_hz // 20).bit_length()
        return cls(
            timer=clock_hz // 10, burst=clock_hz // 7, level=clock_hz // 8, settle_bits=bits - 4, stretch_bits=bits - 1,
        )

    def period(self, kind: Kind) -> int:
        """The period that a generator begins with."""
        return {Kind.TIMER: self.timer, Kind.BURST: self.burst, Kind.LEVEL: self.level, Kind.BUTTON: 0}[kind]


class Plan:
    """The demonstration on a controller of a size.

    Hart h has two guests, contexts 2h + 1 and 2h + 2, of which one runs at a time. The first has a timer, the second
    has bursts: what comes for the one that does not run rings a doorbell. A level device is shared by the very first
    and the very last guest: it traps to the host. Buttons go to the first guest.

    Parameters
    ----------
    parameters : Parameters
        The controller's.
    button_count : int
        Number of buttons.

    Raises
    ------
    ValueError
        The controller is too small.
    """

    def __init__(self, parameters: Parameters, button_count: int) -> None:
        self.parameters = parameters
        harts = range(parameters.hart_count)
        guests = [2 * h + i for h in harts for i in (1, 2)]
        if parameters.context_count <= guests[-1]:
            raise ValueError(f"context_count must be at least {guests[-1] + 1}, not {parameters.context_count!r}")
        self.sharers = (guests[0], guests[-1])
        wanted = [
            *((Kind.TIMER, 2 * h + 1, False) for h in harts),
            *((Kind.BURST, 2 * h + 2, False) for h in harts),
            (Kind.LEVEL, guests[0], True),
            *((Kind.BUTTON, guests[0], False) for _ in range(button_count)),
        ]
        if parameters.source_count < len(wanted):
            raise ValueError(f"source_count must be at least {len(wanted)}, not {parameters.source_count!r}")
        self.sources = tuple(SourcePlan(i, *each) for i, each in enumerate(wanted, 1))

    def writes(self) -> Iterator[tuple[int, int]]:
        """The register writes that set the controller up: bus addresses and values."""
        p = self.parameters
        allowed = {
            c: {s.number for s in self.sources if c == s.owner or (s.shared and c in self.sharers)}
            for c in range(1, 2 * p.hart_count + 1)
        }

        def write(context: int, name: str, /, *indices: int, **fields: int) -> tuple[int, int]:
            return context * WINDOW_BYTES + MAP[name].at(*indices), MAP[name].pack(**fields)

        def bits(sources: set[int]) -> int:
            return sum(1 << s for s in sources)

        for source in self.sources:
            yield write(0, "TRIGGER", source.number, mode=source.trigger)
            yield write(0, "ROUTE", source.number, owner=source.owner, shared=source.shared)
        for context, sources in allowed.items():
            yield write(0, "TREE", context, last=context, home=(context - 1) // 2)
            yield write(0, "ALLOW", context, 0, allow=bits(sources))
            for s in sorted(sources):
                yield write(context, "PRIORITY", s, priority=1)
            yield write(context, "VECTOR_BASE", base=context << 16)
            yield write(context, "ENABLE", 0, 0, enable=bits(sources))
        shared = {s.number for s in self.sources if s.shared}
        for s in shared:
            yield write(0, "PRIORITY", s, priority=1)
        yield write(0, "ENABLE", 0, 0, enable=bits(shared))
        for h in range(p.hart_count):
            yield write(0, "RUNNING", h, context=2 * h + 1)
