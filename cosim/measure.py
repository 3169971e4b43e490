"""Latencies in controller cycles, exact, measured on the pins while a simulation runs.

A leg is one stretch that the controller alone is answerable for: from a wire, or from an injection, to the line on
which it has to show. An event that has to wait for software (its line shows something that comes first, its source is
in service, nobody can take it) makes no leg, and is counted. A leg that meets a dark line is longer by the cycles for
which that is low.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hic.rtl.interfaces import Operation
from hic.rtl.parameters import LATENCY_CYCLES, SYNCHRONIZER_CYCLES, Cause, Parameters, Trigger
from hic.sw_model.reference import ReferenceController

from .monitor import Sample

__all__ = ["Dark", "DarkMeter", "Leg", "LegKind", "Meter"]


class LegKind(StrEnum):
    """From where to where."""

    PIN_TO_DIRECT = "pin to direct line"
    """A wire goes active; the direct line shows its source."""
    PIN_TO_TRAP = "pin to trap line"
    """A wire goes active; a trap line shows its source."""
    PIN_TO_DOORBELL = "pin to doorbell"
    """A wire goes active; a trap line shows a doorbell for its target."""
    INJECTION_TO_DIRECT = "injection to direct line"
    """The write to INJECT takes effect; the direct line shows the injection."""
    INJECTION_TO_DOORBELL = "injection to doorbell"
    """The write to INJECT takes effect; a trap line shows a doorbell for the receiver."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One measured stretch. ``context`` is the target, or the receiver of the injection; ``begin`` and ``end`` are
    numbers of cycles since reset: that in which the wire is active first, and that in which the line is valid first."""

    kind: LegKind
    source: int
    context: int
    hart: int
    begin: int
    end: int

    @property
    def cycles(self) -> int:
        """Clock edges between the two."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class _Open:
    """A leg that has begun."""

    source: int
    context: int
    injected: bool
    begin: int


class Meter:
    """Measures legs. A listener of ``Monitor``, to be subscribed after the scoreboard, whose golden model it asks where
    an event has to show.

    Parameters
    ----------
    parameters : Parameters
        The configuration.
    golden : ReferenceController
        The scoreboard's.
    on_leg : callable
        Receives each leg when it ends.
    """

    def __init__(
        self, parameters: Parameters, golden: ReferenceController, on_leg: Callable[[Leg], object]
    ) -> None:
        self.waited: Counter[int] = Counter()
        """By source: events that had to wait for software, and so made no leg."""
        self._golden = golden
        self._on_leg = on_leg
        self._delay = SYNCHRONIZER_CYCLES if parameters.synchronizer else 0
        self._harts = range(parameters.hart_count)
        self._wires = 0
        self._active_at: dict[int, int] = {}
        self._direct: dict[int, _Open] = {}
        self._trap: dict[int, _Open] = {}
        self._doorbells: list[_Open] = []

    def __call__(self, sample: Sample) -> bool:
        """Looks at a cycle. Never keeps the monitor awake: it wakes when a line changes."""
        self._close(sample)
        self._follow_wires(sample)
        if sample.accepted:
            for source in range(1, sample.accepted.bit_length()):
                if sample.accepted >> source & 1:
                    self._accept(sample.cycle, source)
        if sample.operation is Operation.INJECT:
            self._begin(_Open(sample.source, sample.context, True, sample.cycle))
        return False

    def _follow_wires(self, sample: Sample) -> None:
        changed = sample.wires ^ self._wires
        self._wires = sample.wires
        for source in range(1, changed.bit_length()):
            if changed >> source & 1:
                rising = bool(sample.wires >> source & 1)
                if rising == (self._golden.trigger[source] in (Trigger.LEVEL_HIGH, Trigger.EDGE_RISING)):
                    self._active_at[source] = sample.cycle

    def _accept(self, cycle: int, source: int) -> None:
        if self._active_at.get(source) == cycle - self._delay:
            self._begin(_Open(source, self._golden.target[source], False, cycle - self._delay))
        else:
            self.waited[source] += 1  # a message, or a level that was found active after a service

    def _begin(self, event: _Open) -> None:
        golden = self._golden
        for hart in self._harts:
            if self._is_best(hart, event):
                self._direct[hart] = event
                return
            trap = golden.trap(hart)
            if trap.cause is Cause.INTERRUPT and (trap.source, trap.target) == (event.source, event.context):
                self._trap[hart] = event
                return
        if event.context in golden.doorbells_due():
            self._doorbells.append(event)
        else:
            self.waited[event.source] += 1

    def _is_best(self, hart: int, event: _Open) -> bool:
        best = next(iter(self._golden.candidates(hart)), None)
        return best is not None and (best.source, best.context, best.injected) == (
            event.source, event.context, event.injected,
        )

    def _close(self, sample: Sample) -> None:
        for hart, event in list(self._direct.items()):
            shown = sample.direct[hart]
            if (shown.line.source, shown.line.context, shown.injected) == (event.source, event.context, event.injected):
                kind = LegKind.INJECTION_TO_DIRECT if event.injected else LegKind.PIN_TO_DIRECT
                self._end(kind, event, hart, sample.cycle)
                del self._direct[hart]
            elif not self._is_best(hart, event):
                self.waited[event.source] += 1  # overtaken
                del self._direct[hart]
        for hart, event in list(self._trap.items()):
            trap = sample.traps[hart]
            if trap.cause is Cause.INTERRUPT and (trap.source, trap.target) == (event.source, event.context):
                self._end(LegKind.PIN_TO_TRAP, event, hart, sample.cycle)
                del self._trap[hart]
            elif (self._golden.trap(hart).source, self._golden.trap(hart).target) != (event.source, event.context):
                self.waited[event.source] += 1
                del self._trap[hart]
        for hart, trap in enumerate(sample.traps) if self._doorbells else ():
            if trap.cause is Cause.DOORBELL:
                for event in [each for each in self._doorbells if each.context == trap.context]:
                    kind = LegKind.INJECTION_TO_DOORBELL if event.injected else LegKind.PIN_TO_DOORBELL
                    self._end(kind, event, hart, sample.cycle)
                    self._doorbells.remove(event)

    def _end(self, kind: LegKind, event: _Open, hart: int, cycle: int) -> None:
        self._on_leg(Leg(kind, event.source, event.context, hart, event.begin, cycle))


