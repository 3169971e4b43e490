"""The example in examples/soc: interrupts on a RISC-V CPU, with the controller and with a plain PLIC."""

from pathlib import Path

import pytest
from formal.bugs import Bug

from examples.soc import build as building
from examples.soc.build import FirmwareError, build
from examples.soc.hardware import PARAMETERS, RAM_BYTES, Kind, Soc, soc_verilog
from examples.soc.run import SPANS, measure, spans, table
from hic.cosim.run import SimulationFailed
from hic.rtl.parameters import PIN_CYCLES
from hic.rtl.profile.riscv import RiscvPins

PLIC_PIN_CYCLES = 5
"""From wire to line (docstring of ``Plic``)."""


@pytest.mark.parametrize(("kind", "pin_cycles"), [
    (Kind.HIC, PARAMETERS.pin_to_line_cycles + PIN_CYCLES), (Kind.PLIC, PLIC_PIN_CYCLES),
])
def test_each_interrupt_reaches_its_mode_and_is_served_once(kind: Kind, pin_cycles: int, tmp_path: Path) -> None:
    times = measure(kind, tmp_path)  # the bench holds each against its handler, its claim and its completion
    assert {mode: len(each) for mode, each in times.items()} == {"guest": 100, "host": 100}
    for mode, each in times.items():
        found = spans(each)
        print(kind, mode, found)
        assert found["wire to pin"] == (pin_cycles, pin_cycles, pin_cycles)
        low, _, high = found["pin to the handler's first instruction"]
        assert low < high, "phases do not vary"
        if kind is Kind.HIC:  # docs/riscv.md: from the next cycle on a guest's, from the second one on that of traps
            assert found["claim to the pin's fall"][2] <= {"guest": 1, "host": 2}[mode]


def test_pin_that_asks_twice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = Bug(
        "SEIP stays until a trap", RiscvPins,
        "pins.seip.eq(self.direct_valid)", "pins.seip.eq(self.direct_valid | (pins.seip & ~self.trap_valid))", (),
    )
    bug.plant(monkeypatch)
    with pytest.raises(SimulationFailed, match=r"the pin of source 1 asks again|is not served within|reports 0xdead"):
        measure(Kind.HIC, tmp_path, interrupts=2)


def test_spans_and_table() -> None:
    times = [
        {"pin": 6, "handler": 20, "claim": 31, "fall": 32, "complete": 50},
        {"pin": 6, "handler": 22, "claim": 30, "fall": 34, "complete": 44},
    ]
    assert spans(times) == dict(zip(SPANS, [
        (6, 6, 6), (14, 15, 16), (1, 2.5, 4), (14, 16.5, 19), (44, 47, 50),
    ], strict=True))
    assert table({Kind.PLIC: {"guest": times, "host": times}}).row_count == 2


def test_firmware_that_is_too_long_wrong() -> None:
    with pytest.raises(ValueError, match=rf"^firmware must have {RAM_BYTES} bytes at most, not {RAM_BYTES + 4}$"):
        Soc(Kind.HIC, [0] * (RAM_BYTES // 4 + 1))


def test_firmware_that_does_not_compile_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_FLAGS", (*building._FLAGS, "-include", "none.h"))
    with pytest.raises(FirmwareError, match=r"accept firmware.c: pip install -e '\.\[soc\]'\n.*none\.h"):
        build(Kind.HIC, tmp_path)


def test_other_cpu_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "Other.v"
    other.write_text("module Other ();\nendmodule\n")
    monkeypatch.setattr("examples.soc.hardware._CPU_FILE", other)
    with pytest.raises(ValueError, match=r"^Other\.v must be a VexRiscv with lastStagePc and lastStageIsFiring$"):
        soc_verilog(Kind.PLIC, [0])
