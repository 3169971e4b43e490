"""Scenario files: what is built, who asks for what, which devices drive it, and for how long. TOML.

Top level
    ``name``, ``summary`` (text); ``seed`` (integer >= 0, default 1); ``length_us`` (> 0): how long devices run;
    ``policy``: ``hybrid`` (default), ``trap-and-emulate`` or ``static``.
``[platform]``
    ``profile`` (see `sw_model.costs`), ``cpu_mhz``, ``controller_mhz``, ``harts``.
``[controller]``
    ``priority_bits``, ``synchronizer``, ``stuck_limit`` (exponent of controller cycles, 0 = none).
``[[vmm]]``
    ``name``, ``parent`` (a VMM); ``schedule`` (``round-robin`` or ``priority``) and ``slice_us`` for the contexts that
    it runs;
    ``priority`` with its siblings. The host is the VMM ``L0``: it exists unasked, and an entry of that name only sets
    its scheduling.
``[[guest]]``
    ``name``, ``parent``, ``hart`` (where its virtual CPU is placed), ``priority``, ``load`` (``busy``: always has work;
    ``idle``: runs for
    interrupts only), ``handler_cycles`` (CPU cycles to service a device), ``asks`` (names of sources), ``behaviour``
    (``good``,
    ``never-completes``, ``bad-access``).
``[[source]]``
    ``name``, ``number`` (1 to 1023), ``trigger`` (``level-high``, ``level-low``, ``edge-rising``, ``edge-falling``,
    ``message``),
    ``priority`` (1 to 2**priority_bits - 1), ``home`` (hart).
``[[ask]]``
    ``guest``, ``source``, ``from_us``, ``until_us``: a guest that enables a source only for a while.
``[[device]]``
    ``source`` and ``kind``: ``periodic`` (``period_us``, ``jitter_us``), ``poisson`` (``mean_us``), ``burst``
    (``period_us``, ``count``,
    ``gap_us``), ``level`` (``mean_us``; asserted until serviced, then quiet for that long) or ``replay`` (``trace``,
    ``event``: a name such
    as ``virtio1-req.0``, ``local_timer``, ``reschedule``, or an IRQ number; ``cpu``, ``scale`` of time, ``limit`` of
    events); all:
    ``start_us``.

Contexts are numbered in preorder: a VMM, then what it runs in the order of the file (VMMs before guests of the same
parent).
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hic.rtl.parameters import Parameters, Trigger
from hic.rtl.timing import MEASURED_MHZ

from .costs import PLATFORMS, Platform
from .devices import Burst, Device, Level, Periodic, Poisson, Replay
from .traces import TraceError, read_trace

__all__ = [
    "Ask",
    "Behaviour",
    "ContextSpec",
    "DeviceSpec",
    "Fault",
    "Policy",
    "Scenario",
    "ScenarioError",
    "Schedule",
    "SourceSpec",
    "load_scenario",
    "packaged_scenarios",
    "parse_scenario",
]

HOST = "L0"


class Policy(StrEnum):
    """The ways in which interrupts can reach guests."""

    HYBRID = "hybrid"
    """Direct to the one guest that asks; trapped and injected where several do."""
    TRAP_AND_EMULATE = "trap-and-emulate"
    """Every interrupt traps to L0, and so does every access to a virtual register to the VMM above it."""
    STATIC = "static"
    """Direct to the first guest that asks; every other request is refused."""


class Schedule(StrEnum):
    """The ways in which a VMM can share a hart among the contexts that it runs there."""

    ROUND_ROBIN = "round-robin"
    PRIORITY = "priority"


class Behaviour(StrEnum):
    """The behaviours of a guest: a good one, and what it can do wrong."""

    GOOD = "good"
    NEVER_COMPLETES = "never-completes"
    BAD_ACCESS = "bad-access"


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a scenario: the 1-based line, the key's path and what must hold instead."""

    line: int
    path: str
    message: str


