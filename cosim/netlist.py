"""The system tests and the demonstration on any design with the controller's ports, or the board's: on netlists."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from hic.rtl.export.generate import TOP, generate
from hic.rtl.parameters import Parameters
from hic.sw_model.comparison import differences
from hic.sw_model.machine import run_at_once, run_scenario
from hic.sw_model.reference import ReferencePort
from hic.sw_model.results import RunResult
from hic.sw_model.scenario import Scenario, load_scenario
from hic.sw_model.uart import UartPort

from .board import serve
from .run import Design, run
from .scenario import Job, Outcome, run_on_rtl
from .testbench import parameters_to_environment

__all__ = [
    "Lockstep", "first_interrupts", "netlist_tests", "run_directed", "run_lockstep", "run_on_board", "run_on_design",
]


@dataclass(frozen=True)
class Lockstep:
    """A random lockstep run without a fault: its seed, and how many records it compared."""

    seed: int
    records: int


def run_lockstep(design: Design, parameters: Parameters, directory: Path, *, records: int, seed: int) -> Lockstep:
    """Random lockstep of a design with the golden model.

    Raises
    ------
    BuildFailed, SimulationFailed
        As `cosim.run.run`; SimulationFailed also if the scoreboard found a fault.
    """
    settings = {"HIC_SEED": str(seed), "HIC_RECORDS": str(records), **parameters_to_environment(parameters)}
    run(design, "hic.cosim.benches.lockstep", directory, settings=settings)
    summary = json.loads((directory / "lockstep.json").read_text())
    return Lockstep(summary["seed"], summary["records"])


def run_directed(design: Design, parameters: Parameters, directory: Path) -> int:
    """Each rule of the contract and each fault of the rivals, by name; returns how many tests there were.

    ``parameters`` must have at least 8 sources, 5 contexts and 2 harts. Raises as `cosim.run.run`.
    """
    run(design, "hic.cosim.benches.directed", directory, settings=parameters_to_environment(parameters))
    return len(list(ElementTree.parse(directory / "results.xml").iter("testcase")))


def run_on_board(design: Design, scenario: Scenario, directory: Path, *, divisor: int) -> RunResult:
    """A scenario on a board in simulation, over its serial line. Raises as `cosim.board.serve`, or LinkError."""
    with serve(design, directory, divisor=divisor) as device, UartPort.open(device) as port:
        return run_at_once(run_scenario(scenario, port))


def run_on_design(design: Design, scenario: Scenario, directory: Path) -> Outcome:
    """A scenario on a design made for ``scenario.parameters``, under the scoreboard. Raises as `cosim.run.run`."""
    Job(scenario, directory).save()
    run(design, "hic.cosim.benches.scenario", directory)
    outcome: Outcome = pickle.loads((directory / "outcome.pickle").read_bytes())
    return outcome


def first_interrupts(scenario: Scenario, count: int) -> Scenario:
    """The beginning of a scenario: as many whole milliseconds as have so many interrupts on the golden model.

    Raises
    ------
    ValueError
        The whole scenario has fewer.
    """
    result = run_at_once(run_scenario(scenario, ReferencePort(scenario.parameters)))
    if result.interrupts < count:
        raise ValueError(f"count must be at most {result.interrupts} for {scenario.name}, not {count!r}")
    time_ns = result.deliveries[count - 1].time * 10**9 // scenario.cpu_hz
    return replace(scenario, length_ns=-(-time_ns // 10**6) * 10**6)


def netlist_tests(
    on_cells: Callable[[str, str, Path], Design],
    scenario: Scenario,
    *,
    board: Callable[[], str],
    board_top: str,
    divisor: int,
    records: int,
    seed: int,
    directory: Path,
) -> dict[str, Callable[[], tuple[str, int]]]:
    """The tests on the cells of a part, by name. Each tells what it did, and how many faults it found.

    They raise as `cosim.run.run` and what ``on_cells`` does.

    Parameters
    ----------
    on_cells : callable
        Synthesises Verilog, with the name of its top module, in a directory.
    scenario : Scenario
        Runs on the controller.
    board, board_top, divisor
        Gives Verilog of a board that is large enough for the scenario hello; its top module, and its cycles per bit.
    records, seed : int
        Of random lockstep.
    directory : Path
        For everything.
    """

    def on_controller(parameters: Parameters) -> Design:
        name = f"{parameters.source_count}x{parameters.context_count}x{parameters.hart_count}"
        return on_cells(generate(parameters, trace=True), TOP, directory / name)

    def lockstep() -> tuple[str, int]:
        design = on_controller(scenario.parameters)
        found = run_lockstep(design, scenario.parameters, directory / "lockstep", records=records, seed=seed)
        return f"random lockstep, seed {seed}, {found.records} records", 0

    def beginning() -> tuple[str, int]:
        outcome = run_on_design(on_controller(scenario.parameters), scenario, directory / scenario.name)
        return f"scenario {scenario.name}, {outcome.result.interrupts} interrupts", outcome.faults

    def directed() -> tuple[str, int]:
        parameters = Parameters(source_count=8, context_count=5, hart_count=2)
        count = run_directed(on_controller(parameters), parameters, directory / "directed")
        return f"{count} directed tests", 0

    def third_backend() -> tuple[str, int]:
        hello = replace(load_scenario("hello"), length_ns=1_000_000)
        design = on_cells(board(), board_top, directory / "board-netlist")
        result = run_on_board(design, hello, directory / "board", divisor=divisor)
        model = run_at_once(run_scenario(hello, ReferencePort(hello.parameters)))
        rtl = run_on_rtl(hello, directory / "rtl").result
        differing = (result.deliveries != model.deliveries) + len(differences(hello, rtl, result))
        text = f"the board over its serial line, {result.interrupts} deliveries, held against model and RTL"
        return text, result.totals.faults + differing

    return {
        "random lockstep": lockstep, f"scenario {scenario.name}": beginning, "directed tests": directed,
        "the board over its serial line": third_backend,
    }
