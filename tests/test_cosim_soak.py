"""The soak, in short; that it goes on where it was; and that it finds what is wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hic.cli import main
from hic.cosim.coverage import Coverage
from hic.cosim.run import Design, SimulationFailed, run
from hic.cosim.scoreboard import FaultKind
from hic.cosim.soak import Campaign, Job, Result, Soak, run_campaign
from hic.cosim.state import StateError
from hic.cosim.stimulus import Workload
from hic.cosim.testbench import parameters_to_environment
from hic.rtl.export.generate import generate
from hic.rtl.parameters import Parameters

SMALL = Parameters(source_count=5, context_count=4, hart_count=2, priority_bits=2)


@pytest.mark.check
def test_short_campaign_finds_nothing(tmp_path):
    found = run_campaign(Campaign(seed=3, configurations=2, cycles=600_000), tmp_path)
    print(json.dumps({name: value for name, value in found.to_dict().items() if name != "jobs"}))
    assert found.is_complete
    assert found.is_good, [result.first_faults or result.stopped for result in found.results]
    data = json.loads((tmp_path / "soak.json").read_text())
    assert data["cycles"] >= 600_000
    assert data["events"] > 500
    assert data["faults"] == dict.fromkeys((kind.value for kind in FaultKind), 0)
    assert data["episodes"].keys() == {*(each.value for each in Workload), "back-pressure"}
    assert data["resets"].keys() == {"when settled", "in any cycle", "during reset"}
    assert all(data["steps"][kind] for kind in ("accept", "claim", "acknowledge", "inject", "refuse"))
    assert not found.coverage.surprises()
    assert found.coverage.ratio > 0.7
    assert "</svg>" in (tmp_path / "soak.svg").read_text()


def test_campaign_is_of_different_configurations_that_follow_from_the_seed():
    campaign = Campaign(seed=1, configurations=60, cycles=12_000_000)
    jobs = campaign.jobs()
    assert len({job.parameters for job in jobs}) == 60
    assert sum(job.cycles for job in jobs) >= 10_000_000
    assert jobs == campaign.jobs() != replace(campaign, seed=2).jobs()


@pytest.mark.check
def test_difference_between_rtl_and_model_is_found(tmp_path):
    """The RTL without synchroniser, the model with it: events come two cycles early."""
    other = replace(SMALL, synchronizer=False)
    settings = {"HIC_SEED": "1", "HIC_CYCLES": "50000", **parameters_to_environment(SMALL)}
    with pytest.raises(SimulationFailed, match="was accepted without a cause"):
        run(Design(generate(other, trace=True)), "hic.cosim.benches.soak", tmp_path, settings=settings)
    found = json.loads((tmp_path / "soak.json").read_text())
    assert found["faults"]["spurious"] > 0
    assert found["first_faults"]


def fake_job(job: Job, directory: Path) -> Result:
    """A job that leaves a trace of each time that it ran."""
    directory.mkdir(exist_ok=True)
    with (directory / "ran").open("a") as file:
        file.write("once\n")
    return Result(job, cycles=job.cycles, faults={"lost": int(job.number == 2)})


def test_interrupted_campaign_goes_on_where_it_was(tmp_path):
    campaign = Campaign(seed=1, configurations=6, cycles=600)

    def interrupt(cycles: int, faulty: int) -> None:
        if cycles >= 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_campaign(campaign, tmp_path, run_job=fake_job, progress=interrupt)
    with (tmp_path / "state.jsonl").open("a") as file:
        file.write('{"job": {"number"')  # it was killed while it wrote
    found = run_campaign(campaign, tmp_path, run_job=fake_job)
    assert [result.job for result in found.results] == campaign.jobs()
    assert [path.read_text() for path in sorted(tmp_path.glob("*/ran"))] == ["once\n"] * 6
    assert [result.is_good for result in found.results] == [True, True, False, True, True, True]
    again = run_campaign(campaign, tmp_path, run_job=fake_job)
    assert again.results == found.results
    run_campaign(campaign, tmp_path, run_job=fake_job, fresh=True)
    assert [path.read_text() for path in sorted(tmp_path.glob("*/ran"))] == ["once\nonce\n"] * 6


def test_another_campaign_in_the_directory_wrong(tmp_path):
    run_campaign(Campaign(1, 1, 1), tmp_path, run_job=fake_job)
    with pytest.raises(StateError, match=r"not differ in seed, cycles; --fresh begins again"):
        run_campaign(Campaign(2, 1, 2), tmp_path, run_job=fake_job)
    result = CliRunner().invoke(main, ["soak", "--configurations", "2", "-o", str(tmp_path)])
    assert result.exit_code == 2
    assert "not differ in configurations, cycles" in result.stderr


@pytest.mark.parametrize(("faults", "stopped", "status"), [
    ({}, "", 0), ({"lost": 1}, "", 1), ({}, "the simulator crashed", 1),
])
def test_exit_status_says_whether_there_was_a_fault(faults, stopped, status, tmp_path, monkeypatch):
    job = Campaign(1, 1, 1).jobs()[0]
    result = Result(job, faults=faults, first_faults=["cycle 3: lost: an event"], stopped=stopped)
    soak = Soak(Campaign(1, 1, 1), [result], Coverage())
    monkeypatch.setattr("hic.cosim.soak.run_campaign", lambda *_, **__: soak)
    done = CliRunner().invoke(main, ["soak", "-o", str(tmp_path)])
    assert done.exit_code == status
    assert (f"seed {job.seed}" in done.output) == bool(status)