class ScenarioError(ValueError):
    """A scenario file with faults; the text lists all of them."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.name = name
        self.faults = sorted(faults, key=lambda each: each.line)
        super().__init__("\n".join(f"{name}:{each.line}: {each.path}: {each.message}" for each in self.faults))


@dataclass(frozen=True, kw_only=True)
class ContextSpec:
    """A VMM or guest. ``context`` and ``last`` are its place in the tree, ``level`` its depth (L0 is 0)."""

    name: str
    is_vmm: bool
    parent: str | None
    context: int = 0
    last: int = 0
    level: int = 0
    priority: int = 0
    schedule: Schedule = Schedule.ROUND_ROBIN
    slice_ns: int = 1_000_000
    hart: int = 0
    idle: bool = False
    handler_cycles: int = 2_000
    behaviour: Behaviour = Behaviour.GOOD


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """An interrupt source."""

    name: str
    number: int
    trigger: Trigger
    priority: int
    home: int


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A guest wants a source from ``from_ns`` on, until ``until_ns`` or for ever."""

    guest: str
    source: str
    from_ns: int = 0
    until_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class DeviceSpec:
    """A device's kind and parameters, in ns; ``times_ns`` is what a replay replays."""

    source: str
    kind: str
    start_ns: int = 0
    values: Mapping[str, int] = field(default_factory=dict)
    times_ns: tuple[int, ...] = ()

    def build(self, random: np.random.Generator) -> Device:
        """The device. Raises ValueError if its parameters do not fit together."""
        match self.kind:
            case "periodic":
                return Periodic(self.values["period"], self.start_ns, self.values["jitter"], random)
            case "poisson":
                return Poisson(self.values["mean"], self.start_ns, random)
            case "burst":
                return Burst(self.values["period"], self.values["count"], self.values["gap"], self.start_ns)
            case "level":
                return Level(self.values["mean"], self.start_ns, random)
            case _:
                return Replay(self.times_ns, self.start_ns)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A checked scenario. Contexts are in preorder, so ``contexts[c].context == c``; all names are resolved."""

    name: str
    summary: str
    seed: int
    length_ns: int
    policy: Policy
    platform: Platform
    cpu_hz: int
    controller_hz: int
    hart_count: int
    priority_bits: int
    synchronizer: bool
    stuck_limit: int
    contexts: tuple[ContextSpec, ...]
    sources: tuple[SourceSpec, ...]
    asks: tuple[Ask, ...]
    devices: tuple[DeviceSpec, ...]

    @property
    def parameters(self) -> Parameters:
        """The smallest controller that the scenario fits on."""
        return Parameters(
            source_count=max(each.number for each in self.sources),
            context_count=len(self.contexts),
            hart_count=self.hart_count,
            priority_bits=self.priority_bits,
            synchronizer=self.synchronizer,
        )

    def context(self, name: str) -> ContextSpec:
        """The context of that name. Raises KeyError if there is none."""
        return _named(self.contexts, name)

    def source(self, name: str) -> SourceSpec:
        """The source of that name. Raises KeyError if there is none."""
        return _named(self.sources, name)

    def with_policy(self, policy: Policy | str) -> "Scenario":
        """The same under another policy."""
        return replace(self, policy=Policy(policy))


_Named = TypeVar("_Named", ContextSpec, SourceSpec)


def _named(items: Sequence[_Named], name: str) -> _Named:
    for each in items:
        if each.name == name:
            return each
    raise KeyError(f"there is no {name!r}; there are {', '.join(each.name for each in items)}")


def packaged_scenarios() -> list[str]:
    """Names of the scenarios that ship with the package."""
    return sorted(Path(each.name).stem for each in files("sw_model").joinpath("scenarios").iterdir())


def load_scenario(path: str | Path) -> Scenario:
    """Reads a scenario file, or one that ships with the package by its bare name (``demo``).

    Raises
    ------
    FileNotFoundError
        There is no such file or name; the message lists the names.
    ScenarioError
        The file has faults.
    """
    path = Path(path)
    if not path.exists():
        if str(path) not in packaged_scenarios():
            raise FileNotFoundError(
                f"Scenario must be a file or one of {', '.join(packaged_scenarios())}, not {str(path)!r}"
            )
        resource = files("sw_model").joinpath("scenarios", f"{path}.toml")
        return parse_scenario(resource.read_text(), f"{path}.toml")
    return parse_scenario(path.read_text(), path.name, path.parent)


_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\"'-]+)\s*\]")
_KEY = re.compile(r"\s*([\w\"'-]+)\s*=")


def _lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Line of each table and key that starts a line, by its path."""
    found: dict[tuple[str | int, ...], int] = {(): 1}
    counts: dict[str, int] = {}
    table: tuple[str | int, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2].strip("\"'")
            if header[1] == "[[":
                table = (name, counts.setdefault(name, 0))
                counts[name] += 1
                found.setdefault((name,), number)
            else:
                table = (name,)
            found[table] = number
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1].strip("\"'")), number)
    return found


