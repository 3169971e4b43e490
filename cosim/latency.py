"""Pin-to-line latency: from the pins while a simulation runs, or from a waveform alone, by the same rule.

A leg begins with the change of a wire that makes an event (the observation port says which do) and ends in the first
cycle in which a line shows the source. Its length is the number of clock edges between the two: with the line free
and no write on its way, ``Parameters.pin_to_line_cycles`` (rule ``bounded_latency``). A leg is *prompt* if that was so:
from the event on the line was low, and in the cycles before no access and no acknowledge took effect. All others waited
for software.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from vcdvcd import VCDVCD

from hic.rtl.interfaces import Operation
from hic.rtl.parameters import SYNCHRONIZER_CYCLES, Cause, Parameters
from hic.rtl.registers import MAP
from hic.rtl.timing import Limits

__all__ = ["LatencyError", "LatencyMonitor", "LatencyReport", "PinToLine", "Pins", "latency_from_vcd"]

_CLAIMS = MAP["CLAIM"].offsets


def _quiet_cycles(context_bits: int) -> int:
    """Cycles for which an access may keep lines low after its record: a world switch brings all contexts up to date."""
    return Limits(Parameters(context_count=1 << context_bits)).switch_traps_hostile


class LatencyError(Exception):
    """The waveform cannot be measured."""


@dataclass(frozen=True, slots=True, order=True)
class PinToLine:
    """One leg: ``begin`` is the first cycle of the wire's new level, ``end`` the first with the source on the line.

    Cycles are counted from the end of reset.
    """

    begin: int
    end: int
    source: int
    hart: int
    line: str
    prompt: bool

    @property
    def cycles(self) -> int:
        """Clock edges between the two."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Pins:
    """The signals that the rule looks at in one cycle. Bit s of ``wires`` and ``accepted`` is source s.

    ``lines`` has the valid lines, each as (hart, "direct" or "trap"), with the source of the event; 0 for what is no
    event of a source.
    """

    cycle: int
    wires: int
    accepted: int
    disturbed: bool
    lines: dict[tuple[int, str], int]


