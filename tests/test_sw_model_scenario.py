"""Scenario files: what ships is right, everything wrong is found at once, each fault at its line."""

from pathlib import Path

import pytest

from hic.rtl.parameters import Trigger
from hic.rtl.timing import MEASURED_MHZ
from hic.sw_model.scenario import Policy, ScenarioError, Schedule, load_scenario, packaged_scenarios, parse_scenario

GOOD = """\
name = "small"
length_us = 100
[platform]
harts = 2
[[vmm]]
name = "L1"
schedule = "priority"
slice_us = 2.5
[[guest]]
name = "plain"
hart = 1
[[guest]]
name = "inner"
parent = "L1"
asks = ["disk"]
[[ask]]
guest = "plain"
source = "disk"
from_us = 10
until_us = 20
[[source]]
name = "disk"
number = 7
trigger = "level-low"
[[device]]
source = "disk"
kind = "level"
mean_us = 5
"""


def faults(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "x.toml")
    return [(each.line, each.path, each.message) for each in caught.value.faults]


def test_packaged_scenarios_are_right() -> None:
    assert packaged_scenarios() == ["across-l1", "demo", "hello", "nested", "storm"]
    for name in packaged_scenarios():
        assert load_scenario(name).name == name


def test_contexts_are_numbered_in_preorder() -> None:
    scenario = parse_scenario(GOOD)
    tree = [(each.name, each.context, each.last, each.level) for each in scenario.contexts]
    assert tree == [("L0", 0, 3, 0), ("L1", 1, 2, 1), ("inner", 2, 2, 2), ("plain", 3, 3, 1)]


def test_values_and_defaults() -> None:
    scenario = parse_scenario(GOOD)
    assert (scenario.seed, scenario.policy, scenario.length_ns) == (1, Policy.HYBRID, 100_000)
    assert (scenario.cpu_hz, scenario.controller_hz) == (2_000_000_000, MEASURED_MHZ * 1_000_000)
    assert scenario.context("L1").schedule is Schedule.PRIORITY
    assert scenario.context("L1").slice_ns == 2_500
    assert scenario.source("disk").trigger is Trigger.LEVEL_LOW
    assert [(a.guest, a.from_ns, a.until_ns) for a in scenario.asks] == [("inner", 0, None), ("plain", 10_000, 20_000)]
    parameters = scenario.parameters
    assert (parameters.source_count, parameters.context_count, parameters.hart_count) == (7, 4, 2)
    assert scenario.with_policy("static").policy is Policy.STATIC


def test_replay_takes_a_trace_beside_the_file(tmp_path: Path) -> None:
    lines = [f"a-1 [000] d.h.. 1.00{t}000: irq_handler_entry: irq=5 name=nic\n" for t in (1, 2, 4, 9)]
    (tmp_path / "my.trace").write_text("".join(lines))
    replay = '[[device]]\nsource = "disk"\nkind = "replay"\ntrace = "my.trace"\nevent = "5"\nscale = 0.5\nlimit = 3\n'
    (tmp_path / "my.toml").write_text(GOOD + replay)
    assert load_scenario(tmp_path / "my.toml").devices[1].times_ns == (0, 500_000, 1_500_000)


BAD = """\
name = ""
lenght_us = 100
policy = "hybird"
[platform]
profile = "vax"
harts = 0
[[vmm]]
name = "empty"
[[guest]]
name = "a"
parent = "L9"
asks = ["dsik"]
hart = 3
[[guest]]
name = "a"
[[source]]
name = "disk"
number = 7
trigger = "edge"
[[source]]
name = "net"
number = 2000
trigger = "edge-rising"
priority = true
[[device]]
source = "net"
kind = "level"
mean_us = -1
[[device]]
source = "disk"
"""


