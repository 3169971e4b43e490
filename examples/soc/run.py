"""Runs the system in simulation, with the controller and with a plain PLIC, and prints what interrupts cost.

    python -m examples.soc.run
"""

import json
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from hic.cosim.run import Design, run

from .build import build
from .hardware import Kind, soc_verilog

__all__ = ["measure", "spans", "table"]

Times = dict[str, list[dict[str, int]]]
"""By mode: the steps of each interrupt, in cycles from the first edge that can sample the wire."""

SPANS = {
    "wire to pin": (None, "pin"),
    "pin to the handler's first instruction": ("pin", "handler"),
    "claim to the pin's fall": ("claim", "fall"),
    "claim to complete": ("claim", "complete"),
    "wire to complete": (None, "complete"),
}
"""Measured spans: from a step, or from the wire, to a step."""


def measure(kind: Kind, directory: Path, *, interrupts: int = 100, seed: int = 1) -> Times:
    """Simulates a system, and returns the times of so many interrupts of each mode."""
    directory.mkdir(parents=True, exist_ok=True)
    firmware = build(kind, directory)
    handlers = {mode: firmware.symbols[f"{mode}_handler"] for mode in ("guest", "host")}
    settings = {"HIC_SEED": str(seed), "SOC_INTERRUPTS": str(interrupts), "SOC_HANDLERS": json.dumps(handlers)}
    # The CPU's generator leaves widths and unused signals that Verilator warns of.
    design = Design(soc_verilog(kind, firmware.words), top="soc", arguments=("-Wno-fatal", "-Wno-lint", "-Wno-style"))
    run(design, "examples.soc.bench", directory, settings=settings)
    return json.loads((directory / "latency.json").read_text())


def spans(times: list[dict[str, int]]) -> dict[str, tuple[int, float, int]]:
    """Of each span: least, median and most cycles."""
    result = {}
    for name, (start, end) in SPANS.items():
        cycles = [each[end] - (each[start] if start else 0) for each in times]
        result[name] = min(cycles), median(cycles), max(cycles)
    return result


def table(measured: dict[Kind, Times]) -> Table:
    """All spans, by controller and mode: cycles, min / median / max."""
    result = Table("controller", "mode", *SPANS, title="cycles, min / median / max")
    for kind, times in measured.items():
        for mode, each in times.items():
            cells = [f"{low} / {middle:g} / {high}" for low, middle, high in spans(each).values()]
            result.add_row(kind.value, mode, *cells)
    return result


def main() -> None:
    """Measures both systems, and writes all times into ``build/soc/``."""
    directory = Path("build/soc")
    measured = {kind: measure(kind, directory / kind.value) for kind in Kind}
    Console(width=140).print(table(measured))


if __name__ == "__main__":
    main()