_REQUIRED = object()


class _Table:
    """Takes checked values out of one TOML table, and collects faults instead of stopping at one."""

    def __init__(self, reader: "_Reader", path: tuple[str | int, ...], data: Any) -> None:
        self._reader = reader
        self.path = path
        self._known: list[str] = []
        self._data: dict[str, Any] = {}
        if isinstance(data, dict):
            self._data = data
        else:
            self.fault(None, f"must be a table, not {data!r}")

    def fault(self, key: str | None, message: str) -> None:
        """Records a fault of a key, or of the table itself."""
        self._reader.fault(self.path if key is None else (*self.path, key), message)

    def has(self, key: str) -> bool:
        """True if the key is given."""
        return key in self._data

    def _take(self, key: str, default: Any, rule: str, valid: Callable[[Any], bool]) -> Any:
        self._known.append(key)
        if key not in self._data:
            if default is _REQUIRED:
                self.fault(None, f"key {key!r} must be given: {rule}")
                return None
            return default
        value = self._data[key]
        if not valid(value):
            self.fault(key, f"must be {rule}, not {value!r}")
            return None if default is _REQUIRED else default
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        """A non-empty string."""
        return self._take(key, default, "a non-empty string", lambda v: isinstance(v, str) and bool(v.strip()))

    def integer(self, key: str, low: int, high: int, default: Any = _REQUIRED) -> Any:
        """An integer of a range, ends included."""
        return self._take(
            key,
            default,
            f"an integer from {low} to {high}",
            lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high,
        )

    def number(self, key: str, default: Any = _REQUIRED, *, positive: bool = True) -> Any:
        """A finite number, above 0 or at least 0."""
        return self._take(
            key,
            default,
            "a number above 0" if positive else "a number of at least 0",
            lambda v: (
                isinstance(v, (int, float)) and not isinstance(v, bool) and (v > 0 if positive else v >= 0) and v < 1e12
            ),
        )

    def ns(self, key: str, default: Any = _REQUIRED, *, positive: bool = True) -> Any:
        """A time that is given in microseconds, in ns."""
        value = self.number(key, default, positive=positive)
        return value if value is None else max(1 if positive else 0, round(value * 1000))

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value: bool = self._take(key, default, "true or false", lambda v: isinstance(v, bool))
        return value

    def choice(self, key: str, choices: Sequence[str], default: Any = _REQUIRED) -> Any:
        """One of some words."""
        if key in self._data and self._data[key] not in choices:
            self._known.append(key)
            value = self._data[key]
            self.fault(key, f"must be one of {', '.join(choices)}, not {value!r}{_suggestion(value, choices)}")
            return None if default is _REQUIRED else default
        return self._take(key, default, f"one of {', '.join(choices)}", lambda v: v in choices)

    def words(self, key: str) -> list[str]:
        """A list of strings, without a repetition."""
        value: list[str] = self._take(
            key,
            [],
            "a list of different strings",
            lambda v: isinstance(v, list) and all(isinstance(w, str) for w in v) and len(set(v)) == len(v),
        )
        return value

    def close(self) -> None:
        """Faults every key that nobody has asked for."""
        for key in self._data.keys() - set(self._known):
            self.fault(key, f"must be one of {', '.join(self._known)}, not {key!r}{_suggestion(key, self._known)}")


