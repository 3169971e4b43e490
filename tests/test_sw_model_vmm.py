"""VMMs at every level: requests, sharing, leaving, doorbells, violations, stuck sources, scheduling, policies."""

import asyncio
from collections import Counter

import pytest

from hic.rtl.registers import MAP
from hic.sw_model.machine import Machine
from hic.sw_model.port import window_address
from hic.sw_model.reference import ReferencePort
from hic.sw_model.results import Path, Reason, RunResult, Step, StepKind
from hic.sw_model.scenario import Scenario, load_scenario, parse_scenario


def run(scenario: Scenario, policy: str = "hybrid") -> tuple[RunResult, list[Step], Machine]:
    steps: list[Step] = []
    machine = Machine(scenario.with_policy(policy), ReferencePort(scenario.parameters), steps.append)
    return asyncio.run(machine.run()), steps, machine


def route(machine: Machine, source: int) -> tuple[int, bool]:
    word = asyncio.run(machine.port.read(window_address(0, MAP["ROUTE"].at(source))))
    return MAP["ROUTE"].unpack(word)["owner"], bool(MAP["ROUTE"].unpack(word)["shared"])


def tree(guests: str, *, vmms: str = "", extra: str = "", harts: int = 2, trigger: str = "edge-rising") -> Scenario:
    """A scenario with a source "card" (number 1) that rings every 500 us from 5 ms on, for 30 ms."""
    return parse_scenario(f"""
name = "test"
length_us = 30000
[platform]
harts = {harts}
{vmms}
{guests}
[[source]]
name = "card"
number = 1
trigger = "{trigger}"
[[device]]
source = "card"
kind = "periodic"
start_us = 5000
period_us = 500
{extra}
""")


def guest(name: str, **values: object) -> str:
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, int) else repr(value)}" for key, value in values.items()
    ]
    return "\n".join([f'[[guest]]\nname = "{name}"', *lines, ""])


def vmm(name: str, **values: object) -> str:
    return guest(name, **values).replace("[[guest]]", "[[vmm]]")


def test_one_asker_gets_it_directly() -> None:
    result, _, machine = run(tree(guest("a", asks=["card"]) + guest("b", hart=1)))
    assert result.paths == {"direct": 50, "trap": 0, "doorbell": 0}
    assert route(machine, 1) == (1, False)
    assert result.exits[0] == {Reason.REQUEST: 1}


def test_two_askers_share_it_through_their_vmm() -> None:
    result, _, machine = run(tree(guest("a", asks=["card"]) + guest("b", hart=1, asks=["card"])))
    assert result.paths == {"direct": 0, "trap": 100, "doorbell": 0}
    assert route(machine, 1)[1]
    assert Counter(each.context for each in result.deliveries) == {1: 50, 2: 50}


def test_sharers_under_one_l1_trap_to_that_l1() -> None:
    scenario = tree(
        guest("a", parent="L1", asks=["card"]) + guest("b", parent="L1", hart=1, asks=["card"]), vmms=vmm("L1")
    )
    result, steps, machine = run(scenario)
    assert result.paths == {"direct": 0, "trap": 100, "doorbell": 0}
    assert route(machine, 1) in ((2, True), (3, True))
    claims = Counter(step.context for step in steps if step.kind is StepKind.CLAIM)
    assert claims == {1: 50, 2: 50, 3: 50}  # L1 and its guests; never L0
    assert {step.note for step in steps if step.kind is StepKind.INJECT} == {"by 1"}


def test_sharers_under_two_l1s_meet_at_l0() -> None:
    scenario = tree(
        guest("a", parent="L1a", asks=["card"]) + guest("b", parent="L1b", hart=1, asks=["card"]),
        vmms=vmm("L1a") + vmm("L1b"),
    )
    result, steps, machine = run(scenario)
    assert result.totals.handled == 100
    assert route(machine, 1) in ((1, True), (3, True))
    injections = Counter((step.note, step.context) for step in steps if step.kind is StepKind.INJECT)
    assert injections == {("by 0", 1): 50, ("by 0", 3): 50, ("by 1", 2): 50, ("by 3", 4): 50}


def test_direct_at_the_third_level() -> None:
    scenario = tree(guest("a", parent="L2", asks=["card"]), vmms=vmm("L1") + vmm("L2", parent="L1"), harts=1)
    result, _, machine = run(scenario)
    assert result.paths == {"direct": 50, "trap": 0, "doorbell": 0}
    assert route(machine, 1) == (3, False)
    assert result.exits_per_interrupt == {0: 0.0, 1: 0.0, 2: 0.0}