@dataclass(frozen=True, slots=True)
class Dark:
    """Cycles in which a line was low although an event had been there for it for longer than the latency.

    ``line`` is "direct" or "trap"; ``end`` is the first cycle in which the line was valid again. If it had nothing more
    to show then, because the event was claimed, it was not dark.
    """

    line: str
    hart: int
    begin: int
    end: int

    @property
    def cycles(self) -> int:
        """The number of cycles."""
        return self.end - self.begin


class DarkMeter:
    """Measures dark lines. A listener of ``Monitor``, to be subscribed after the scoreboard.

    Of trap lines only INTERRUPT counts: notices come by the walker, in their own time.

    Parameters
    ----------
    parameters : Parameters
        The configuration.
    golden : ReferenceController
        The scoreboard's.
    on_dark : callable
        Receives each dark time when it ends.
    """

    def __init__(
        self, parameters: Parameters, golden: ReferenceController, on_dark: Callable[[Dark], object]
    ) -> None:
        self._golden = golden
        self._on_dark = on_dark
        self._lines = [(line, hart) for line in ("direct", "trap") for hart in range(parameters.hart_count)]
        self._due_at: dict[tuple[str, int], int] = {}
        self._begin: dict[tuple[str, int], int] = {}

    def __call__(self, sample: Sample) -> int:
        """Looks at a cycle. Returns after how many cycles a line that is low is dark, if nothing changes; 0: never."""
        waits = []
        for key in self._lines:
            line, hart = key
            shown = sample.direct[hart].line.valid if line == "direct" else sample.traps[hart].valid
            due_at = self._due_at.get(key)
            is_dark = due_at is not None and due_at <= sample.cycle and not shown
            if is_dark:
                self._begin.setdefault(key, sample.cycle)
            elif (begin := self._begin.pop(key, None)) is not None and shown:
                self._on_dark(Dark(line, hart, begin, sample.cycle))
            if not self._has(line, hart):
                self._due_at.pop(key, None)
            elif self._due_at.setdefault(key, sample.cycle + 1 + LATENCY_CYCLES) > sample.cycle and not shown:
                waits.append(self._due_at[key] - sample.cycle)
        return min(waits, default=0)

    def _has(self, line: str, hart: int) -> bool:
        """True if the line has something to show, from the next cycle on."""
        if line == "direct":
            return self._golden.direct(hart).valid
        return self._golden.trap(hart).cause is Cause.INTERRUPT
