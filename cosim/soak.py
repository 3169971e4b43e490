"""The soak: a campaign of random lockstep runs, over many configurations, with faults all around the controller.

A campaign is a list of jobs that follows from a seed. The result of a job is kept as soon as it has ended, so that a
campaign that was interrupted goes on where it was.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from rich.table import Table

from hic.rtl.export.generate import generate
from hic.rtl.files import write_whole
from hic.rtl.parameters import Parameters

from .coverage import Coverage
from .run import BuildFailed, Design, SimulationFailed, run
from .scoreboard import FaultKind
from .state import StateFile
from .stimulus import random_parameters
from .testbench import parameters_to_environment

__all__ = ["Campaign", "Job", "Result", "Soak", "run_campaign", "run_job"]

_BENCH = "hic.cosim.benches.soak"
_POLL_S = 0.5


@dataclass(frozen=True)
class Job:
    """One configuration, and the seed of what happens to it."""

    number: int
    seed: int
    parameters: Parameters
    cycles: int

    @property
    def name(self) -> str:
        """Sources x contexts x harts, and the number."""
        return f"{self.number:03}: {self.parameters.size}"


@dataclass(frozen=True)
class Campaign:
    """A list of jobs.

    Parameters
    ----------
    seed : int
        Decides everything.
    configurations : int
        Number of random configurations.
    cycles : int
        Simulated cycles, all configurations together.
    """

    seed: int = 1
    configurations: int = 60
    cycles: int = 12_000_000

    def jobs(self) -> list[Job]:
        """The jobs, each with a configuration of its own."""
        random = Random(self.seed)
        each = -(-self.cycles // self.configurations)
        found: dict[Parameters, Job] = {}
        while len(found) < self.configurations:
            parameters = random_parameters(random)
            if parameters not in found:
                found[parameters] = Job(len(found), random.getrandbits(31), parameters, each)
        return list(found.values())


@dataclass(frozen=True)
class Result:
    """The findings of a job. ``stopped`` says why it ended early; empty if it did not."""

    job: Job
    cycles: int = 0
    records: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    episodes: dict[str, int] = field(default_factory=dict)
    resets: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    first_faults: list[str] = field(default_factory=list)
    stopped: str = ""

    @property
    def is_good(self) -> bool:
        """True if the job ran to its end and found no fault."""
        return not self.stopped and not any(self.faults.values())


@dataclass(frozen=True)
class Soak:
    """The findings of a campaign so far. ``growth``: pairs of a number of cycles and the coverage after them."""

    campaign: Campaign
    results: Sequence[Result]
    coverage: Coverage
    growth: Sequence[tuple[int, float]] = ()

    @property
    def is_complete(self) -> bool:
        """True if every job has ended."""
        return len(self.results) == self.campaign.configurations

    @property
    def is_good(self) -> bool:
        """True if no job found a fault."""
        return all(result.is_good for result in self.results)

    def total(self, name: str) -> Counter[str]:
        """The sum over all jobs of one of the counts of ``Result``."""
        total: Counter[str] = Counter()
        for result in self.results:
            total.update(getattr(result, name))
        return total

    def to_dict(self) -> dict[str, Any]:
        """All of it, as plain data."""
        steps, faults = self.total("steps"), self.total("faults")
        return {
            "campaign": asdict(self.campaign),
            "complete": self.is_complete,
            "configurations": len(self.results),
            "cycles": sum(result.cycles for result in self.results),
            "records": sum(result.records for result in self.results),
            "events": steps["accept"] + steps["inject"],
            "claims": steps["claim"] + steps["acknowledge"],
            "faults": {kind.value: faults[kind.value] for kind in FaultKind},
            "stopped": [f"{result.job.name}: {result.stopped}" for result in self.results if result.stopped],
            "steps": dict(sorted(steps.items())),
            "episodes": dict(sorted(self.total("episodes").items())),
            "resets": dict(sorted(self.total("resets").items())),
            "coverage": self.coverage.ratio,
            "coverage_growth": self.growth,
            "jobs": [asdict(result) for result in self.results],
        }

    def tables(self) -> list[Table]:
        """Tables of what the campaign did, and of what it found."""
        data = self.to_dict()
        done = Table("soak", "", title=f"{len(self.results)} configurations, seed {self.campaign.seed}")
        done.columns[1].justify = "right"
        for name in ("cycles", "records", "events", "claims"):
            done.add_row(name, f"{data[name]:,}")
        for group, label in (("episodes", "episodes: {}"), ("resets", "resets {}")):
            for name, count in data[group].items():
                done.add_row(label.format(name), f"{count:,}")
        for name in ("doorbell", "stuck", "force", "refuse"):
            done.add_row(f"steps: {name}", f"{data['steps'].get(name, 0):,}")
        done.add_row("functional coverage", f"{100 * self.coverage.ratio:.1f} %")
        found = Table("faults", "", title="Found")
        found.columns[1].justify = "right"
        for name, count in data["faults"].items():
            found.add_row(name, str(count), style="red" if count else None)
        found.add_row("runs that stopped early", str(len(data["stopped"])), style="red" if data["stopped"] else None)
        return [done, found]


def _result(row: dict[str, Any]) -> Result:
    job = row.pop("job")
    return Result(Job(**{**job, "parameters": Parameters(**job["parameters"])}), **row)


def run_job(job: Job, directory: Path) -> Result:
    """Runs a job, in whatever process this is."""
    settings = {
        "HIC_SEED": str(job.seed), "HIC_CYCLES": str(job.cycles), **parameters_to_environment(job.parameters)
    }
    stopped = ""
    try:
        run(Design(generate(job.parameters, trace=True)), _BENCH, directory, settings=settings)
    except (BuildFailed, SimulationFailed) as error:
        stopped = str(error)
    found = json.loads((directory / "soak.json").read_text()) if (directory / "soak.json").exists() else {}
    if any(found.get("faults", {}).values()):
        stopped = ""  # it ended because of them
    return Result(job, **found, stopped=stopped)


def _cycles_so_far(directory: Path) -> int:
    try:
        cycles: int = json.loads((directory / "soak.json").read_text())["cycles"]
    except FileNotFoundError:
        return 0
    return cycles


def run_campaign(
    campaign: Campaign,
    directory: Path,
    *,
    workers: int = 1,
    fresh: bool = False,
    progress: Callable[[int, int], object] = lambda cycles, faults: None,
    run_job: Callable[[Job, Path], Result] = run_job,
) -> Soak:
    """Runs the jobs of a campaign that have not been run yet.

    Parameters
    ----------
    campaign : Campaign
        The campaign to run.
    directory : Path
        Where what was found is kept: ``state.jsonl``, a directory for each job, and ``soak.json`` with all of it.
    workers : int
        Number of jobs that run at the same time.
    fresh : bool
        Forgets what an earlier run has left.
    progress : callable
        Called now and then with the cycles so far, and the jobs that have found a fault.
    run_job : callable
        Runs a job in a directory.

    Raises
    ------
    StateError
        The directory holds another campaign, or the same one of other sources.
    """
    directory.mkdir(parents=True, exist_ok=True)
    state = StateFile(directory / "state.jsonl", asdict(campaign), fresh=fresh)
    results = [_result(row) for row in state.load()]
    done = {result.job.number for result in results}
    left = [job for job in campaign.jobs() if job.number not in done]

    def report(running: Iterable[Job]) -> None:
        cycles = sum(result.cycles for result in results)
        cycles += sum(_cycles_so_far(directory / f"{job.number:03}") for job in running)
        progress(cycles, sum(not result.is_good for result in results))

    report([])
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Future[Result], Job] = {}
        try:
            while left or running:
                while left and len(running) < workers:
                    job = left.pop(0)
                    (directory / f"{job.number:03}" / "soak.json").unlink(missing_ok=True)
                    running[pool.submit(run_job, job, directory / f"{job.number:03}")] = job
                for future in wait(running, _POLL_S, "FIRST_COMPLETED").done:
                    result = future.result()
                    del running[future]
                    results.append(result)
                    state.add(asdict(result))
                report(running.values())
        except BaseException:
            pool.shutdown(cancel_futures=True, wait=False)
            raise
    results.sort(key=lambda result: result.job.number)
    soak = Soak(campaign, results, *_coverage(directory, results))
    write_whole(directory / "soak.json", json.dumps(soak.to_dict(), indent=1))
    _draw(soak, directory / "soak.svg")
    return soak


def _coverage(directory: Path, results: Iterable[Result]) -> tuple[Coverage, list[tuple[int, float]]]:
    """The coverage by all jobs, and its growth: pairs of a number of cycles and the coverage after them."""
    coverage, cycles, growth = Coverage(), 0, [(0, 0.0)]
    for result in results:
        path = directory / f"{result.job.number:03}" / "coverage.json"
        if path.exists():
            coverage.merge(path)
        cycles += result.cycles
        growth.append((cycles, coverage.ratio))
    return coverage, growth


def _draw(soak: Soak, path: Path) -> None:
    """Draws whether more cycles would still meet new situations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.step([cycles / 1e6 for cycles, _ in soak.growth], [100 * ratio for _, ratio in soak.growth], where="post")
    axes.set(xlabel="million cycles, job after job", ylabel="functional coverage, %", ylim=(0, 103), xlim=(0, None))
    axes.axhline(100, color="0.7", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Soak, seed {soak.campaign.seed}: when new combinations were met", loc="left", fontsize="medium")
    figure.savefig(path, metadata={"Date": None})
