"""The benchmark's results, as tables for a terminal of 80 columns."""

from collections.abc import Iterable
from dataclasses import fields

from rich import box
from rich.table import Table
from rich.text import Text

from .bench import Measurement, goals
from .flow import PART, Area

__all__ = ["block_table", "path_table", "tables", "timing_table"]


def tables(measurements: Iterable[Measurement], top: str) -> list[Table]:
    """The measurements and the goals, as tables for a terminal."""
    measurements = list(measurements)
    results = Table(
        title=f"ECP5 {' '.join(PART)}", box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False
    )
    results.add_column("sources x\ncontexts\nx harts", no_wrap=True)
    for heading in (
        "COMB *", "LUT4", "CCU2C", "LUT\nRAM", "FF", "DP16\nKD", "Fmax\nMHz", "pin to\nline\nclocks",
        "pin to\nline ns",
    ):
        results.add_column(heading, justify="right")
    for each in measurements:
        median, area, nanoseconds = each.median, each.area, each.pin_to_line_ns
        results.add_row(
            each.configuration.name, str(median.trellis_comb) if median else "-", str(area.lut4),
            str(area.ccu2c), str(area.lutram), str(area.flip_flops), str(area.dp16kd),
            f"{median.fmax_mhz:.1f}" if median else "-",
            str(each.configuration.parameters.pin_to_line_cycles), "-" if nanoseconds is None else f"{nanoseconds:.1f}",
        )
    results.caption = "* TRELLIS_COMB: LUT4, carry cells and LUT RAM once placed. Fmax: the median of the seeds."
    against = Table(title="Goals")
    against.add_column("figure")
    for heading in ("goal", "measured"):
        against.add_column(heading, justify="right")
    against.add_column("")
    for goal in goals(measurements, top):
        against.add_row(
            goal.name, f"{'>=' if goal.at_least else '<='} {goal.bound:g}", f"{goal.value:.4g}",
            "met" if goal.met else Text("missed", style="red"),
        )
    return [results, against] if against.row_count else [results]


def path_table(measurements: Iterable[Measurement]) -> Table:
    """The path that limits the clock of each configuration: its slowest one, from block to block."""
    result = Table(title="The slowest path, of the median seed")
    result.add_column("sources x\ncontexts\nx harts", no_wrap=True)
    for heading in ("from", "to"):
        result.add_column(heading, overflow="fold")
    for heading in ("levels", "logic\nns", "routing\nns"):
        result.add_column(heading, justify="right")
    for each in measurements:
        if (median := each.median) is not None:
            path = median.critical_path
            result.add_row(
                each.configuration.name, *(_block(each.netlist.block_of(cell)) for cell in (path.source, path.sink)),
                str(path.levels), f"{path.logic_ns:.1f}", f"{path.routing_ns:.1f}",
            )
    return result


def timing_table(measurement: Measurement) -> Table:
    """The slowest paths that end in each block, where the others may be far from what limits the clock."""
    result = Table(title=f"{measurement.configuration.name}: where paths end, of the median seed")
    result.add_column("block", overflow="fold")
    for heading in ("arrival\nns", "alone,\nMHz", "ends", "at 90 %\nor more"):
        result.add_column(heading, justify="right")
    timing = {} if measurement.median is None else measurement.median.timing
    for name, each in timing.items():
        result.add_row(
            _block(name), f"{each.arrival_ns:.1f}", f"{1000 / each.arrival_ns:.0f}", str(each.ends), str(each.near)
        )
    result.caption = "Arrival: the latest at a flip-flop or RAM of the block, without its set-up time."
    return result


def block_table(measurement: Measurement) -> Table:
    """The area by block, with the sum of both ways of counting."""
    result = Table(title=f"{measurement.configuration.name}: area by block")
    result.add_column("block", overflow="fold")
    for heading in ("LUT4 *", "CCU2C *", "LUT\nRAM", "FF", "DP16\nKD"):
        result.add_column(heading, justify="right")

    def row(name: str, area: Area) -> None:
        result.add_row(name, *map(str, (area.lut4, area.ccu2c, area.lutram, area.flip_flops, area.dp16kd)))

    for name, area in measurement.blocks.items():
        row(_block(name), area)
    result.add_section()
    areas = measurement.blocks.values()
    row("sum", Area(*(sum(getattr(area, each.name) for area in areas) for each in fields(Area))))
    row("the netlist itself", measurement.area)
    result.caption = "* in a second synthesis, which keeps blocks apart and so optimises less across them."
    return result


def _block(name: str | None) -> str:
    return "(harness)" if name is None else name or "(top)"
