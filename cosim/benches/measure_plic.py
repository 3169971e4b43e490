"""Measures a plain PLIC as software sees it. Leaves ``measured.json``."""

import json
from pathlib import Path
from typing import Any

import cocotb

from hic.cosim.measurement.circuit import SimulatedCircuit
from hic.cosim.measurement.yardstick import PlicStage, measure_plic
from hic.cosim.testbench import parameters_from_environment, seed_from_environment


@cocotb.test
async def test_measure_plic(dut: Any) -> None:
    stage = PlicStage(SimulatedCircuit(dut), parameters_from_environment(), seed_from_environment())
    Path("measured.json").write_text(json.dumps(await measure_plic(stage)))
