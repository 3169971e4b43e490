"""All measurements of a controller, one after the other."""

from collections.abc import Awaitable, Callable
from typing import Any

from hic.rtl.parameters import Parameters

from .circuit import Circuit
from .hostile import measure_hostile
from .lines import measure_dark, measure_pins
from .notices import measure_notices, measure_shared, measure_switch
from .speed import measure_accesses, measure_reset, measure_sustained
from .stage import Stage

__all__ = ["measure_controller"]

_MEASUREMENTS: dict[str, tuple[Callable[[Stage], Awaitable[dict[str, Any]]], int]] = {
    "reset": (measure_reset, 1),
    "access": (measure_accesses, 30),
    "sustained": (measure_sustained, 5),
    "dark": (measure_dark, 10),
    "pin_to_line": (measure_pins, 30),
    "notice": (measure_notices, 4),
    "switch": (measure_switch, 3),
    "shared": (measure_shared, 2),
    "hostile": (measure_hostile, 30),
}
"""Each, and the part of the time that it takes."""


async def measure_controller(
    circuit: Circuit, parameters: Parameters, seed: int,
    progress: Callable[[str, float], object] = lambda text, part: None,
) -> dict[str, Any]:
    """All figures, by measurement.

    Parameters
    ----------
    circuit : Circuit
        The controller, with the pins of `around_controller`.
    parameters : Parameters
        Of the controller.
    seed : int
        Decides all that is random.
    progress : callable
        Called with what is being measured, and the part of all that is done, 0 to 1.
    """
    total = sum(weight for _, weight in _MEASUREMENTS.values())
    done = weight = 0
    stage = Stage(circuit, parameters, seed, lambda text, part: progress(text, (done + part * weight) / total))
    found: dict[str, Any] = {}
    for name, (measurement, weight) in _MEASUREMENTS.items():
        found[name] = await measurement(stage)
        done += weight
    found["doorbell"] = {"idle": found["notice"].pop("doorbell"), "hostile": found["hostile"].pop("doorbell")}
    found["notice"]["hostile"] = found["hostile"].pop("notice")
    return found
