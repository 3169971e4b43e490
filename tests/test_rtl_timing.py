"""The limits of time: the figures of the contract, and how they grow."""

import re
from pathlib import Path

import pytest

from hic.rtl.parameters import Parameters
from hic.rtl.timing import ACCESSES, Limits


def test_limits_of_the_contracts_configuration():
    limits = Limits(Parameters(source_count=64, context_count=8, hart_count=2))
    assert {limits.access(name) for name in ("claim", "complete", "write ENABLE word", "RUNNING")} == {6}
    assert {limits.access(name) for name in ("INJECT", "refused", "read PENDING")} == {8}
    assert {limits.access(name) for name in ("ROUTE", "TRIGGER", "EVENT")} == {12}
    assert {limits.access(name) for name in ("ALLOW", "TREE")} == {12 + 8}
    assert (limits.turn, limits.acknowledge, limits.acknowledge_injection(5), limits.dark) == (24, 6, 20, 8)
    assert (limits.switch_direct, limits.switch_traps) == (8, 18)
    assert (limits.doorbell, limits.doorbell_hostile, limits.pin_to_line) == (22, 40, 5)
    assert (limits.claim_complete, limits.claim_complete_hostile) == (18, 48)


ROWS = {
    "read of any register but ROUTE, PENDING, REQUESTS and EVENT":
        ("read PRIORITY", "read ENABLE word", "read THRESHOLD", "read COUNT"),
    "claim, also of nothing": ("claim", "claim of nothing"),
    "completion": ("complete", "complete of nothing"),
    "PRIORITY, THRESHOLD, VECTOR_BASE": ("write PRIORITY", "write THRESHOLD", "write VECTOR_BASE"),
    "ENABLE word, with all 32 bits changed too": ("write ENABLE word",),
    "MESSAGE, INJECT, FORCE_COMPLETE": ("MESSAGE", "INJECT", "FORCE_COMPLETE"),
    "PENDING, REQUESTS, read or written": ("read PENDING", "read REQUESTS", "write REQUESTS"),
    "refused access, but of ROUTE": ("refused",),
    "TRIGGER, TRAP, EVENTS, STUCK_LIMIT; read of EVENT": ("TRIGGER", "TRAP", "EVENTS", "EVENT"),
    "ROUTE, read, written or refused": ("ROUTE", "read ROUTE"),
    "RUNNING": ("RUNNING",),
    "ALLOW word, TREE": ("ALLOW", "TREE"),
}


def test_table_of_the_document_has_the_limits():
    """Of 1 and 2 harts and 64 sources, where V is the number of contexts."""
    document = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text()
    table = document.split("| access | at most |\n|---|--:|\n")[1].split("\n\n")[0]
    rows = dict(re.findall(r"^\| (.*) \| (.*) \|$", table, re.MULTILINE))
    whatever = rows.pop("any access, behind background work and acknowledges of all harts")
    assert whatever == "20 + 2 H, or its row if that is more"
    assert rows.keys() == ROWS.keys()
    for harts in (1, 2):
        limits = Limits(Parameters(source_count=64, context_count=8, hart_count=harts))
        assert limits.turn == 20 + 2 * harts
        for row, names in ROWS.items():
            stated = sum(8 if term == "V" else int(term) for term in rows[row].partition(",")[0].split(" + "))
            assert {limits.access(name) for name in names} == {stated}


def test_limits_grow_with_contexts_harts_and_words():
    small, large = (Limits(Parameters(source_count=n, context_count=v, hart_count=h))
                    for n, v, h in ((64, 8, 2), (160, 32, 8)))
    assert large.access("TREE") == 12 + 32 + 3
    assert large.acknowledge_injection(0) == 12 + 6
    assert large.turn == 12 + 32 + 3
    assert large.claim_complete_hostile == 48 + 2 * (24 + 3)
    assert (large.reset, small.reset) == (32 * 161 + 64, 8 * 65 + 64)
    assert [name for name in ACCESSES if large.access(name) != small.access(name)] == [
        "ROUTE", "read ROUTE", "ALLOW", "read ALLOW", "TREE", "read TREE",
    ]


def test_access_without_limit_wrong():
    with pytest.raises(KeyError, match="there is no limit of 'write PRORITY'; there are read PRIORITY, "):
        Limits(Parameters()).access("write PRORITY")
