"""Coverage of the RTL, and functional coverage: what is counted, and that nothing is left out in vain."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hic.cli import main
from hic.cosim.code_coverage import (
    CodeCoverage,
    ExclusionError,
    Point,
    directed_benches,
    load_exclusions,
    measure_coverage,
    read_points,
)
from hic.cosim.coverage import EXCLUSIONS, OPERATIONS, Coverage, Level, SourceState, TargetState
from hic.cosim.nets import Nets, examine_nets
from hic.cosim.possible import Possible, possible_values
from hic.rtl.export.generate import TOP
from hic.rtl.parameters import Parameters

ROOT = Path(__file__).parent.parent
PLAN = tomllib.loads((ROOT / "tests" / "testplan.toml").read_text())["coverage"]
SMALL = Parameters(source_count=3, context_count=6, hart_count=1, priority_bits=2)


@pytest.mark.check
def test_coverage_of_a_small_controller(directory):
    code, functional = measure_coverage(SMALL, directory, cycles=30_000)
    data = json.loads((directory / "coverage.json").read_text())
    print(data["counts"], data["excluded"], data["functional"]["covered"])
    for kind, counts in data["counts"].items():
        assert counts["points"] == counts["hit"] + counts["excluded"] + counts["missing"]
        assert counts["hit"] > 0.7 * (counts["points"] - counts["excluded"]), kind
    assert not code.stale
    assert all((directory / bench / "coverage.dat").exists() for bench in ("sweep", "states"))
    assert not code.surprises
    assert not functional.surprises()
    assert not functional.missing(), "every operation in every state"
    nets = json.loads((directory / "nets" / "read.json").read_text())["modules"][TOP]["netnames"]
    assert all(len(nets[each.net]["bits"]) == each.width for each in possible_values(SMALL))
    assert len((directory / "missing.txt").read_text().splitlines()) == len(code.missing) == len(data["missing"])


VERILOG = """\
module top(input clk, input a, output reg [3:0] q, output b);
  wire never = 1'h0;
  assign b = never ? a : q[0];
  always @(posedge clk) begin
    q[3] <= 1'h0;
    q[2] <= q[3];
    q[1:0] <= { a, never };
  end
endmodule
"""

NETS = """\
module top(input clk, input a, output reg [1:0] q, output b, output few, output [1:0] sum);
  reg [1:0] kept = 2'h0;
  reg dead = 1'h0;
  wire [1:0] next = { a, kept[0] };
  wire [3:0] three = a + q[0] + b;
  assign few = three[2];
  wire [2:0] total = q + 1'h1;
  assign sum = total[1:0];
  assign b = ^kept;
  always @(posedge clk) begin
    kept <= next;
    dead <= a;
    q <= { a, a };
  end