@dataclass
class LatencyReport:
    """Legs, and what they say."""

    legs: list[PinToLine] = field(default_factory=list)

    def summary(self) -> list[dict[str, Any]]:
        """Per source and line: how many, and the prompt ones' cycles."""
        groups: dict[tuple[int, str], list[PinToLine]] = defaultdict(list)
        for leg in self.legs:
            groups[(leg.source, leg.line)].append(leg)
        rows = []
        for (source, line), legs in sorted(groups.items()):
            prompt = [leg.cycles for leg in legs if leg.prompt]
            row: dict[str, Any] = {"source": source, "line": line, "count": len(legs), "prompt": len(prompt)}
            for name, percentile in (("p50", 50), ("p99", 99), ("max", 100)):
                row[name] = int(np.percentile(prompt, percentile, method="higher")) if prompt else None
            rows.append(row)
        return rows

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the summary, and each leg."""
        names = ("source", "line", "hart", "begin", "end", "cycles", "prompt")
        return {"summary": self.summary(), "legs": [{n: getattr(leg, n) for n in names} for leg in self.legs]}

    def table(self) -> Table:
        """For the terminal."""
        table = Table(title="Pin to line, in clock edges (prompt: line free, no access on its way)")
        for heading in ("source", "line", "events", "prompt", "p50", "p99", "max"):
            table.add_column(heading, justify="left" if heading == "line" else "right")
        for row in self.summary():
            table.add_row(*("-" if value is None else str(value) for value in row.values()))
        return table


class LatencyMonitor:
    """Applies the rule, cycle by cycle. Cycles in which nothing changes may be left out.

    Parameters
    ----------
    synchronizer : bool
        The controller has a synchroniser.
    context_bits : int
        Width of its context numbers.
    """

    def __init__(self, synchronizer: bool, context_bits: int) -> None:
        self._delay = SYNCHRONIZER_CYCLES if synchronizer else 0
        self._quiet_cycles = _quiet_cycles(context_bits)
        self.report = LatencyReport()
        self._wires = 0
        self._changed: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=SYNCHRONIZER_CYCLES + 1))
        self._waiting: dict[int, tuple[int, int]] = {}
        self._lines: dict[tuple[int, str], int] = {}
        self._low_since: dict[tuple[int, str], int] = {}
        self._disturbed_at = -self._quiet_cycles

    def look(self, pins: Pins) -> None:
        """Takes the next cycle."""
        cycle = pins.cycle
        for source in _bits(pins.wires ^ self._wires):
            self._changed[source].append(cycle)
        self._wires = pins.wires
        for line, shown in pins.lines.items():
            if shown and self._lines.get(line, 0) != shown and shown in self._waiting:
                begin, accepted = self._waiting.pop(shown)
                was_low = line not in self._lines and self._low_since.get(line, 0) <= accepted + 1
                quiet = cycle - self._disturbed_at > self._quiet_cycles
                self.report.legs.append(PinToLine(begin, cycle, shown, *line, was_low and quiet))
        for line in self._lines.keys() - pins.lines.keys():
            self._low_since[line] = cycle
        self._lines = dict(pins.lines)
        for source in _bits(pins.accepted):
            if cycle - self._delay in self._changed[source]:
                self._waiting[source] = (cycle - self._delay, cycle)
            else:
                self._waiting.pop(source, None)
        if pins.disturbed:
            self._disturbed_at = cycle

    def __call__(self, sample: Any) -> bool:
        """A listener of ``Monitor``. Never keeps it awake."""
        lines: dict[tuple[int, str], int] = {}
        for hart, shown in enumerate(sample.direct):
            if shown.line.valid:
                lines[(hart, "direct")] = 0 if shown.injected else shown.line.source
        for hart, trap in enumerate(sample.traps):
            if trap.valid:
                lines[(hart, "trap")] = trap.source if trap.cause is Cause.INTERRUPT else 0
        disturbed = _is_disturbance(sample.operation, sample.acknowledged, sample.value)
        self.look(Pins(sample.cycle, sample.wires, sample.accepted, disturbed, lines))
        return False


def _is_disturbance(operation: int | Operation, acknowledged: int, value: int) -> bool:
    """True if a record may keep lines low. Of reads only claims do, also those that find nothing."""
    quiet = (Operation.NONE, Operation.READ, Operation.DOORBELL, Operation.STUCK)
    is_claim = Operation(operation) is Operation.READ and value in _CLAIMS
    return bool(acknowledged) or is_claim or Operation(operation) not in quiet


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class _Trace:
    """A signal of a waveform: its value at any time."""

    def __init__(self, changes: list[tuple[int, str]]) -> None:
        self.times = [time for time, _ in changes]
        self._values = [int(value, 2) if set(value) <= {"0", "1"} else 0 for _, value in changes]

    def at(self, time: int) -> int:
        """The value just before a time."""
        index = bisect_left(self.times, time) - 1
        return self._values[index] if index >= 0 else 0

    def rises(self) -> list[int]:
        """When it becomes 1."""
        before = [0, *self._values[:-1]]
        steps = zip(self.times, before, self._values, strict=True)
        return [time for time, then, now in steps if now and not then]


_OBSERVED = ("accepted", "acknowledged", "operation", "value")


def latency_from_vcd(path: Path) -> LatencyReport:
    """Measures a waveform of the generated Verilog, by whatever simulator and wherever in the hierarchy.

    The controller is found by the names of its ports. The cause of events is read from the observation port, or, if the
    Verilog was generated without, from the signals inside that would drive it.

    Raises
    ------
    LatencyError
        It is no VCD, or holds no controller, or more than one, or not the signals that are needed.
    """
    try:
        names = VCDVCD(str(path), only_sigs=True).signals
    except Exception as error:
        raise LatencyError(f"{path} must be a VCD file: {error}") from error
    by_scope: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        scope, _, leaf = name.rpartition(".")
        by_scope[scope][leaf.partition("[")[0].strip()] = name
    needed = {"clk", "rst", "irq", "direct0_valid", "direct0_source", "trap0_valid", "trap0_cause", "trap0_source"}
    scopes = [scope for scope, signals in by_scope.items() if needed <= signals.keys()]
    # A simulator may show the top module's ports a second time, in a scope around it.
    scopes = [s for s in scopes if not any(o.startswith(f"{s}.") or (o != s and _is_alias(s, o)) for o in scopes)]
    if len(scopes) != 1:
        found = f"{len(scopes)}: {', '.join(scopes)}" if scopes else "none"
        what = "one controller (a scope with the ports irq, direct0_valid, ...)"
        raise LatencyError(f"{path} must hold {what}, not {found}")
    return _measure(path, by_scope, scopes[0])


def _is_alias(scope: str, other: str) -> bool:
    """True if a scope is the simulator's own root, beside the module that it shows again."""
    return "." not in scope and scope.startswith("$")


