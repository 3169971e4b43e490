"""The port of the simulator, whatever is cancelled."""

from pathlib import Path

from hic.cosim.run import Design, run
from hic.cosim.testbench import parameters_to_environment
from hic.rtl.export.generate import generate
from hic.rtl.parameters import Parameters


def test_accesses_may_be_cancelled(tmp_path: Path) -> None:
    parameters = Parameters(source_count=2, context_count=2)
    run(Design(generate(parameters, trace=True)), "hic.cosim.benches.port", tmp_path,
        settings=parameters_to_environment(parameters))
