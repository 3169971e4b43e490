"""The stage of all measurements: a fresh controller, its machines, and watchers that act or see by themselves."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from statistics import median_low
from typing import NamedTuple

from hic.rtl.parameters import Cause, Parameters, Trigger

from .circuit import Circuit
from .machines import Machines, Software
from .pins import around_controller
from .rig import Line, Rig, until

__all__ = ["Device", "EagerHart", "LineWatch", "SourceWatch", "Stage", "Taken", "TrapWatch", "summary"]


def summary(cycles: Sequence[int]) -> dict[str, int]:
    """Figures of a sample; the median is one of the values."""
    return {"min": min(cycles), "median": median_low(cycles), "max": max(cycles), "samples": len(cycles)}


class Taken(NamedTuple):
    """An acknowledge that claimed something."""

    cycle: int
    line: Line


class EagerHart:
    """A hart that acknowledges in each cycle, and so takes an event in the first cycle in which its line shows it.

    A watcher of `Rig`.
    """

    def __init__(self, rig: Rig, hart: int) -> None:
        self._rig, self._hart = rig, hart
        self._valid = 1 << rig.fields[f"direct{hart}_valid"].shift
        self.taken: deque[Taken] = deque(maxlen=4096)
        """The acknowledges; a program removes those that it completes."""

    def start(self) -> None:
        """Acknowledges from the next cycle on."""
        self._rig.set_acknowledge(self._hart, 1)
        self._rig.watchers.append(self)

    def stop(self) -> None:
        """Acknowledges no more."""
        self._rig.set_acknowledge(self._hart, 0)
        self._rig.watchers.remove(self)

    def __call__(self, seen: int) -> None:
        if seen & self._valid:
            self.taken.append(Taken(self._rig.cycle, self._rig.direct(self._hart)))


class Device:
    """Changes wires of some sources at random times. A watcher of `Rig`."""

    def __init__(self, rig: Rig, sources: Sequence[int], random: Random, gap: int) -> None:
        self._rig, self._sources, self._random, self._gap = rig, sources, random, gap
        self._next = 0

    def __call__(self, _: int) -> None:
        rig = self._rig
        if rig.cycle >= self._next:
            rig.set_wires(rig.wires ^ 1 << self._random.choice(self._sources))
            self._next = rig.cycle + self._random.randint(1, 2 * self._gap)


class LineWatch:
    """For how many cycles at a time a line is low. A watcher of `Rig`."""

    def __init__(self, rig: Rig, line: str) -> None:
        self._valid = 1 << rig.fields[f"{line}_valid"].shift
        self._run = self.longest = 0

    def start(self) -> None:
        """Forgets what has been."""
        self._run = self.longest = 0

    def __call__(self, seen: int) -> None:
        if seen & self._valid:
            self._run = 0
        else:
            self._run += 1
            self.longest = max(self.longest, self._run)


class _FirstCycle(ABC):
    """The first cycle in which something is so, from when it is made. A watcher of `Rig`."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._cycle: int | None = None
        rig.watchers.append(self)

    @abstractmethod
    def sees(self, seen: int) -> bool:
        """True if it is so in a cycle with these outputs."""

    def __call__(self, seen: int) -> None:
        if self._cycle is None and self.sees(seen):
            self._cycle = self._rig.cycle

    async def cycle(self) -> int:
        """Waits for it, and ceases to watch."""
        await until(lambda: self._cycle is not None, f"{self} does not show")
        self._rig.watchers.remove(self)
        assert self._cycle is not None
        return self._cycle


class SourceWatch(_FirstCycle):
    """A line (``direct0``, ``trap1``) shows an event of a source."""

    def __init__(self, rig: Rig, line: str, source: int) -> None:
        self._line, self._source = line, source
        self._valid, self._shown = 1 << rig.fields[f"{line}_valid"].shift, rig.fields[f"{line}_source"]
        super().__init__(rig)

    def sees(self, seen: int) -> bool:
        return bool(seen & self._valid) and self._shown.get(seen) == self._source

    def __str__(self) -> str:
        return f"source {self._source} on {self._line}"


class TrapWatch(_FirstCycle):
    """A hart's trap line shows a cause about a context."""

    def __init__(self, rig: Rig, hart: int, cause: Cause, context: int) -> None:
        self._expected = (cause, context)
        self._cause, self._context = rig.fields[f"trap{hart}_cause"], rig.fields[f"trap{hart}_context"]
        super().__init__(rig)

    def sees(self, seen: int) -> bool:
        return (self._cause.get(seen), self._context.get(seen)) == self._expected

    def __str__(self) -> str:
        cause, context = self._expected
        return f"{cause.name} of context {context}"


class Stage:
    """A controller in simulation, for one measurement after the other.

    Parameters
    ----------
    circuit : Circuit
        The controller, with the pins of `around_controller`.
    parameters : Parameters
        Of the controller.
    seed : int
        Decides all that is random.
    progress : callable
        Called with the name of what is being measured, when it begins, and the part of this kind of measurement that is
        done, 0 to 1.
    """

    def __init__(
        self, circuit: Circuit, parameters: Parameters, seed: int,
        progress: Callable[[str, float], object] = lambda text, part: None,
    ) -> None:
        self.parameters = parameters
        self.progress = progress
        self._seed = seed
        sweep = parameters.context_count * (parameters.source_count + 1)
        self.rig = Rig(circuit, around_controller(parameters), answer_limit=100_000 + 16 * sweep)
        self.machines = Machines(parameters)
        self.software = Software(parameters)
        self.random = Random(seed)
        self.gap = 24 + 2 * parameters.context_count
        """Cycles in which what was done before is over, if nothing goes on."""

    async def begin(self, name: str, part: float = 0.0, *, trigger: Trigger = Trigger.EDGE_RISING) -> None:
        """Resets the controller and sets its machines up. The name decides, with the seed, all that is random."""
        self.progress(name, part)
        self.random = Random(f"{self._seed} {name}")
        await self.rig.reset()
        await self.rig.run(self.machines.set_up(self.software, trigger=trigger))

    async def drain(self, context: int) -> None:
        """Claims and completes all that waits for a context that runs."""
        while source := (await self.software.read(context, "CLAIM")).value:
            await self.software.write(context, "CLAIM", source=source)

    async def complete_all(self, hart: EagerHart) -> None:
        """Completes what a hart has taken so far, for the contexts that it ran."""
        for _ in range(len(hart.taken)):
            line = hart.taken.popleft().line
            await self.software.write(line.context, "CLAIM", source=line.source)


