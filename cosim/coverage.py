"""Functional coverage: in which state of source and target each operation happened, at which level of the tree."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path

from rich.table import Table

from hic.rtl.registers import MAP, WINDOW_BYTES, Dimension, unit_of
from hic.sw_model.reference import ReferenceController

__all__ = [
    "EXCLUSIONS", "OPERATIONS", "Bin", "Coverage", "Exclusion", "Level", "SourceState", "TargetState", "depth_of",
    "operation_of",
]


class SourceState(Enum):
    """The states of a source."""

    IDLE = "idle"
    """Neither pending nor in service."""
    PENDING = "pending"
    """An event waits."""
    SERVED = "in service"
    """Claimed and not complete."""
    BOTH = "pending in service"
    """In service, and a further event waits."""


class TargetState(Enum):
    """The states of a source's target."""

    HOST = "host"
    """It is context 0."""
    RUNS = "runs"
    """It runs on a hart."""
    ABOVE = "ancestor of what runs"
    """It does not run; a descendant does."""
    WAITS = "waits"
    """Neither."""


class Level(Enum):
    """Depth in the context tree."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    """3 or more."""


OPERATIONS = (
    "accept", "claim", "claim injection", "acknowledge", "acknowledge injection", "complete", "force", "inject",
    "message", "doorbell", "stuck", "route", "allow", "enable", "priority", "threshold", "running", "tree", "trigger",
    "refuse",
)
"""The operations that can happen to a source."""

Bin = tuple[SourceState, TargetState, str, Level]


@dataclass(frozen=True)
class Exclusion:
    """Bins that cannot be hit, and why: those that have one of the values in each of the sets that are not empty."""

    reason: str
    sources: frozenset[SourceState] = frozenset()
    targets: frozenset[TargetState] = frozenset()
    operations: frozenset[str] = frozenset()
    levels: frozenset[Level] = frozenset()

    def __contains__(self, point: Bin) -> bool:
        sets: tuple[frozenset[object], ...] = (self.sources, self.targets, self.operations, self.levels)
        return all(not values or value in values for value, values in zip(point, sets, strict=True))


_S, _T = SourceState, TargetState
_GUESTS = frozenset(Level) - {Level.L0}

EXCLUSIONS = (
    Exclusion("context 0 is the host, and is at level 0", targets=frozenset({_T.HOST}), levels=_GUESTS),
    Exclusion(
        "at level 0 there is context 0 alone", targets=frozenset(_T) - {_T.HOST}, levels=frozenset({Level.L0})
    ),
    Exclusion(
        "an event of a source that is pending merges, and is not accepted",
        sources=frozenset({_S.PENDING, _S.BOTH}), operations=frozenset({"accept"}),
    ),
    Exclusion(
        "only what is pending and not in service can be claimed",
        sources=frozenset(_S) - {_S.PENDING}, operations=frozenset({"claim", "acknowledge"}),
    ),
    Exclusion(
        "a context that does not run claims nothing",
        targets=frozenset({_T.ABOVE, _T.WAITS}), operations=frozenset({"claim", "acknowledge"}),
    ),
    Exclusion(
        "the host's own are on the trap line, which has no acknowledge",
        targets=frozenset({_T.HOST}), operations=frozenset({"acknowledge"}),
    ),
    Exclusion(
        "what is not in service is neither completed nor stuck",
        sources=frozenset({_S.IDLE, _S.PENDING}), operations=frozenset({"complete", "stuck"}),
    ),
    Exclusion(
        "doorbells are for contexts that do not run",
        targets=frozenset({_T.HOST, _T.RUNS}), operations=frozenset({"doorbell"}),
    ),
)
"""All bins that cannot be hit."""


def _is_possible(point: Bin) -> bool:
    return not any(point in exclusion for exclusion in EXCLUSIONS)


_BINS = tuple(point for point in product(SourceState, TargetState, OPERATIONS, Level) if _is_possible(point))
_POSSIBLE = frozenset(_BINS)


class Coverage:
    """Counts how often each bin was hit."""

    def __init__(self) -> None:
        self.hits: Counter[Bin] = Counter()

    @staticmethod
    def bins() -> list[Bin]:
        """All bins that can be hit."""
        return list(_BINS)

    def sample(self, golden: ReferenceController, operation: str, sources: Iterable[int]) -> None:
        """Counts an operation on sources, in the state before it."""
        for source in sources:
            state, target, level = _situation(golden, source)
            self.hits[(state, target, operation, level)] += 1

    def missing_for(self, golden: ReferenceController, source: int, target: int | None = None) -> list[str]:
        """Operations that have not yet happened to a source in its present state, or if its target were another."""
        state, target_state, level = _situation(golden, source, target)
        points = {operation: (state, target_state, operation, level) for operation in OPERATIONS}
        return [operation for operation, point in points.items() if point in _POSSIBLE and not self.hits[point]]

    def missing(self) -> list[Bin]:
        """Bins that were not hit."""
        return [b for b in self.bins() if not self.hits[b]]

    def surprises(self) -> list[Bin]:
        """Bins that were hit although they are excluded."""
        return [b for b in self.hits if b not in _POSSIBLE]

    @property
    def ratio(self) -> float:
        """Share of the bins that were hit."""
        bins = self.bins()
        return sum(1 for b in bins if self.hits[b]) / len(bins)

    def table(self) -> Table:
        """The numbers of bins that were hit, by operation and level."""
        table = Table("operation", title=f"Functional coverage: {100 * self.ratio:.1f} % of {len(self.bins())}")
        for level in Level:
            table.add_column(level.name, justify="right")
        for operation in OPERATIONS:
            cells = []
            for level in Level:
                bins = [point for point in self.bins() if point[2:] == (operation, level)]
                cells.append(f"{sum(1 for point in bins if self.hits[point])}/{len(bins)}" if bins else "")
            table.add_row(operation, *cells)
        return table

    def save(self, path: Path) -> None:
        """Writes the counts as JSON."""
        rows = [[s.name, t.name, operation, level.name, n] for (s, t, operation, level), n in sorted(
            self.hits.items(), key=repr
        )]
        path.write_text(json.dumps(rows))

    def merge(self, path: Path) -> None:
        """Adds the counts of a file that ``save`` wrote."""
        for source, target, operation, level, n in json.loads(path.read_text()):
            self.hits[(SourceState[source], TargetState[target], operation, Level[level])] += n


def _situation(
    golden: ReferenceController, source: int, target: int | None = None
) -> tuple[SourceState, TargetState, Level]:
    state = SourceState.IDLE
    if golden.in_service >> source & 1:
        state = SourceState.BOTH if golden.pending >> source & 1 else SourceState.SERVED
    elif golden.pending >> source & 1:
        state = SourceState.PENDING
    context = golden.target[source] if target is None else target
    return state, _target_state(golden, context), Level(min(3, depth_of(golden, context)))


def _target_state(golden: ReferenceController, target: int) -> TargetState:
    if not target:
        return TargetState.HOST
    if target in golden.running:
        return TargetState.RUNS
    if any(golden.is_below(target, running) for running in golden.running):
        return TargetState.ABOVE
    return TargetState.WAITS


def depth_of(golden: ReferenceController, context: int) -> int:
    """The number of contexts above a context."""
    depth = 0
    while context:
        context = golden.parent[context]
        depth += 1
    return depth


def operation_of(
    golden: ReferenceController, address: int, value: int
) -> tuple[str, list[int]] | None:
    """The operation that a write is, and the sources that it touches; None if it is not one of ``OPERATIONS``."""
    page, offset = divmod(address & ~3, WINDOW_BYTES)
    location = MAP.locate(offset, golden.parameters)
    if location is None or page >= golden.parameters.context_count:
        return None
    name, indices = location.register.name, location.indices
    is_unit = any(dimension is Dimension.PLIC for dimension, _ in location.register.dimensions)
    if is_unit and unit_of(golden.parameters, page, indices[0], golden.by_mode[page]) is None:
        return None
    everything = range(1, golden.parameters.source_count + 1)
    of_page = [s for s in everything if golden.target[s] == page]
    match name:
        case "ROUTE" | "PRIORITY" | "TRIGGER":
            return name.lower(), [indices[0]]
        case "ENABLE" | "ALLOW":
            word = 32 * indices[-1]
            return name.lower(), [s for s in range(word, word + 32) if s in everything and value >> s - word & 1]
        case "THRESHOLD":
            return "threshold", of_page
        case "RUNNING":
            concerned = {value & 0xFF, golden.running[indices[0]]}
            return "running", [s for s in everything if golden.target[s] in concerned]
        case "TREE":
            return "tree", [s for s in everything if golden.target[s] == indices[0]]
        case _:
            return None
