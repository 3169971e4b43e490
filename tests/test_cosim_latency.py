"""Latency from the monitors and from the waveform alone: the same to the cycle."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hic.cosim.latency import LatencyError, latency_from_vcd
from hic.cosim.run import Design, run
from hic.cosim.testbench import parameters_to_environment
from hic.rtl.export.generate import TOP, generate
from hic.rtl.parameters import Parameters

PARAMETERS = Parameters(source_count=9, context_count=2, hart_count=1)


def wrapped(verilog: str) -> str:
    """The controller two levels down in a larger design, which has the same ports."""
    ports = re.search(rf"module {TOP}\((.*?)\);", verilog, re.DOTALL)
    assert ports is not None
    body = verilog[ports.end() : verilog.index("endmodule", ports.end())]
    declared = [line for line in body.splitlines() if re.match(r"\s*(input|output)\b", line)]
    names = [name.strip() for name in ports[1].split(",")]
    connections = ", ".join(f".{name}({name})" for name in names)
    levels = (("soc", "board"), ("board", TOP))
    text = verilog
    for module, inner in levels:
        text += f"\nmodule {module}({', '.join(names)});\n" + "\n".join(declared)
        text += f"\n{inner} part({connections});\nendmodule\n"
    return text


def measure(design: Design, directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    run(design, "hic.cosim.benches.latency", directory, settings=parameters_to_environment(PARAMETERS))
    monitors = json.loads((directory / "legs.json").read_text())
    (waves,) = directory.glob("*.vcd")
    return monitors, latency_from_vcd(waves).to_dict()


def other_dialect(vcd: str) -> str:
    """The waveform as another simulator may write it: other time unit, a blank before ranges, no leading zeros."""
    vcd = re.sub(r"\$timescale.*?\$end", "$timescale 1ns $end", vcd, count=1, flags=re.DOTALL)
    vcd = re.sub(r"^#(\d+)", lambda time: f"#{int(time[1]) // 1000}", vcd, flags=re.MULTILINE)
    vcd = re.sub(r"^b0+(?=[01])", "b", vcd, flags=re.MULTILINE)
    return re.sub(r"(\$var \w+ \d+ \S+ \w+)(\[)", r"\1 \2", vcd)


@pytest.mark.check
@pytest.mark.parametrize("depth", ["top", "inside"])
def test_waveform_equals_monitors(depth: str, tmp_path: Path) -> None:
    verilog = generate(PARAMETERS, trace=True)
    design = Design(verilog, waves=True) if depth == "top" else Design(wrapped(verilog), top="soc", waves=True)
    monitors, waves = measure(design, tmp_path)
    assert waves == monitors
    prompt = [leg for leg in monitors["legs"] if leg["prompt"]]
    assert len(prompt) > 20
    assert {leg["line"] for leg in prompt} == {"direct", "trap"}
    assert {leg["cycles"] for leg in prompt} == {PARAMETERS.pin_to_line_cycles}

    (vcd,) = tmp_path.glob("*.vcd")
    text = vcd.read_text()
    for name, changed in {
        "no observation port": re.sub(r"\btrace_(?!_)", "other_", text),
        "other dialect": other_dialect(text),
    }.items():
        assert changed != text
        vcd.write_text(changed)
        assert latency_from_vcd(vcd).to_dict() == monitors, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no waveform", "must be a VCD file|must hold one controller"),
        ("$scope module a $end\n$var wire 1 ! clk $end\n$upscope $end\n$enddefinitions $end\n", "not none"),
    ],
)
def test_vcd_wrong(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "waves.vcd"
    path.write_text(text)
    with pytest.raises(LatencyError, match=message):
        latency_from_vcd(path)
