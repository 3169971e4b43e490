"""Lists of accesses, with the golden model's answers, on the RTL, one after the other, under the scoreboard.

The JSON file that ``HIC_ACCESSES`` names has them by name. An item is ``write ADDRESS VALUE STROBE``, ``read ADDRESS
VALUE``, ``acknowledge HART SOURCE``, ``direct HART CONTEXT SOURCE`` (the source that the hart's direct line shows the
context, or 0) or ``trap HART SOURCE`` (that the hart's trap line shows the host, or 0).
"""

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from hic.cosim.testbench import Testbench, parameters_from_environment
from hic.rtl.parameters import Cause
from hic.sw_model.port import BusError


async def play(bench: Testbench, kind: str, *numbers: int) -> None:
    """Plays an item. Raises AssertionError if the RTL answers otherwise, and BusError if it refuses."""
    port, *others = bench.port, *numbers
    match kind, others:
        case "write", (address, value, strobe):
            await port.write(address, value, strobe)
        case "read", (address, value):
            assert (found := await port.read(address)) == value, f"{address:#x} reads {found:#x}, not {value:#x}"
        case "acknowledge", (hart, source):
            await port.settle()
            assert (await port.acknowledge(hart)).source == source
        case "direct", (hart, context, source):
            await port.settle()
            line = await port.direct(hart)
            assert (line.source if line.context == context else 0) == source, f"{line}, not source {source}"
        case "trap", (hart, source):
            await port.settle()
            trap = await port.trap(hart)
            is_own = trap.cause is Cause.INTERRUPT and trap.target == 0
            assert (trap.source if is_own else 0) == source, f"{trap}, not source {source}"
        case _:
            raise ValueError(f"there is no item {kind!r} with {len(numbers)} numbers")


@cocotb.test
async def test_lists(dut: Any) -> None:
    lists = json.loads(Path(os.environ["HIC_ACCESSES"]).read_text())
    bench = Testbench(dut, parameters_from_environment())
    for name, items in lists.items():
        await bench.reset()
        for number, item in enumerate(items):
            try:
                await play(bench, *item)
            except (AssertionError, BusError) as error:
                raise AssertionError(f"{name}, item {number}, {item}: {error}") from error
        await bench.settle()
        dut._log.info("%s: %d accesses and looks at lines", name, len(items))
    await bench.finish()
