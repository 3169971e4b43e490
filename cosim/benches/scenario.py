"""A scenario on the RTL, from reset to end, under the scoreboard. The other end of ``cosim.scenario``."""

import gc
import json
import os
import pickle
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import cocotb
from cocotb.utils import get_sim_time

from hic.cosim.bus import PERIOD_NS
from hic.cosim.measure import Dark, DarkMeter, Leg, Meter
from hic.cosim.monitor import Sample, Shown
from hic.cosim.scenario import Outcome
from hic.cosim.scoreboard import FaultKind, ScoreboardError
from hic.cosim.testbench import Testbench
from hic.rtl.parameters import Cause
from hic.sw_model.machine import run_scenario
from hic.sw_model.port import TrapLine
from hic.sw_model.reference import Record
from hic.sw_model.results import RunResult, Step, StepKind
from hic.sw_model.scenario import Scenario


class EventLog:
    """Writes the file of events."""

    def __init__(self, file: TextIO, scenario: Scenario) -> None:
        self._file = file
        self._policy = scenario.policy.value
        self._levels = [each.level for each in scenario.contexts]
        self._wires = 0
        self._direct = [Shown()] * scenario.hart_count
        self._traps = [TrapLine()] * scenario.hart_count
        self._write(
            kind="run", cycle=0, scenario=scenario.name, seed=scenario.seed, platform=scenario.platform.name,
            cpu_hz=scenario.cpu_hz, controller_hz=scenario.controller_hz, parameters=asdict(scenario.parameters),
            sources={each.number: each.name for each in scenario.sources},
            contexts={each.context: each.name for each in scenario.contexts},
            parents={each.context: scenario.context(each.parent).context for each in scenario.contexts if each.parent},
        )

    def _write(self, **values: Any) -> None:
        self._file.write(json.dumps({"policy": self._policy, **values}, separators=(",", ":")) + "\n")

    def sample(self, sample: Sample) -> bool:
        """A cycle: what has changed on wires and lines. A listener of the monitor."""
        changed = sample.wires ^ self._wires
        self._wires = sample.wires
        for source in range(1, changed.bit_length()):
            if changed >> source & 1:
                self._write(kind="wire", cycle=sample.cycle, source=source, level=sample.wires >> source & 1)
        for hart, (shown, trap) in enumerate(zip(sample.direct, sample.traps, strict=True)):
            if shown != self._direct[hart]:
                self._direct[hart] = shown
                self._write(
                    kind="direct", cycle=sample.cycle, hart=hart, valid=shown.line.valid, source=shown.line.source,
                    context=shown.line.context, injected=shown.injected,
                )
            if trap != self._traps[hart]:
                self._traps[hart] = trap
                self._write(
                    kind="trap", cycle=sample.cycle, hart=hart, valid=trap.valid, cause=Cause(trap.cause).name,
                    source=trap.source, target=trap.target, context=trap.context,
                )
        return False

    def record(self, record: Record) -> None:
        """A step of the controller."""
        self._write(
            kind="record", cycle=record.time, what=record.kind.value, source=record.source, context=record.context,
            value=record.value,
        )

    def step(self, step: Step) -> None:
        """A step of the software."""
        level = {"level": self._levels[step.context or 0]} if step.kind is StepKind.EXIT else {}
        self._write(
            kind="step", cycle=step.cycle, what=step.kind.value, time=step.time, source=step.source,
            context=step.context, hart=step.hart, note=step.note, **level,
        )

    def leg(self, leg: Leg) -> None:
        """A measured stretch."""
        self._write(
            kind="leg", cycle=leg.end, what=leg.kind.value, source=leg.source, context=leg.context, hart=leg.hart,
            begin=leg.begin, cycles=leg.cycles,
        )

    def dark(self, dark: Dark) -> None:
        """A dark time of a line."""
        self._write(
            kind="dark", cycle=dark.end, what=dark.line, hart=dark.hart, begin=dark.begin, cycles=dark.cycles
        )

    def end(self, result: RunResult, bench: Testbench) -> None:
        """Writes the events that are known when the run has ended."""
        for each in result.deliveries:
            self._write(
                kind="delivery", time=each.time, source=each.source, context=each.context, path=each.path.value,
                latency=each.latency,
            )
        for fault in bench.scoreboard.faults:
            self._write(kind="fault", cycle=fault.cycle, what=fault.kind.value, text=fault.text)


def save_progress(done: float, interrupts: int) -> None:
    """Tells how far the run is; a reader never sees half of it."""
    Path("progress.new").write_text(json.dumps([done, interrupts]))
    os.replace("progress.new", "progress.json")


@cocotb.test
async def test_scenario(dut: Any) -> None:
    # Collections find next to nothing here, and took 4 % of the time (20 ms of the demo, CPU time in `gc.callbacks`).
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    scenario: Scenario = pickle.loads(Path("scenario.pickle").read_bytes())
    with Path("events.jsonl").open("w") as file:
        log = EventLog(file, scenario)
        bench = Testbench(dut, scenario.parameters, gated=not scenario.stuck_limit, on_record=log.record)
        legs: list[Leg] = []
        darks: list[Dark] = []

        def on_leg(leg: Leg) -> None:
            legs.append(leg)
            log.leg(leg)

        def on_dark(dark: Dark) -> None:
            darks.append(dark)
            log.dark(dark)

        meter = Meter(scenario.parameters, bench.scoreboard.golden, on_leg)
        bench.monitor.subscribe(meter)
        bench.monitor.subscribe(DarkMeter(scenario.parameters, bench.scoreboard.golden, on_dark))
        bench.monitor.subscribe(log.sample)
        result = await run_scenario(scenario, bench.port, observer=log.step, progress=save_progress)
        try:
            await bench.finish()
        except ScoreboardError as error:  # counted; the caller of the run reports it
            dut._log.error("%s", error)
        log.end(result, bench)
    counts = Counter({kind.value: bench.scoreboard.counts[kind] for kind in FaultKind})
    outcome = Outcome(
        result=result,
        legs=tuple(legs),
        dark=tuple(darks),
        waited=dict(meter.waited),
        scoreboard=dict(counts),
        records=bench.scoreboard.records,
        start_ns=int(get_sim_time("ns")) - bench.port.now * PERIOD_NS,
        directory=Path.cwd(),
    )
    Path("outcome.pickle").write_bytes(pickle.dumps(outcome))
