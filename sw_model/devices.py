"""Devices: when they want attention, and what they do to their wire.

A device is an arrival process, in nanoseconds of modelled time. The trigger of its source decides how its wire shows an
arrival: an edge is a pulse, a level is held until the device has been serviced, a message is a write.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hic.rtl.parameters import Trigger

__all__ = ["Burst", "Device", "Level", "Periodic", "Poisson", "Replay", "idle_level"]


def idle_level(trigger: Trigger) -> int:
    """The wire's value while its device wants nothing."""
    return int(trigger in (Trigger.LEVEL_LOW, Trigger.EDGE_FALLING))


class Device(ABC):
    """When one device wants attention. Times are in ns from the run's start; None = never (again)."""

    @abstractmethod
    def first(self) -> int | None:
        """Time of the first arrival."""

    def after_arrival(self, time_ns: int) -> int | None:
        """Time of the next arrival, known as soon as one has been made (an open loop)."""
        return None

    def after_service(self, time_ns: int) -> int | None:
        """Time of the next arrival, known once the last one was serviced (a closed loop)."""
        return None


def _positive(name: str, value: int) -> None:
    if value <= 0:
        raise ValueError(f"{name} must be at least 1, not {value!r}")


@dataclass
class Periodic(Device):
    """An arrival every ``period_ns``, each moved by a uniform jitter of up to ``jitter_ns`` that does not add up.

    Raises
    ------
    ValueError
        The period is not positive, or the jitter is not from 0 to less than the period.
    """

    period_ns: int
    start_ns: int
    jitter_ns: int
    random: np.random.Generator
    _count: int = 0

    def __post_init__(self) -> None:
        _positive("period_ns", self.period_ns)
        if not 0 <= self.jitter_ns < self.period_ns:
            raise ValueError(
                f"jitter_ns must be from 0 to less than period_ns ({self.period_ns}), not {self.jitter_ns!r}"
            )

    def first(self) -> int:
        self._count = 0
        return self._next()

    def after_arrival(self, time_ns: int) -> int:
        return self._next()

    def _next(self) -> int:
        time = self.start_ns + self._count * self.period_ns
        self._count += 1
        return time + (int(self.random.integers(self.jitter_ns + 1)) if self.jitter_ns else 0)


@dataclass
class Poisson(Device):
    """Arrivals with independent exponential gaps of ``mean_ns`` on average."""

    mean_ns: int
    start_ns: int
    random: np.random.Generator

    def __post_init__(self) -> None:
        _positive("mean_ns", self.mean_ns)

    def first(self) -> int:
        return self.after_arrival(self.start_ns)

    def after_arrival(self, time_ns: int) -> int:
        return time_ns + max(1, round(float(self.random.exponential(self.mean_ns))))


@dataclass
class Burst(Device):
    """Every ``period_ns``, ``count`` arrivals that are ``gap_ns`` apart."""

    period_ns: int
    count: int
    gap_ns: int
    start_ns: int
    _done: int = 0

    def __post_init__(self) -> None:
        _positive("count", self.count)
        _positive("gap_ns", self.gap_ns)
        if self.period_ns < self.count * self.gap_ns:
            raise ValueError(
                f"period_ns must be at least count x gap_ns ({self.count * self.gap_ns}), not {self.period_ns!r}"
            )

    def first(self) -> int:
        self._done = 0
        return self.start_ns

    def after_arrival(self, time_ns: int) -> int:
        self._done += 1
        bursts, within = divmod(self._done, self.count)
        return self.start_ns + bursts * self.period_ns + within * self.gap_ns


@dataclass
class Level(Device):
    """A closed loop: the device asks, stays asserted until serviced, and asks again ``mean_ns`` later on average."""

    mean_ns: int
    start_ns: int
    random: np.random.Generator

    def __post_init__(self) -> None:
        _positive("mean_ns", self.mean_ns)

    def first(self) -> int:
        return self.after_service(self.start_ns)

    def after_service(self, time_ns: int) -> int:
        return time_ns + max(1, round(float(self.random.exponential(self.mean_ns))))


@dataclass
class Replay(Device):
    """The arrivals of a recorded trace, in ns from its start, moved by ``start_ns``."""

    times_ns: Sequence[int]
    start_ns: int
    _next: int = field(default=0)

    def first(self) -> int | None:
        self._next = 0
        return self.after_arrival(self.start_ns)

    def after_arrival(self, time_ns: int) -> int | None:
        if self._next >= len(self.times_ns):
            return None
        time = self.start_ns + self.times_ns[self._next]
        self._next += 1
        return time
