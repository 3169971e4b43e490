"""The Verilog example is built, and its guest gets the timer's interrupt."""

from pathlib import Path

from hic.cosim.run import Design, run
from hic.rtl.export.generate import generate
from hic.rtl.parameters import Parameters

ROOT = Path(__file__).parent.parent


def test_verilog_example_delivers_to_a_guest(tmp_path):
    controller = generate(Parameters(source_count=8, context_count=4, hart_count=1), bus="core")
    source = (ROOT / "examples" / "verilog" / "soc.v").read_text()
    design = Design(f"{controller}\n{source}", top="soc", arguments=("-Wno-PINCONNECTEMPTY",))
    run(design, "hic.cosim.benches.soc", tmp_path)