def _suggestion(value: object, choices: Sequence[str]) -> str:
    close = get_close_matches(str(value), choices, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


_TRIGGERS = {trigger.name.lower().replace("_", "-"): trigger for trigger in Trigger}
_LEVELS = (Trigger.LEVEL_HIGH, Trigger.LEVEL_LOW)
_DEVICE_KINDS = ("periodic", "poisson", "burst", "level", "replay")


class _Reader:
    """One pass over a parsed file; afterwards either ``faults`` is empty or the scenario is of no use."""

    def __init__(self, data: dict[str, Any], lines: Mapping[tuple[str | int, ...], int], folder: Path | None) -> None:
        self._data = data
        self._lines = lines
        self._folder = folder
        self.faults: list[Fault] = []

    def fault(self, path: tuple[str | int, ...], message: str) -> None:
        known = path
        while known not in self._lines:
            known = known[:-1]
        label = ".".join(f"{each}" for each in path) or "file"
        fault = Fault(self._lines[known], re.sub(r"\.(\d+)", lambda m: f"[{int(m[1]) + 1}]", label), message)
        if fault not in self.faults:
            self.faults.append(fault)

    def _section(self, name: str) -> _Table:
        return _Table(self, (name,), self._data.pop(name, {}))

    def _sections(self, name: str) -> Iterator[_Table]:
        tables = self._data.pop(name, [])
        if not isinstance(tables, list):
            self.fault((name,), f"must be an array of tables ([[{name}]]), not {tables!r}")
            return
        for index, data in enumerate(tables):
            yield _Table(self, (name, index), data)

    def scenario(self) -> Scenario | None:
        platform, cpu_hz, controller_hz, harts = self._platform()
        priority_bits, synchronizer, stuck_limit = self._controller()
        vmms = list(self._sections("vmm"))
        guests = list(self._sections("guest"))
        sources = self._sources(priority_bits, harts)
        contexts, asks = self._contexts(vmms, guests, harts, {each.name: each for each in sources})
        asks += self._asks(contexts, sources, asks)
        devices = self._devices(sources, {each.source for each in asks})
        top = _Table(self, (), self._data)
        name = top.text("name")
        summary = top.text("summary", "")
        seed = top.integer("seed", 0, 2**63 - 1, 1)
        length_ns = top.ns("length_us")
        policy = top.choice("policy", [each.value for each in Policy], Policy.HYBRID.value)
        top.close()
        if self.faults:
            return None
        return Scenario(
            name=name,
            summary=summary,
            seed=seed,
            length_ns=length_ns,
            policy=Policy(policy),
            platform=PLATFORMS[platform],
            cpu_hz=cpu_hz,
            controller_hz=controller_hz,
            hart_count=harts,
            priority_bits=priority_bits,
            synchronizer=synchronizer,
            stuck_limit=stuck_limit,
            contexts=tuple(contexts),
            sources=tuple(sources),
            asks=tuple(asks),
            devices=tuple(devices),
        )

    def _platform(self) -> tuple[str, int, int, int]:
        table = self._section("platform")
        profile = table.choice("profile", list(PLATFORMS), "kvm-x86-skylake")
        cpu_hz = round(table.number("cpu_mhz", 2000) * 1e6)
        controller_hz = round(table.number("controller_mhz", MEASURED_MHZ) * 1e6)
        harts = table.integer("harts", 1, 64, 1)
        table.close()
        return profile, cpu_hz, controller_hz, harts

    def _controller(self) -> tuple[int, bool, int]:
        table = self._section("controller")
        values = (
            table.integer("priority_bits", 1, 8, 3),
            table.flag("synchronizer", True),
            table.integer("stuck_limit", 0, 31, 0),
        )
        table.close()
        return values

    def _sources(self, priority_bits: int, harts: int) -> list[SourceSpec]:
        sources: list[SourceSpec] = []
        for table in self._sections("source"):
            name = table.text("name")
            number = table.integer("number", 1, 1023)
            trigger = table.choice("trigger", list(_TRIGGERS))
            priority = table.integer("priority", 1, 2**priority_bits - 1, 1)
            home = table.integer("home", 0, harts - 1, 0)
            table.close()
            for each in sources:
                if each.name == name:
                    table.fault("name", f"must be a name that no other source has, not {name!r}")
                if each.number == number:
                    table.fault(
                        "number", f"must be a number that no other source has ({each.name} has it), not {number!r}"
                    )
            if None not in (name, number, trigger):
                sources.append(
                    SourceSpec(name=name, number=number, trigger=_TRIGGERS[trigger], priority=priority, home=home)
                )
        if not sources:
            self.fault((), "there must be at least one [[source]], not none")
        return sources

    def _contexts(
        self, vmms: list[_Table], guests: list[_Table], harts: int, sources: Mapping[str, SourceSpec]
    ) -> tuple[list[ContextSpec], list[Ask]]:
        host = ContextSpec(name=HOST, is_vmm=True, parent=None)
        specs: dict[str, ContextSpec] = {HOST: host}
        tables: dict[str, _Table] = {}
        asks: list[Ask] = []
        for table, is_vmm in [(each, True) for each in vmms] + [(each, False) for each in guests]:
            name = table.text("name")
            is_host = is_vmm and name == HOST
            values: dict[str, Any] = {"parent": None if is_host else table.text("parent", HOST)}
            if not is_host:
                values["priority"] = table.integer("priority", 0, 1000, 0)
            if is_vmm:
                values["schedule"] = Schedule(
                    table.choice("schedule", [each.value for each in Schedule], "round-robin")
                )
                values["slice_ns"] = round(table.number("slice_us", 1000) * 1000)
            else:
                values["hart"] = table.integer("hart", 0, harts - 1, 0)
                values["idle"] = table.choice("load", ["busy", "idle"], "busy") == "idle"
                values["handler_cycles"] = table.integer("handler_cycles", 1, 10**9, 2_000)
                values["behaviour"] = Behaviour(table.choice("behaviour", [each.value for each in Behaviour], "good"))
                for asked in table.words("asks"):
                    if asked in sources:
                        asks.append(Ask(guest=name, source=asked))
                    else:
                        table.fault(
                            "asks",
                            f"must name sources that exist ({', '.join(sources)}), not {asked!r}"
                            f"{_suggestion(asked, list(sources))}",
                        )
            table.close()
            if name is None:
                continue
            if name in tables or (name in specs and not is_host):
                table.fault("name", f"must be a name that no other context has, not {name!r}")
                continue
            tables[name] = table
            specs[name] = ContextSpec(name=name, is_vmm=is_vmm, **values)
        return self._tree(specs, tables), asks

    def _tree(self, specs: dict[str, ContextSpec], tables: Mapping[str, _Table]) -> list[ContextSpec]:
        children: dict[str | None, list[ContextSpec]] = {}
        hosts = [each.name for each in specs.values() if each.is_vmm]
        for spec in specs.values():
            if spec.parent is not None and spec.parent not in hosts:
                tables[spec.name].fault(
                    "parent",
                    f"must be a VMM ({', '.join(hosts)}), not {spec.parent!r}{_suggestion(spec.parent, hosts)}",
                )
            children.setdefault(spec.parent, []).append(spec)
        order: list[ContextSpec] = []

        def place(spec: ContextSpec, level: int) -> None:
            context = len(order)
            order.append(spec)
            for child in children.get(spec.name, []):
                place(child, level + 1)
            order[context] = replace(spec, context=context, last=len(order) - 1, level=level)

        place(specs[HOST], 0)
        placed = {each.name for each in order}
        for name, table in tables.items():
            spec = specs[name]
            if name not in placed and spec.parent in hosts:
                table.fault("parent", f"must lead to {HOST}, not in a circle, as {spec.parent!r} does")
            if spec.is_vmm and name != HOST and name not in {each.parent for each in specs.values()}:
                table.fault("name", f"must be a VMM that runs something, not {name!r}, which is no one's parent")
        if all(each.is_vmm for each in specs.values()):
            self.fault((), "there must be at least one [[guest]], not none")
        if len(order) > 256:
            self.fault((), f"there must be at most 256 contexts, L0 included, not {len(order)}")
        return order

    def _asks(self, contexts: list[ContextSpec], sources: list[SourceSpec], plain: list[Ask]) -> list[Ask]:
        guests = [each.name for each in contexts if not each.is_vmm]
        taken = {(each.guest, each.source) for each in plain}
        asks = []
        for table in self._sections("ask"):
            guest = table.choice("guest", guests)
            source = table.choice("source", [each.name for each in sources])
            from_ns = table.ns("from_us", 0, positive=False)
            until_ns = table.ns("until_us", None)
            table.close()
            if until_ns is not None and from_ns is not None and until_ns <= from_ns:
                table.fault("until_us", f"must be above from_us, not {until_ns / 1000!r}")
            if (guest, source) in taken:
                table.fault(None, f"{guest} must ask for {source} once, not again")
            taken.add((guest, source))
            asks.append(Ask(guest=guest, source=source, from_ns=from_ns, until_ns=until_ns))
        return asks

    def _devices(self, sources: list[SourceSpec], asked: set[str]) -> list[DeviceSpec]:
        by_name = {each.name: each for each in sources}
        devices = []
        for table in self._sections("device"):
            source = table.choice("source", list(by_name))
            kind = table.choice("kind", _DEVICE_KINDS)
            start_ns = table.ns("start_us", 0, positive=False)
            values: dict[str, Any] = {}
            times: tuple[int, ...] = ()
            match kind:
                case "periodic":
                    values = {"period": table.ns("period_us"), "jitter": table.ns("jitter_us", 0, positive=False)}
                case "poisson" | "level":
                    values = {"mean": table.ns("mean_us")}
                case "burst":
                    values = {
                        "period": table.ns("period_us"),
                        "count": table.integer("count", 1, 10**6),
                        "gap": table.ns("gap_us"),
                    }
                case "replay":
                    times = self._replay(table)
            if kind is not None:
                table.close()
            if source in by_name and source not in asked:
                table.fault("source", f"must be a source that some guest asks for, not {source!r}")
            if kind == "level" and source in by_name and by_name[source].trigger not in _LEVELS:
                table.fault("kind", f"must be of a source with trigger level-high or level-low, not {source!r}")
            spec = DeviceSpec(source=source, kind=kind, start_ns=start_ns, values=values, times_ns=times)
            if kind is not None and None not in values.values():
                try:
                    spec.build(np.random.default_rng(0))
                except ValueError as error:
                    table.fault(None, str(error))
            devices.append(spec)
        if not devices:
            self.fault((), "there must be at least one [[device]], not none")
        return devices

    def _replay(self, table: _Table) -> tuple[int, ...]:
        trace, event = table.text("trace"), table.text("event")
        cpu = table.integer("cpu", 0, 4095, None)
        scale = table.number("scale", 1.0)
        limit = table.integer("limit", 1, 10**9, None)
        if trace is None or event is None:
            return ()
        path = self._folder / trace if self._folder and (self._folder / trace).exists() else Path(trace)
        try:
            events = read_trace(path).select(event, cpu)[:limit]
        except OSError as error:
            table.fault("trace", f"must be a readable trace, not {trace!r} ({error.strerror})")
        except TraceError as error:
            table.fault("trace", str(error))
        except ValueError as error:
            table.fault("event", str(error).removeprefix("event "))
        else:
            return tuple(round((each.time_ns - events[0].time_ns) * scale) for each in events)
        return ()


def parse_scenario(text: str, name: str = "scenario", folder: Path | None = None) -> Scenario:
    """Parses a scenario file's text; ``folder`` is where its traces are looked for first.

    Raises
    ------
    ScenarioError
        The text is no TOML, or has faults: all of them are listed.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise ScenarioError(name, [Fault(line, "file", f"must be TOML: {error}")]) from None
    reader = _Reader(data, _lines(text), folder)
    scenario = reader.scenario()
    if scenario is None:
        raise ScenarioError(name, reader.faults)
    return scenario
