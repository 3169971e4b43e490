"""The profiles of RISC-V on the whole controller: lockstep, directed tests, and faults that the scoreboard finds.

HIC_SEED: rerun with a seed.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from formal.bugs import Bug

from hic.cosim.run import Design, SimulationFailed, run
from hic.cosim.testbench import parameters_to_environment
from hic.rtl.export.generate import generate
from hic.rtl.parameters import Parameters, Profile
from hic.rtl.profile.riscv import RiscvPins

SEED = int(os.environ.get("HIC_SEED", "1"))
SMALL = Parameters(source_count=6, context_count=5, hart_count=2)
PROFILES = {
    "hgeip": replace(SMALL, profile=Profile.RISCV, geilen=3),
    "vseip": replace(SMALL, profile=Profile.RISCV),
    "riscv-ms": replace(SMALL, profile=Profile.RISCV_MS),
}


def simulate(parameters: Parameters, bench: str, directory: Path, *, records: int = 0) -> None:
    settings = {"HIC_SEED": str(SEED), "HIC_RECORDS": str(records), **parameters_to_environment(parameters)}
    run(Design(generate(parameters, trace=True)), f"hic.cosim.benches.{bench}", directory, settings=settings)


@pytest.mark.check
@pytest.mark.parametrize("name", PROFILES)
def test_directed(name: str, tmp_path: Path) -> None:
    simulate(PROFILES[name], "riscv", tmp_path)


@pytest.mark.check
@pytest.mark.parametrize("name", PROFILES)
def test_lockstep(name: str, tmp_path: Path) -> None:
    simulate(PROFILES[name], "lockstep", tmp_path, records=4_000)
    assert json.loads((tmp_path / "lockstep.json").read_text())["records"] >= 4_000


@pytest.mark.check
@pytest.mark.parametrize(("name", "old", "new", "fault"), [
    pytest.param("hgeip", "pins.seip.eq(self.trap_valid)", "pins.seip.eq(0)", "late: seip of hart", id="stuck"),
    pytest.param(
        "vseip", "self.direct_valid & (self.direct_context > p.geilen)", "self.direct_valid | pins.vseip",
        "spurious: vseip of hart", id="asks-twice",
    ),
    pytest.param(
        "hgeip", "pins.hgeip[c].eq(", "pins.hgeip[p.geilen + 1 - c].eq(", "misrouted: hgeip of hart", id="other-guest",
    ),
])
def test_fault_in_a_pin_is_found(
    name: str, old: str, new: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Bug(fault, RiscvPins, old, new, ()).plant(monkeypatch)
    with pytest.raises(SimulationFailed, match=fault):
        simulate(PROFILES[name], "lockstep", tmp_path, records=400)
