"""A job of the soak: episodes from reset to reset, with every workload in turn, for ``HIC_CYCLES`` simulated cycles.

An episode ends with everything settled and nothing missing, or by a reset in any cycle: in the middle of an access, of
a step of the pipeline, of the reset itself.
"""

import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import cocotb

from hic.cosim.stimulus import RandomStimulus, Workload
from hic.cosim.testbench import Testbench, parameters_from_environment, seed_from_environment
from hic.sw_model.reference import Record

_LENGTHS = (1_000, 40_000, 120_000)
"""Upper bounds of an episode's length, in cycles: some episodes end before software has set anything up."""


class Job:
    """A job, with counts of what it has done so far."""

    def __init__(self, dut: Any) -> None:
        self.seed = seed_from_environment()
        self.random = Random(self.seed)
        self.steps: Counter[str] = Counter()
        self.episodes: Counter[str] = Counter()
        self.resets: Counter[str] = Counter()
        self.cycles = 0
        self._deck: list[Workload] = []
        self.bench = Testbench(dut, parameters_from_environment(), on_record=self._count)

    def _count(self, record: Record) -> None:
        self.steps[record.kind.value] += 1

    async def episode(self, left: int) -> None:
        """From reset to the cycle before the next one."""
        bench, random = self.bench, self.random
        self._deck = self._deck or random.sample(list(Workload), len(Workload))
        workload = self._deck.pop()
        self.episodes[workload.value] += 1
        is_stalled = random.random() < 0.3
        self.episodes["back-pressure"] += is_stalled
        bench.port.pause(random if is_stalled else None)
        await self._reset()
        stimulus = RandomStimulus(bench, random, workload)
        end = bench.port.now + min(left, random.randint(1, random.choice(_LENGTHS)))
        if random.random() < 0.7:
            self.resets["in any cycle"] += 1
            task = cocotb.start_soon(stimulus.drive())
            await bench.port.advance(end - bench.port.now)
            task.cancel()
        else:
            self.resets["when settled"] += 1
            await stimulus.drive(lambda: bench.port.now >= end)
            bench.port.pause(None)
            await bench.settle()
        bench.scoreboard.check()
        self.cycles += bench.port.now

    async def _reset(self) -> None:
        random = self.random
        while random.random() < 0.2:  # a reset that is reset before it is done
            self.resets["during reset"] += 1
            task = cocotb.start_soon(self.bench.reset(random.randint(1, 4)))
            await self.bench.port.advance(random.randint(1, 80))
            task.cancel()
        await self.bench.reset(random.randint(1, 4))

    def save(self) -> None:
        """Leaves what there is so far, for the campaign to read."""
        bench = self.bench
        bench.coverage.save(Path("coverage.json"))
        found = {
            "cycles": self.cycles,
            "records": bench.scoreboard.records,
            "steps": dict(self.steps),
            "episodes": dict(self.episodes),
            "resets": dict(self.resets),
            "faults": {kind.value: count for kind, count in bench.scoreboard.counts.items()},
            "first_faults": [str(fault) for fault in bench.scoreboard.faults[:5]],
        }
        Path("soak.json.new").write_text(json.dumps(found))
        Path("soak.json.new").rename("soak.json")


@cocotb.test
async def test_soak(dut: Any) -> None:
    job, goal = Job(dut), int(os.environ["HIC_CYCLES"])
    try:
        while job.cycles < goal:
            await job.episode(goal - job.cycles)
            job.save()
    finally:
        job.save()
