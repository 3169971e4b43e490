"""The context walker: doorbells once and in time, notices on the right hart, and a new walk after a world switch."""

import pytest
from rig import Core, address_of, on_core

from hic.rtl.parameters import Cause, Trigger
from hic.rtl.registers import MAP
from hic.rtl.state.counters import Counter

V, H = 4, 2
K_IDLE, K = V + 14, 2 * V + 24
"""Bounds of a doorbell or notice, docs/architecture.md, section 9: with an idle bus, and whatever it does."""


def shown(core: Core, hart: int) -> tuple[int, int, int]:
    """Cause, target and context on a trap line; zeros if it is low."""
    line = core.trap[hart]
    return core.get(line.cause), core.get(line.target), core.get(line.context)


async def violate(core: Core, context: int) -> None:
    assert (await core.access(context << 22 | 0x300500)).error


@pytest.mark.parametrize("kind", ["event", "injection"])
@on_core()
async def test_doorbell_rings_in_time_and_once(core: Core, kind: str) -> None:
    """At every phase of the walk; again only after the context has run."""
    await core.give(3, 2, trigger=Trigger.EDGE_RISING)
    for phase in range(V + 1):
        await core.tick(3 * V + phase)
        if kind == "event":
            core.set(core.dut.irq, 1 << 2)
        else:
            await core.inject(3, 2)
        await core.until(core.trap[0].valid, within=K_IDLE)
        assert shown(core, 0) == (Cause.DOORBELL, 0, 2)
        core.set(core.dut.irq, 0)
        await core.write("EVENTS", 2, value=1)  # cleared, it does not ring again
        await core.tick(4 * V)
        assert shown(core, 0) == (0, 0, 0)
        assert (await core.read("COUNT", 2, Counter.DOORBELLS)).data == 2 * phase + 1
        for hart_runs in (2, 0):
            await core.write("RUNNING", 1, value=hart_runs)
        await core.tick(8 + K_IDLE)
        assert (await core.read("COUNT", 2, Counter.DOORBELLS)).data == 2 * phase + 2
        await core.write("RUNNING", 1, value=2)
        await core.until(core.direct[1].valid, within=8)
        assert shown(core, 0) == (0, 0, 0)
        await core.pulse(core.direct[1].acknowledge)
        await core.tick(5)
        await core.write("RUNNING", 1, value=0)
        await core.write("CLAIM", 0, page=2, value=3)


@pytest.mark.parametrize("kind", ["event", "injection"])
@on_core()
async def test_doorbell_rings_only_for_what_is_above_the_threshold(core: Core, kind: str) -> None:
    await core.give(3, 2, priority=4)
    await core.write("THRESHOLD", 0, page=2, value=4)
    if kind == "event":
        await core.write("MESSAGE", value=3)
    else:
        await core.inject(3, 2)
    await core.tick(4 * V)
    assert shown(core, 0) == (0, 0, 0)
    await core.write("THRESHOLD", 0, page=2, value=3)
    await core.until(core.trap[0].valid, within=K_IDLE)
    assert shown(core, 0) == (Cause.DOORBELL, 0, 2)


@pytest.mark.parametrize("gap", [0, 1, 2])
@pytest.mark.parametrize(("register", "page", "value"), [
    ("IDENTITY", 1, None), ("EVENT", 0, None), ("IDENTITY", 2, None), ("RUNNING", 1, 1), ("VECTOR_BASE", 3, 0),
])
@on_core()
async def test_doorbell_rings_in_time_whatever_the_bus_does(
    core: Core, register: str, page: int, value: int | None, gap: int
) -> None:
    """Accesses in a loop, ``gap`` cycles between two of them."""
    await core.give(3, 2, trigger=Trigger.EDGE_RISING)
    address = address_of(register, *([0] if register == "RUNNING" else []), page=page)
    bus, waits, rung, limit = core.dut.bus, 0, list[int](), 3 * K
    for cycle in range(limit):
        if not core.get(bus.valid):
            if waits:
                waits -= 1
            else:
                core.start(address, value)
        if cycle == K:
            core.set(core.dut.irq, 1 << 2)
        if core.get(core.blocks.walker.rings):
            rung.append(cycle)
        answered = core.get(bus.ready)
        await core.tick()
        if answered:
            core.set(bus.valid, 0)
            waits = gap
    assert len(rung) == 1
    assert rung[0] <= 2 * K


