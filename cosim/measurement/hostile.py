"""Machines that do their worst beside the victim, and what it sees of them: nothing, if time is isolated."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from hic.rtl.parameters import Cause, Trigger

from .lines import worst
from .machines import bits, words
from .notices import doorbells, notices
from .rig import Program, pause
from .speed import acknowledge_gaps, claims
from .stage import EagerHart, SourceWatch, Stage

__all__ = ["Hostile", "hostile_machines", "measure_hostile"]

_SWITCHES, _SWITCHES_CYCLES = 120, 20_000
_PINS = 64
_NOTICES = 48

Step = Callable[[], Awaitable[object]]


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Hostile:
    """A hostile machine.

    Parameters
    ----------
    name : str
        As it is reported.
    step : callable or None
        A few accesses, made again and again; None for a machine that makes none.
    prepare : callable
        Done once, before anything is measured.
    acknowledges : bool
        Its hart acknowledges all that comes, in each cycle.
    storms : bool
        The wires of its sources are high, and its sources level-triggered.
    """

    name: str
    step: Step | None = None
    prepare: Step = _nothing
    acknowledges: bool = False
    storms: bool = False


def hostile_machines(stage: Stage, hart: EagerHart | None) -> list[Hostile]:
    """The library. All of them know only the windows of the hostile VMM's subtree, and the host as it answers them.

    ``hart`` is the one that runs ``Machines.runner``, if there is one.
    """
    m, software, random = stage.machines, stage.software, stage.random
    read, write = software.read, software.write
    host, hostile, runner = m.host, m.hostile, m.runner
    word_count = m.parameters.word_count
    everything = words(range(1, m.parameters.source_count + 1))
    child = m.idle[0] if m.idle else m.last
    turn = [0]

    async def toggle() -> None:
        """All enable bits of a word, on or off."""
        turn[0] += 1
        await write(runner, "ENABLE", turn[0] // 2 % word_count, value=(0, 0xFFFFFFFF)[turn[0] % 2])

    async def refused() -> None:
        """The host deals with it now and then, so that the next one is a new notice."""
        turn[0] += 1
        await read(runner, "TRAP", 0, error=True)
        await write(runner, "ROUTE", m.own, owner=runner, error=True)
        if turn[0] % 4 == 0:
            await write(host, "EVENTS", runner, value=0xF)

    async def leave_injections() -> None:
        """In children that do not run, masked by their threshold, with every source."""
        for context in m.idle:
            await write(context, "THRESHOLD", threshold=m.parameters.priority_max)
            for source in range(1, m.parameters.source_count + 1):
                await write(context, "PRIORITY", source, priority=1)
            for word, value in everything.items():
                await write(context, "ENABLE", word, value=value)
            for source in range(1, m.parameters.source_count + 1):
                await write(hostile, "INJECT", source=source, context=context)

    async def rearrange() -> None:
        """The VMM moves a child, and takes and gives it sources."""
        turn[0] += 1
        await m.rearrange(software, hostile, turn[0])
        await write(hostile, "ALLOW", child, turn[0] // 2 % word_count, value=(0, 0xFFFFFFFF)[turn[0] % 2])

    async def complete() -> None:
        """Completes what its hart has taken, so that the same source comes again."""
        if hart is not None and hart.taken:
            line = hart.taken.popleft().line
            await write(line.context, "CLAIM", source=line.source, error=None)
        else:
            await pause(1)

    async def inject() -> None:
        """Into what runs; its hart acknowledges."""
        page = hostile if runner != hostile else host
        await write(page, "INJECT", source=random.choice(m.theirs), context=runner)

    found = [
        Hostile("toggled enable bits", toggle),
        Hostile("refused accesses", refused),
    ]
    if m.idle:
        found.append(Hostile("masked injections left lying", None, leave_injections))
    found.append(Hostile("TREE and ALLOW in a loop", rearrange))
    if hart is not None:
        found += [
            Hostile("acknowledge storm", complete, acknowledges=True, storms=True),
            Hostile("injections with acknowledges", inject, acknowledges=True),
        ]

    steps = [each.step for each in found if each.step is not None]

    async def everything_at_once() -> None:
        for step in steps:
            await step()

    found.append(Hostile(
        "all together", everything_at_once, leave_injections if m.idle else _nothing,
        acknowledges=hart is not None, storms=hart is not None,
    ))
    return found


async def measure_hostile(stage: Stage) -> dict[str, Any]:
    """Each figure of the victim beside each hostile machine, which has a bus master and hart 1 for itself."""
    hart = EagerHart(stage.rig, 1) if stage.machines.has_second_hart else None
    figures: dict[str, Callable[[Stage], Program[list[int]]]] = {
        "claim_complete": claims,
        "running": _switches,
        "acknowledge_to_next": _acknowledges,
        "pin_to_line": _pins,
        "doorbell": _doorbells,
        "notice": _violations,
    }
    found: dict[str, dict[str, int]] = {name: {} for name in figures}
    machines = [machine.name for machine in hostile_machines(stage, hart)]
    for place, (machine, (name, figure)) in enumerate(product(machines, figures.items())):
        is_level = name == "claim_complete"
        await stage.begin(
            f"{machine}: {name}", place / len(machines) / len(figures),
            trigger=Trigger.LEVEL_HIGH if is_level else Trigger.EDGE_RISING,
        )
        # Anew each time: with this measurement's random numbers.
        hostile = next(each for each in hostile_machines(stage, hart) if each.name == machine)
        found[name][machine] = max(await _beside(stage, hostile, hart, figure, is_level))
    return {name: {**worst(by), "by_machine": by} for name, by in found.items()}


async def _beside(
    stage: Stage, machine: Hostile, hart: EagerHart | None, figure: Callable[[Stage], Program[list[int]]],
    is_level: bool,
) -> list[int]:
    rig, machines, software = stage.rig, stage.machines, stage.software
    if hart is not None:
        hart.taken.clear()

    async def prepare() -> None:
        if machine.storms:
            for source in machines.theirs:
                await software.write(machines.host, "TRIGGER", source, mode=Trigger.LEVEL_HIGH)
        await machine.prepare()

    async def step(step: Step) -> None:
        while True:
            await step()

    await rig.run(prepare())
    rig.set_wires((bits(machines.theirs) if machine.storms else 0) | (bits(machines.mine) if is_level else 0))
    if machine.acknowledges and hart is not None:
        hart.start()
    return await rig.run(figure(stage), *([step(machine.step)] if machine.step is not None else []))


async def _switches(stage: Stage) -> list[int]:
    """RUNNING of hart 0, again and again."""
    m, cycles = stage.machines, list[int]()
    end = stage.rig.cycle + _SWITCHES_CYCLES
    while len(cycles) < _SWITCHES and (stage.rig.cycle < end or len(cycles) < 3):
        context = (m.other, m.victim, m.host)[len(cycles) % 3]
        cycles.append((await stage.software.write(m.host, "RUNNING", 0, context=context)).cycles)
        await pause(stage.random.randint(0, 8))
    return cycles


async def _acknowledges(stage: Stage) -> list[int]:
    """Hart 0 takes many events of the victim, one after the other."""
    hart = EagerHart(stage.rig, 0)
    hart.start()
    return await acknowledge_gaps(stage, hart)


async def _pins(stage: Stage) -> list[int]:
    """A wire of the victim rises, at any time."""
    rig, m, cycles = stage.rig, stage.machines, []
    for _ in range(_PINS):
        watch = SourceWatch(rig, "direct0", m.spare)
        begin = rig.pulse(bits([m.spare]))
        cycles.append(await watch.cycle() - begin)
        await stage.drain(m.victim)
        await pause(stage.random.randint(stage.gap, 2 * stage.gap))
    return cycles


async def _doorbells(stage: Stage) -> list[int]:
    return await doorbells(stage, _NOTICES)


async def _violations(stage: Stage) -> list[int]:
    return await notices(stage, Cause.VIOLATION, _NOTICES)
