"""A controller in the simulator with everything around it: port, monitor, scoreboard, coverage."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from random import Random
from typing import Any

from hic.rtl.parameters import Parameters
from hic.rtl.timing import Limits
from hic.sw_model.reference import Record

from .bus import RtlPort
from .coverage import Coverage
from .monitor import Monitor
from .scoreboard import Scoreboard

__all__ = [
    "Testbench", "bus_from_environment", "parameters_from_environment", "parameters_to_environment",
    "seed_from_environment",
]

_BUS, _PARAMETERS, _SEED = "HIC_BUS", "HIC_PARAMETERS", "HIC_SEED"


def parameters_to_environment(parameters: Parameters) -> dict[str, str]:
    """Environment variables that tell a test in the simulator what the design was made for."""
    return {_PARAMETERS: json.dumps(asdict(parameters))}


def parameters_from_environment() -> Parameters:
    """The configuration of the design under test."""
    return Parameters(**json.loads(os.environ[_PARAMETERS]))


def seed_from_environment(default: int = 1) -> int:
    """The seed of this run."""
    return int(os.environ.get(_SEED, default))


def bus_from_environment() -> str:
    """The bus of the design under test."""
    return os.environ.get(_BUS, "axi4lite")


class Testbench:
    """Drives, watches and judges a controller made by ``generate(parameters, bus=bus, trace=True)``.

    Parameters
    ----------
    dut : cocotb handle
        The top module.
    parameters : Parameters
        The configuration that it was made for.
    pauses_by : Random, optional
        If given, the bus stalls at random.
    bus : str
        Its bus.
    gated : bool
        See ``RtlPort``.
    on_record : callable, optional
        Receives each record, as the golden model sees it.
    """

    __test__ = False

    def __init__(
        self,
        dut: Any,
        parameters: Parameters,
        *,
        pauses_by: Random | None = None,
        bus: str = "axi4lite",
        gated: bool = False,
        on_record: Callable[[Record], object] | None = None,
    ) -> None:
        self.dut = dut
        self.parameters = parameters
        self.limits = Limits(parameters)
        self.port = RtlPort(dut, parameters, pauses_by=pauses_by, bus=bus, gated=gated)
        self.coverage = Coverage()
        self.scoreboard = Scoreboard(parameters, on_record=on_record, coverage=self.coverage)
        self.monitor = Monitor(dut, parameters, lambda: self.port.now, bus)
        self.monitor.subscribe(self.scoreboard)
        self.port.on_reset = self._restart

    async def reset(self, cycles: int = 4) -> None:
        """Resets the controller for some cycles, and the golden model with it."""
        self.monitor.stop()
        await self.port.reset(cycles)

    def _restart(self) -> None:
        self.scoreboard.reset()
        self.monitor.start()

    async def pulse(self, *sources: int) -> None:
        """Edges of all these sources in the same cycle, for one cycle."""
        for level in (1, 0):
            for source in sources:
                await self.port.drive(source, level)
            await self.port.advance(1)

    async def settle(self) -> None:
        """Lets everything settle, however much there is. Raises ScoreboardError if there were faults."""
        await self._settled()
        self.scoreboard.finish()

    async def _settled(self) -> None:
        waiting = sum(each.bit_count() for each in self.scoreboard.golden.injected)
        await self.port.advance(2 * self.limits.settled(waiting))

    async def finish(self) -> None:
        """As ``settle``, and ends the watch."""
        await self._settled()
        self.monitor.stop()
        self.scoreboard.finish()