@pytest.mark.parametrize("trigger", ["edge-rising", "edge-falling", "level-high", "level-low", "message"])
def test_direct_again_when_one_is_left(trigger: str) -> None:
    leaving = '[[ask]]\nguest = "b"\nsource = "card"\nuntil_us = 15000\n'
    result, _, machine = run(tree(guest("a", asks=["card"]) + guest("b", hart=1), extra=leaving, trigger=trigger))
    assert route(machine, 1) == (1, False)
    late = [each for each in result.deliveries if each.time > machine.cpu_cycles(16_000_000)]
    assert late
    assert {(each.context, each.path) for each in late} == {(1, Path.DIRECT)}
    assert result.totals.faults == 0


def test_direct_again_two_levels_down_when_the_other_l1_leaves() -> None:
    result, _, machine = run(load_scenario("across-l1"))
    assert route(machine, 1) == (machine.scenario.context("A").context, False)
    end = machine.cpu_cycles(21_000_000)
    assert {each.path for each in result.deliveries if each.source == 1 and each.time > end} == {Path.DIRECT}


def test_later_asker_makes_a_direct_source_shared() -> None:
    joining = '[[ask]]\nguest = "b"\nsource = "card"\nfrom_us = 15000\n'
    result, _, _ = run(tree(guest("a", asks=["card"]) + guest("b", hart=1), extra=joining))
    paths = Counter((each.context, each.path) for each in result.deliveries)
    assert paths == {(1, Path.DIRECT): 20, (1, Path.TRAP): 30, (2, Path.TRAP): 30} or (
        paths == {(1, Path.DIRECT): 21, (1, Path.TRAP): 29, (2, Path.TRAP): 29}
    )
    assert result.totals.faults == 0


def test_a_third_asker_joins_a_shared_source_with_no_trap() -> None:
    joining = '[[ask]]\nguest = "c"\nsource = "card"\nfrom_us = 15000\n'
    guests = guest("a", asks=["card"]) + guest("b", hart=1, asks=["card"]) + guest("c", hart=2)
    result, _, _ = run(tree(guests, extra=joining, harts=3))
    assert result.totals.faults == 0
    assert result.exits[0][Reason.REQUEST] == 2, "one for each of the first two"
    handled = Counter(each.context for each in result.deliveries)
    assert handled[1] == 50
    assert handled[3] >= 28


@pytest.mark.parametrize("from_us", [14_999, *range(15_000, 15_012, 2), 15_020, 15_500])
def test_an_asker_that_joins_as_a_source_ceases_to_be_shared_is_found(from_us: int) -> None:
    leaving = '[[ask]]\nguest = "b"\nsource = "card"\nuntil_us = 14998\n'
    joining = f'[[ask]]\nguest = "c"\nsource = "card"\nfrom_us = {from_us}\n'
    guests = guest("a", asks=["card"]) + guest("b", hart=1) + guest("c", hart=2)
    result, _, machine = run(tree(guests, extra=leaving + joining, harts=3))
    assert result.totals.faults == 0
    assert Counter(each.context for each in result.deliveries)[3] >= 28
    assert route(machine, 1)[1], "it is shared by a and c in the end"


def test_nobody_left_stops_a_level_source() -> None:
    leaving = '[[ask]]\nguest = "a"\nsource = "card"\nuntil_us = 10000\n'
    for policy in ("hybrid", "trap-and-emulate", "static"):
        result, _, _ = run(tree(guest("a"), extra=leaving, trigger="level-high"), policy)
        assert result.totals.faults == 0
        assert result.totals.unwanted > 30
        assert sum(result.exits[0].values()) < 50  # and no storm of traps


def test_static_refuses_to_share() -> None:
    result, _, _ = run(tree(guest("a", asks=["card"]) + guest("b", hart=1, asks=["card"])), "static")
    assert result.refused == 1
    assert result.paths == {"direct": 50, "trap": 0, "doorbell": 0}


@pytest.mark.parametrize("trigger", ["edge-rising", "level-high"])
def test_trap_and_emulate_traps_for_everything(trigger: str) -> None:
    result, _, machine = run(tree(guest("a", asks=["card"]), harts=1, trigger=trigger), "trap-and-emulate")
    assert result.paths == {"direct": 0, "trap": 50, "doorbell": 0}
    assert result.exits[0] == {Reason.INTERRUPT: 50, Reason.ACCESS: 2 + 2 * 50}  # priority, enable; claim, complete
    assert route(machine, 1) == (0, False)


