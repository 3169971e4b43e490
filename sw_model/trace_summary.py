"""Figures of a recorded trace, interrupt by interrupt: how many, where, how often, how long the handlers took."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from .traces import Trace, TraceEvent

__all__ = ["InterruptSummary", "Spread", "summarise_trace"]


@dataclass(frozen=True)
class Spread:
    """The spread of some times, in us."""

    min: float
    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, times_ns: Sequence[int]) -> "Spread | None":
        """That of these times, or None if there are none."""
        if not times_ns:
            return None
        p50, p99 = (float(each) for each in np.percentile(times_ns, (50, 99), method="higher"))
        return cls(*(round(each / 1000, 3) for each in (min(times_ns), p50, p99, max(times_ns))))


@dataclass(frozen=True)
class InterruptSummary:
    """All interrupts of one number.

    ``handlers`` has every name that occurs, in order of appearance; ``by_handlers`` how many interrupts each set of
    handlers looked at, ``by_task`` how many interrupted each task. ``per_second`` is the mean rate from the first one
    to the last. ``gap_us`` is the time between one and the next, whatever the CPU; ``handler_us`` from the first
    handler's entry to the last one's exit. These three are None where there are too few, or no times.
    """

    kind: str
    number: int
    handlers: tuple[str, ...]
    count: int
    by_cpu: dict[int, int]
    by_handlers: dict[str, int]
    by_task: dict[str, int]
    per_second: float | None
    gap_us: Spread | None
    handler_us: Spread | None

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def summarise_trace(trace: Trace) -> list[InterruptSummary]:
    """A summary of each interrupt of a trace, the most frequent first."""
    groups: dict[tuple[str, int], list[TraceEvent]] = defaultdict(list)
    for each in trace.events:
        groups[each.kind, each.number].append(each)
    found = [_summarise(kind, number, events) for (kind, number), events in groups.items()]
    return sorted(found, key=lambda each: -each.count)


def _summarise(kind: str, number: int, events: list[TraceEvent]) -> InterruptSummary:
    by_cpu = Counter(each.cpu for each in events)
    times = [each.time_ns for each in events if each.time_ns is not None]
    span_ns = times[-1] - times[0] if times else 0
    return InterruptSummary(
        kind=kind, number=number, handlers=tuple(dict.fromkeys(name for each in events for name in each.handlers)),
        count=len(events), by_cpu=dict(sorted(by_cpu.items())),
        by_handlers=dict(Counter(each.name for each in events)),
        by_task=dict(Counter(each.task for each in events if each.task)),
        per_second=round((len(times) - 1) * 1e9 / span_ns, 3) if span_ns else None,
        gap_us=Spread.of([after - before for before, after in pairwise(times)]),
        handler_us=Spread.of([each.duration_ns for each in events if each.duration_ns is not None]),
    )