def _measure(path: Path, by_scope: dict[str, dict[str, str]], scope: str) -> LatencyReport:
    ports = by_scope[scope]
    harts = [h for h in range(64) if f"direct{h}_valid" in ports]
    lines = {
        (h, kind): [ports[f"{kind}{h}_{name}"] for name in ("valid", "source", extra)]
        for h in harts
        for kind, extra in (("direct", "injected"), ("trap", "cause"))
    }
    observed = _observed(path, by_scope, scope)
    wanted = {ports["clk"], ports["rst"], ports["irq"], *observed}
    wanted |= {name for group in lines.values() for name in group} | {ports["direct0_context"]}
    waves = VCDVCD(str(path), signals=sorted(wanted))
    trace = {name: _Trace(waves[name].tv) for name in wanted}

    clock, reset, wires = (trace[ports[name]] for name in ("clk", "rst", "irq"))
    edges = clock.rises()
    ends = [time for time in reset.times if not reset.at(time + 1)]
    start = bisect_left(edges, ends[-1]) if ends else 0
    interesting = sorted({time for name, signal in trace.items() if signal is not clock for time in signal.times})
    accepted, acknowledged, operation, value = (trace[name] for name in observed)

    pins: dict[int, Pins] = {}
    for cycle in _cycles(edges, start, interesting):
        end = edges[start + cycle + 1]
        if reset.at(end):
            continue
        shown: dict[tuple[int, str], int] = {}
        for (hart, kind), group in lines.items():
            valid, source, extra = (trace[name] for name in group)
            if valid.at(end):
                is_event = extra.at(end) == Cause.INTERRUPT if kind == "trap" else not extra.at(end)
                shown[(hart, kind)] = source.at(end) if is_event else 0
        disturbed = _is_disturbance(operation.at(end), acknowledged.at(end), value.at(end))
        pins[cycle] = Pins(cycle, wires.at(end) << 1, accepted.at(end), disturbed, shown)
    monitor = LatencyMonitor(_has_synchronizer(pins), int(waves[ports["direct0_context"]].size))
    for each in pins.values():
        monitor.look(each)
    return monitor.report


def _has_synchronizer(pins: dict[int, Pins]) -> bool:
    """True if most events come two cycles after a change of their wire, False if most come with it."""
    votes = 0
    changed: dict[int, int] = {}
    before = 0
    for cycle, each in pins.items():
        changed[cycle], before = each.wires ^ before, each.wires
        with_it = each.accepted & changed[cycle]
        after_it = each.accepted & changed.get(cycle - SYNCHRONIZER_CYCLES, 0)
        votes += after_it.bit_count() - with_it.bit_count()
    return votes > 0


def _observed(path: Path, by_scope: dict[str, dict[str, str]], scope: str) -> list[str]:
    """The observation port's signals, at the controller's ports or inside."""
    for candidate, prefix in ((scope, "trace_"), *((s, "trace__") for s in by_scope if s.startswith(f"{scope}."))):
        signals = by_scope[candidate]
        if all(prefix + name in signals for name in _OBSERVED):
            return [signals[prefix + name] for name in _OBSERVED]
    raise LatencyError(
        f"{path} must hold the controller's observation port (trace_accepted, ...) or what is inside the controller; "
        "generate the Verilog with its observation port, or record all levels of the hierarchy"
    )


def _cycles(edges: list[int], start: int, times: Iterable[int]) -> Iterator[int]:
    """The cycles in which something changes, and the one after each."""
    last = -1
    for time in times:
        first = bisect_right(edges, time) - 1 - start
        for cycle in (first, first + 1):
            if cycle > last and cycle >= 0 and start + cycle + 1 < len(edges):
                yield cycle
                last = cycle