def test_all_faults_are_listed_with_their_lines_wrong() -> None:
    found = {(line, path) for line, path, _ in faults(BAD)}
    assert found >= {
        (1, "name"), (1, "file"), (2, "lenght_us"), (3, "policy"), (5, "platform.profile"), (6, "platform.harts"),
        (8, "vmm[1].name"), (11, "guest[1].parent"), (12, "guest[1].asks"), (13, "guest[1].hart"),
        (15, "guest[2].name"),
        (19, "source[1].trigger"), (22, "source[2].number"), (24, "source[2].priority"), (28, "device[1].mean_us"),
        (29, "device[2]"),
    }  # fmt: skip
    messages = [message for _, _, message in faults(BAD)]
    assert "must be one of hybrid, trap-and-emulate, static, not 'hybird'; did you mean 'hybrid'?" in messages
    assert "key 'length_us' must be given: a number above 0" in messages
    assert [line for line, _, _ in faults(BAD)] == sorted(line for line, _, _ in faults(BAD))


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("number = 7", "number = 0", "number = 0", "must be an integer from 1 to 1023, not 0"),
        (
            '"level-low"',
            '"edge-rising"',
            'kind = "level"',
            "must be of a source with trigger level-high or level-low, not 'disk'",
        ),
        ("until_us = 20", "until_us = 10", "until_us = 10", "must be above from_us, not 10.0"),
        ('guest = "plain"', 'guest = "inner"', "[[ask]]", "inner must ask for disk once, not again"),
        (
            'source = "disk"\nfrom',
            'source = "dsk"\nfrom',
            'source = "dsk"',
            "must be one of disk, not 'dsk'; did you mean 'disk'?",
        ),
        (
            'name = "L1"',
            'name = "L1"\nparent = "L1"',
            'parent = "L1"',
            "must lead to L0, not in a circle, as 'L1' does",
        ),
        ('asks = ["disk"]', 'asks = "disk"', 'asks = "disk"', "must be a list of different strings, not 'disk'"),
        (
            "mean_us = 5",
            "mean_us = 5\nperiod_us = 1",
            "period_us = 1",
            "must be one of source, kind, start_us, mean_us, not 'period_us'",
        ),
        ("[platform]", "platform = 3\n[extra]", "platform = 3", "must be a table, not 3"),
        ("length_us = 100", "length_us = true", "length_us = true", "must be a number above 0, not True"),
        ("length_us = 100", "length_us =", "length_us =", "must be TOML: "),
        (
            'kind = "level"\nmean_us = 5',
            'kind = "burst"\nperiod_us = 5\ncount = 3\ngap_us = 2',
            "[[device]]",
            "period_ns must be at least count x gap_ns (6000), not 5000",
        ),
        (
            'kind = "level"\nmean_us = 5',
            'kind = "replay"\ntrace = "no"\nevent = "x"',
            'trace = "no"',
            "must be a readable trace, not 'no'",
        ),
        (
            'kind = "level"\nmean_us = 5',
            'kind = "replay"\ntrace = "linux-virtio-disk-direct.ftrace"\nevent = "x"',
            'event = "x"',
            "must be one that trace linux-virtio-disk-direct.ftrace holds (virtio1-req.0 (5485), ",
        ),
    ],
)
def test_fault_wrong(old: str, new: str, place: str, message: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = [(text.splitlines()[line - 1], said) for line, _, said in faults(text)]
    assert any(line == place and said.startswith(message) for line, said in found), found


def test_nothing_in_the_file_wrong() -> None:
    text = " ".join(message for _, _, message in faults(""))
    for missing in ("[[source]]", "[[guest]]", "[[device]]", "'name'", "'length_us'"):
        assert missing in text


def test_missing_scenario_wrong() -> None:
    with pytest.raises(FileNotFoundError, match=r"must be a file or one of across-l1, demo, .*, not 'dmeo'"):
        load_scenario("dmeo")


def test_unknown_name_lists_what_there_is_wrong() -> None:
    with pytest.raises(KeyError, match="there is no 'x'; there are L0, L1, inner, plain"):
        parse_scenario(GOOD).context("x")
