"""Rules of the contract, proven of the whole controller: all hold, and each finds the bug that it must find."""

import pytest
from amaranth.sim import Simulator
from formal.contract import BUGS

from hic.proofs.catalogue import CONTRACT, CONTRACT_SIZE, PREAMBLES, proofs_of
from hic.proofs.proof import Engine, Result
from hic.proofs.prove import prove
from hic.rtl.controller import Controller
from hic.rtl.properties import Checker

PROOFS = [proof for block in CONTRACT for proof in block.proofs(CONTRACT_SIZE)]


@pytest.mark.parametrize("block", CONTRACT, ids=lambda block: block.rules[0])
def test_every_rule_is_stated(block, monkeypatch):
    """One that is not can never be violated."""
    stated, rule = list[str](), Checker.rule

    def state(self, m, name, **what):
        stated.append(name)
        rule(self, m, name, **what)

    monkeypatch.setattr(Checker, "rule", state)
    block.checker(CONTRACT_SIZE).elaborate(None)
    assert set(block.rules) <= set(stated)


@pytest.mark.parametrize(("writes", "cycles"), PREAMBLES.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_preamble_takes_as_many_cycles_as_rules_begin_after(writes, cycles):
    """Else fewer of a proof's cycles would be free."""
    dut = Controller(CONTRACT_SIZE)

    async def bench(ctx):
        found = 0
        for address, data in writes(CONTRACT_SIZE):
            request = {"valid": 1, "write": 1, "address": address, "wdata": data, "strobe": 15}
            for name, value in request.items():
                ctx.set(getattr(dut.bus, name), value)
            is_answered = False
            while not is_answered:
                is_answered = ctx.get(dut.bus.ready)
                await ctx.tick()
                found += 1
        assert found == cycles

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_can_be_planted(bug):
    assert bug.elaborate()


def test_every_rule_is_known_to_fail_on_a_bug():
    assert {proof.name for proof in PROOFS} == {proof for bug in BUGS for proof in bug.found_by}


@pytest.mark.check
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.rule)
def test_rule_is_proven(proof, tmp_path):
    expected = Result.BOUNDED if proof.engine is Engine.BOUNDED else Result.PROVEN
    assert prove(proof, tmp_path).result is expected


@pytest.mark.check
@pytest.mark.parametrize(("bug", "name"), [
    pytest.param(bug, name, id=f"{bug.name}-{name}") for bug in BUGS for name in bug.found_by
])
def test_seeded_bug_is_found(bug, name, tmp_path, monkeypatch):
    bug.plant(monkeypatch)
    block, _, rule = name.partition(".")
    (proof,) = proofs_of(CONTRACT_SIZE, block=block, rule=rule)
    found = prove(proof, tmp_path)
    assert found.result is Result.FAILED
    assert f"rule {rule} is violated" in found.account[-1]