endmodule
"""


def test_nets_that_are_constant_are_found(directory):
    assert {"never", "q[0]", "b"} <= examine_nets(VERILOG, "top", directory).constant
    constant = examine_nets(NETS, "top", directory).constant
    assert {"kept[0]", "next[0]"} <= constant, "and what a register that is constant becomes"
    assert {"three[2]", "few"} <= constant, "and what a sum does not reach"
    assert constant.isdisjoint({"q[0]", "q[1]", "kept[1]", "next[1]", "dead", "sum[0]", "total[2]", "three[1]"})


def test_bits_that_nothing_reads_are_found(directory):
    unread = examine_nets(NETS, "top", directory).unread
    assert {"dead", "total[2]"} <= unread
    assert unread.isdisjoint({"q[0]", "kept[0]", "kept[1]", "next[1]", "total[1]", "b", "a"})


def test_what_is_known_of_a_register_makes_others_constant(directory):
    constant = examine_nets(NETS, "top", directory, [Possible("q", 2, (0, 2), "it is even")]).constant
    assert {"q[0]", "total[0]", "sum[0]"} <= constant
    assert constant.isdisjoint({"q[1]", "sum[1]"})


def test_what_a_register_can_hold_says_which_bits_change():
    word = Possible("q", 4, (3, 7), "")
    assert (word.rises, word.falls) == ({0, 1, 2}, {2})
    assert Possible("q", 4, (), "").rises == frozenset()


def test_what_cannot_be_is_no_gap_and_what_was_held_to_be_impossible_is_reported():
    possible = [Possible("q", 4, (0, 1, 9), "no even numbers")]
    code = CodeCoverage(VERILOG, possible=possible)
    code.add(points(
        *(("toggle", "top", name, 1, 0) for name in ("q[1]:0->1", "q[3]:1->0")), ("toggle", "top", "q[2]:1->0", 1, 4),
    ))
    assert [point.name for point in code.missing] == ["q[3]:1->0"]
    assert [point.name for point in code.surprises] == ["q[2]:1->0"]
    assert code.to_dict()["excluded"] == {"no even numbers": 1}


def test_branches_of_a_constant_condition_are_left_out():
    code = CodeCoverage(VERILOG, nets=Nets(frozenset({"never"}), frozenset({"a"})))
    code.add(points(
        ("branch", "top", "cond_then", 3, 0), ("branch", "top", "cond_else", 1, 0), ("toggle", "top", "a:0->1", 1, 0),
    ))
    assert [point.name for point in code.missing] == ["cond_else"]


def test_directed_benches_need_sources_and_contexts():
    assert directed_benches(replace(SMALL, source_count=1)) == ["sweep"]
    assert directed_benches(replace(SMALL, context_count=1)) == []
    assert directed_benches(replace(SMALL, context_count=5)) == ["sweep"]
    assert directed_benches(SMALL) == ["sweep", "states"]


def points(*rows: tuple[str, str, str, int, int]) -> list[tuple[Point, int]]:
    return [(Point(kind, scope, name, line, 1), count) for kind, scope, name, line, count in rows]


def test_point_is_read(tmp_path):
    path = tmp_path / "coverage.dat"
    path.write_text(
        "# SystemC::Coverage-3\n"
        "C '\1f\2x.v\1l\0027\1n\00214\1t\2toggle\1page\2v_toggle/hic\1o\2axi___05Fq[2]:0->1\1h\2hic.a' 3\n"
    )
    assert list(read_points(path)) == [(Point("toggle", "hic.a", "axi__q[2]:0->1", 7, 14), 3)]
    assert next(read_points(path))[0].net == "a.axi__q[2]"


def test_what_is_missing_and_what_is_not(tmp_path):
    path = tmp_path / "coverage.toml"
    path.write_text("".join(
        f'[[exclusion]]\nkind = "toggle"\nscope = "top*"\nname = "{name}"\nreason = "{name}"\n'
        for name in ("q[3]*", "x*")
    ))
    code = CodeCoverage(VERILOG, load_exclusions(path), Nets(frozenset({"never", "deep.never"})))
    rows = points(
        ("toggle", "top", "never:0->1", 2, 0), ("toggle", "top", "q[3]:0->1", 1, 0),
        ("toggle", "top", "q[31]:0->1", 1, 0), ("toggle", "top", "a:0->1", 1, 0),
        ("line", "top", "block", 4, 5), ("toggle", "top.deep", "never:0->1", 2, 0),
    )
    code.add(rows)
    code.add(points(("toggle", "top", "a:0->1", 1, 2)))
    assert [point.name for point in code.missing] == ["q[31]:0->1"]
    assert [exclusion.name for exclusion in code.stale] == ["x*"]
    assert code.counts()["toggle"] == {"points": 5, "hit": 1, "excluded": 3, "missing": 1}
    assert code.listing() == f"toggle top q[31]:0->1 (line 1: {VERILOG.splitlines()[0]})\n"


def test_exclusions_of_some_bits_and_of_one_configuration(tmp_path):
    path = tmp_path / "coverage.toml"
    entry = '[[exclusion]]\nkind = "toggle"\nscope = "top"\nname = "*"\nreason = "{}"\n{}\n'
    path.write_text(entry.format("high", "from_bit = 12") + entry.format("small", 'size = "3 x 6 x 1"'))
    assert [each.reason for each in load_exclusions(path)] == ["high"]
    assert [each.reason for each in load_exclusions(path, SMALL)] == ["high", "small"]
    assert [each.reason for each in load_exclusions(path, replace(SMALL, hart_count=2))] == ["high"]
    (high,) = load_exclusions(path)
    names = ("q[11]:0->1", "q[12]:0->1", "q:0->1", "ram[12][3]:1->0")
    assert [Point("toggle", "top", name, 1, 1) in high for name in names] == [False, True, False, False]


@pytest.mark.parametrize("text", ['kind = "line"', 'kind = "line"\nscope = "hic"\nname = "a"\nreason = ""'])
def test_exclusion_without_reason_wrong(text, tmp_path):
    path = tmp_path / "coverage.toml"
    path.write_text(f"[[exclusion]]\n{text}\n")
    with pytest.raises(ExclusionError, match=r"exclusion 1 must have kind, scope, name and reason, not \{"):
        load_exclusions(path)


# Functional coverage.

def test_functional_model_is_the_one_in_the_testplan():
    assert PLAN["source"] == [state.value for state in SourceState]
    assert PLAN["target"] == [state.value for state in TargetState]
    assert PLAN["operation"] == list(OPERATIONS)
    assert PLAN["level"] == [level.name for level in Level]
    declared = [
        {name: values for name, values in (
            ("source", [s.value for s in SourceState if s in exclusion.sources]),
            ("target", [t.value for t in TargetState if t in exclusion.targets]),
            ("operation", [o for o in OPERATIONS if o in exclusion.operations]),
            ("level", [level.name for level in Level if level in exclusion.levels]),
        ) if values} | {"reason": exclusion.reason}
        for exclusion in EXCLUSIONS
    ]
    assert PLAN["exclusion"] == declared


def test_each_exclusion_excludes_something_that_no_other_does():
    every = [(s, t, o, level) for s in SourceState for t in TargetState for o in OPERATIONS for level in Level]
    for exclusion in EXCLUSIONS:
        others = [other for other in EXCLUSIONS if other is not exclusion]
        assert any(point in exclusion and not any(point in other for other in others) for point in every), exclusion


def test_hit_of_an_excluded_bin_is_a_surprise():
    coverage = Coverage()
    point = (SourceState.IDLE, TargetState.RUNS, "claim", Level.L1)
    assert point not in Coverage.bins()
    coverage.hits[point] += 1
    assert coverage.surprises() == [point]
    assert coverage.ratio == 0


def test_size_wrong():
    result = CliRunner().invoke(main, ["coverage", "--sources", "0"])
    assert result.exit_code == 2
