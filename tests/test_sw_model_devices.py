"""Devices: arrival processes are what they say, and the same again with the same seed."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from hic.rtl.parameters import Trigger
from hic.sw_model.devices import Burst, Device, Level, Periodic, Poisson, Replay, idle_level


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def arrivals(device: Device, count: int) -> list[int]:
    times: list[int] = []
    time = device.first()
    while time is not None and len(times) < count:
        times.append(time)
        time = device.after_arrival(time)
    return times


def test_periodic() -> None:
    assert arrivals(Periodic(100, 7, 0, random()), 4) == [7, 107, 207, 307]


def test_jitter_does_not_add_up() -> None:
    times = arrivals(Periodic(100, 0, 50, random()), 1000)
    late = [time - 100 * i for i, time in enumerate(times)]
    assert min(late) >= 0
    assert max(late) <= 50
    assert len(set(late)) > 20


def test_poisson_has_its_mean_and_spread() -> None:
    gaps = np.diff(arrivals(Poisson(1000, 0, random()), 20_000))
    assert np.mean(gaps) == pytest.approx(1000, rel=0.03)
    assert np.std(gaps) == pytest.approx(1000, rel=0.03)


def test_burst() -> None:
    assert arrivals(Burst(1000, 3, 10, 5), 7) == [5, 15, 25, 1005, 1015, 1025, 2005]


def test_level_device_waits_for_service() -> None:
    device = Level(1000, 0, random())
    assert device.after_arrival(5) is None
    assert device.after_service(10_000) > 10_000


def test_replay_ends() -> None:
    device = Replay((0, 5, 9), 100)
    assert arrivals(device, 10) == [100, 105, 109]
    assert arrivals(device, 10) == [100, 105, 109]


@pytest.mark.parametrize("make", [lambda r: Poisson(10, 0, r), lambda r: Periodic(10, 0, 9, r)])
def test_same_seed_same_arrivals(make: Callable[[np.random.Generator], Device]) -> None:
    assert arrivals(make(random(3)), 50) == arrivals(make(random(3)), 50) != arrivals(make(random(4)), 50)


def test_idle_level_of_each_trigger() -> None:
    assert {trigger.name: idle_level(trigger) for trigger in Trigger} == {
        "MESSAGE": 0, "LEVEL_HIGH": 0, "LEVEL_LOW": 1, "EDGE_RISING": 0, "EDGE_FALLING": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Periodic(0, 0, 0, random()), "period_ns must be at least 1, not 0"),
        (lambda: Periodic(10, 0, 10, random()), "jitter_ns must be from 0 to less than period_ns (10), not 10"),
        (lambda: Poisson(-1, 0, random()), "mean_ns must be at least 1, not -1"),
        (lambda: Level(0, 0, random()), "mean_ns must be at least 1, not 0"),
        (lambda: Burst(99, 10, 10, 0), "period_ns must be at least count x gap_ns (100), not 99"),
        (lambda: Burst(99, 0, 10, 0), "count must be at least 1, not 0"),
        (lambda: Burst(99, 1, 0, 0), "gap_ns must be at least 1, not 0"),
    ],
)
def test_parameters_that_do_not_fit_wrong(make: Callable[[], Device], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