def test_trap_and_emulate_multiplies_with_the_level() -> None:
    vmms, latency = "", []
    for level, parent in enumerate(("L0", "L1", "L2"), 1):
        result, _, _ = run(tree(guest("a", parent=parent, asks=["card"]), vmms=vmms, harts=1), "trap-and-emulate")
        latency.append(min(each.latency or 0 for each in result.deliveries))
        vmms += vmm(f"L{level}", parent=parent)
    assert latency[1] > 10 * latency[0]
    assert latency[2] > 10 * latency[1]


def test_doorbell_has_an_idle_guest_scheduled_at_once_by_priority() -> None:
    scenario = tree(
        guest("busy") + guest("urgent", priority=1, load="idle", asks=["card"]),
        vmms=vmm("L0", schedule="priority"), harts=1,
    )  # fmt: skip
    result, _, machine = run(scenario)
    assert result.paths["doorbell"] == 50
    assert result.doorbells == 50
    assert max(each.latency or 0 for each in result.deliveries) < machine.cpu_cycles(10_000)


def test_doorbell_is_noted_for_the_next_slice_by_round_robin() -> None:
    scenario = tree(guest("busy") + guest("a", asks=["card"]), vmms=vmm("L0", slice_us=2000), harts=1)
    result, steps, machine = run(scenario)
    waits = [each.latency or 0 for each in result.deliveries if each.path is Path.DOORBELL]
    assert len(waits) >= 5
    assert max(waits) > machine.cpu_cycles(1_000_000)
    assert result.totals.merged > 10
    switches = Counter(step.context for step in steps if step.kind is StepKind.SWITCH)
    assert abs(switches[1] - switches[2]) <= 1


def test_a_busy_guest_of_higher_priority_starves_the_other() -> None:
    scenario = tree(
        guest("low", asks=["card"]) + guest("high", priority=1), vmms=vmm("L0", schedule="priority"), harts=1
    )
    result, steps, _ = run(scenario)
    assert result.interrupts == 0
    assert [step.context for step in steps if step.kind is StepKind.SWITCH] == [2]


def test_bad_access_is_a_violation_and_changes_nothing() -> None:
    scenario = tree(guest("bad", asks=["card"], behaviour="bad-access", parent="L1"), vmms=vmm("L1"), harts=1)
    result, _, _ = run(scenario)
    assert result.violations == 50
    assert result.exits[1][Reason.VIOLATION] == 50
    assert result.totals.faults == 0
    assert result.paths["direct"] == 50


@pytest.mark.parametrize(("policy", "parent"), [("hybrid", "L0"), ("hybrid", "L1"), ("trap-and-emulate", "L0")])
def test_a_guest_that_never_completes_does_not_block_the_others(policy: str, parent: str) -> None:
    guests = guest("good", parent=parent, asks=["card"])
    guests += guest("broken", parent=parent, hart=1, asks=["card"], behaviour="never-completes")
    result, _, _ = run(
        tree(guests, vmms=vmm("L1") if parent == "L1" else "", extra="[controller]\nstuck_limit = 13\n"), policy
    )
    assert result.stuck > 10
    assert result.totals.faults == result.totals.waiting == 0
    handled = Counter(result.context_names[each.context] for each in result.deliveries)["good"]
    assert handled + result.totals.merged >= 50


def test_no_stuck_without_a_limit() -> None:
    guests = guest("good", asks=["card"]) + guest("broken", hart=1, asks=["card"], behaviour="never-completes")
    result, _, _ = run(tree(guests))
    assert result.stuck == 0
    assert result.interrupts == 2


def test_an_idle_hart_is_left_alone() -> None:
    scenario = tree(
        guest("a", load="idle", asks=["card"]) + guest("b", load="idle"), vmms=vmm("L0", slice_us=100), harts=1
    )
    result, _, _ = run(scenario)
    assert result.interrupts == 50
    assert result.exits[0][Reason.SCHEDULE] <= 2  # one tick in each guest, the first time that it idles


def test_an_emulated_injection_does_not_follow_a_guest_that_leaves_at_that_moment() -> None:
    leaving = '[[ask]]\nguest = "b"\nsource = "card"\nuntil_us = 15000\n'  # just when the card rings
    result, _, _ = run(tree(guest("a", asks=["card"]) + guest("b", hart=1), extra=leaving), "trap-and-emulate")
    assert result.totals.faults == 0
    assert Counter(each.context for each in result.deliveries)[1] == 50