NOTICES = (
    # Running on harts 0 and 1; who is at fault; hart and target of the notice. 1 is the parent of 2 and 3.
    ((0, 0), 1, 0, 0), ((0, 0), 2, 1, 0),  # the host is the target: the home of the context
    ((1, 0), 2, 0, 1),  # its parent runs, not on its home, hart 1
    ((0, 1), 2, 1, 1), ((0, 1), 3, 1, 1), ((2, 3), 2, 1, 1), ((3, 2), 3, 0, 1),  # or a sibling
)


@on_core()
async def test_notice_is_on_the_hart_of_its_target(core: Core) -> None:
    for context, last, home in ((1, 3, 0), (2, 2, 1), (3, 3, 0)):
        await core.write("TREE", context, value=MAP["TREE"].pack(last=last, home=home))
    for running, context, hart, target in NOTICES:
        for h, runs in enumerate(running):
            assert not (await core.write("RUNNING", h, value=runs)).error
        await core.tick(8 + V + H)
        await violate(core, context)
        await core.until(core.trap[hart].valid, within=K_IDLE)
        assert shown(core, hart) == (Cause.VIOLATION, target, context)
        await core.tick(2 * V + 8)
        assert shown(core, 1 - hart) == (0, 0, 0)
        await core.write("EVENTS", context, value=15)
        for h in range(H):
            await core.write("RUNNING", h, value=0)


@on_core()
async def test_lowest_context_comes_first_and_the_next_when_it_is_dismissed(core: Core) -> None:
    for context in (3, 1, 2):
        await violate(core, context)
        await core.tick(K_IDLE)
    for context in (1, 2, 3):
        assert shown(core, 0) == (Cause.VIOLATION, 0, context)
        word = (await core.read("TRAP", 0)).data
        await core.write("TRAP", 1, value=word)  # at any hart
        assert shown(core, 0) == (0, 0, 0)
        await core.tick(K_IDLE)
        assert (await core.read("EVENTS", context)).data == 4
    assert shown(core, 0) == (0, 0, 0)
    await violate(core, 2)  # the flag is set: it counts, and does not show again
    await core.tick(K_IDLE)
    assert shown(core, 0) == (0, 0, 0)


async def deliver_to_ancestor(core: Core) -> None:
    """Context 1 has a child, 2, and an event: on the trap line of a hart on which 2 runs, else a doorbell."""
    for context, last in ((1, 2), (2, 2)):
        await core.write("TREE", context, value=MAP["TREE"].pack(last=last, home=0))
    await core.give(3, 1, trigger=Trigger.LEVEL_HIGH)
    core.set(core.dut.irq, 1 << 2)


async def until_interrupt(core: Core, hart: int) -> int:
    """Cycles from the answer of an access, which was in the cycle before, to the event on a trap line."""
    cycles = 1 + await core.until(core.trap[hart].cause, value=Cause.INTERRUPT, within=40)
    assert shown(core, hart) == (Cause.INTERRUPT, 1, 1)
    return cycles


@on_core()
async def test_trap_line_follows_a_world_switch_in_time(core: Core) -> None:
    await deliver_to_ancestor(core)
    for phase in range(V + 1):
        for hart in range(H):
            await core.tick(3 * V + phase)
            await core.write("RUNNING", hart, value=2)
            assert await until_interrupt(core, hart) <= 8 + V + H
            await core.tick(8 + V + H)
            assert core.get(core.trap[1 - hart].cause) != Cause.INTERRUPT
            await core.write("RUNNING", hart, value=0)
            await core.tick(8 + V + H)
            assert core.get(core.trap[hart].cause) != Cause.INTERRUPT


@pytest.mark.parametrize("gap", [0, V + 4])
@on_core()
async def test_second_switch_follows_in_time(core: Core, gap: int) -> None:
    """The context moves to another hart: two switches, with ``gap`` cycles between."""
    await deliver_to_ancestor(core)
    for phase in range(V + 1):
        await core.write("RUNNING", 1, value=2)
        await until_interrupt(core, 1)
        await core.tick(3 * V + phase)
        await core.write("RUNNING", 1, value=3)
        await core.tick(gap)
        await core.write("RUNNING", 0, value=2)
        assert await until_interrupt(core, 0) <= 8 + V + H
        await core.write("RUNNING", 0, value=0)
