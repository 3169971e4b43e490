"""Faults that are planted in the RTL, each of which random lockstep finds in a few thousand records."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amaranth.hdl import Const, Module, Signal

from hic.cosim.run import Design, SimulationFailed, run
from hic.cosim.testbench import parameters_to_environment
from hic.rtl.delivery.direct_line import DirectLine
from hic.rtl.delivery.gateway import Gateways
from hic.rtl.export.generate import generate
from hic.rtl.parameters import Parameters

PARAMETERS = Parameters(source_count=7, context_count=4, hart_count=2)
RECORDS = 6_000


def after(patch: pytest.MonkeyPatch, block: type, change: Callable[[object, Module], None]) -> None:
    """Changes a block: the statements of ``change`` come after its own, and so win."""
    elaborate = block.elaborate

    def changed(self: object, platform: object) -> Module:
        m = elaborate(self, platform)
        change(self, m)
        return m

    patch.setattr(block, "elaborate", changed)


def missed_blank(patch: pytest.MonkeyPatch) -> None:
    """The direct line does not go low for accesses: it shows what the arbiter knew before their record."""
    nothing = Const(0)
    patch.setattr("hic.rtl.delivery.direct_line.blanked", lambda m, blank, name: (nothing, nothing))


def lost_acknowledge(patch: pytest.MonkeyPatch) -> None:
    """An acknowledge in a cycle in which an access takes effect on the line is not taken."""
    def change(line: DirectLine, m: Module) -> None:
        with m.If(line.blank):
            m.d.comb += line.taken.eq(0)

    after(patch, DirectLine, change)


def wrong_commit_order(patch: pytest.MonkeyPatch) -> None:
    """A completion gets to the gateways in the cycle after its record."""
    elaborate = Gateways.elaborate

    def changed(self: Gateways, platform: object) -> Module:
        complete, late = self.complete, Signal()
        self.complete = late
        try:
            m = elaborate(self, platform)
        finally:
            self.complete = complete
        m.d.sync += late.eq(complete)
        return m

    patch.setattr(Gateways, "elaborate", changed)


@pytest.mark.check
@pytest.mark.parametrize(("plant", "kind"), [
    (missed_blank, "spurious"), (lost_acknowledge, "lost"), (wrong_commit_order, "lost"),
])
def test_lockstep_finds_it(
    plant: Callable[[pytest.MonkeyPatch], None], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generate(PARAMETERS, trace=True)
    plant(monkeypatch)
    verilog = generate(PARAMETERS, trace=True)
    assert verilog != whole
    settings = {"HIC_SEED": "1", "HIC_RECORDS": str(RECORDS), **parameters_to_environment(PARAMETERS)}
    with pytest.raises(SimulationFailed, match=f": {kind}: "):
        run(Design(verilog), "hic.cosim.benches.lockstep", tmp_path, settings=settings)
