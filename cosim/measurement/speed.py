"""The times that accesses take, idle and busy, and the rates at which interrupts are served one after the other."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from hic.rtl.parameters import Trigger

from .background import background
from .machines import bits
from .operations import Operation, operations
from .rig import Hang, Response, pause, until
from .stage import Device, EagerHart, Stage, summary

__all__ = ["acknowledge_gaps", "claims", "measure_accesses", "measure_reset", "measure_sustained"]

_IDLE_SAMPLES, _BUSY_SAMPLES = 32, 48
_ROUNDS, _ROUNDS_CYCLES = 200, 30_000
"""The number of times that an interrupt is served, and of cycles at most."""
_GAPS = 60
_DEVICE_GAP = 16


async def _nothing() -> None:
    pass


async def measure_reset(stage: Stage) -> dict[str, Any]:
    """An access that is made as the reset ends: how long it waits until the memories are clear."""
    stage.progress("reset", 0.0)
    await stage.rig.reset()

    async def program() -> int:
        return (await stage.software.read(0, "IDENTITY")).answered

    return {"cycles": await stage.rig.run(program())}


async def measure_accesses(stage: Stage) -> dict[str, Any]:
    """Each kind of access by itself, with a quiet gap before it; then beside another master, with acknowledges of all
    harts. A gap has each length in turn, so that the access meets background work in each phase."""
    rig, machines, software = stage.rig, stage.machines, stage.software
    found = operations(rig, machines, software)
    figures: dict[str, dict[str, Any]] = {}
    await stage.begin("accesses, idle")
    for place, operation in enumerate(found):
        stage.progress(f"idle: {operation.name}", 0.5 * place / len(found))
        responses = await rig.run(_samples(operation, range(_IDLE_SAMPLES), lambda number: stage.gap + number))
        figures[operation.name] = {"idle": summary([response.cycles for response in responses])}

    await stage.begin("accesses, busy", 0.5)
    own, device = EagerHart(rig, 0), Device(rig, machines.mine, stage.random, _DEVICE_GAP)
    others = (EagerHart(rig, 1),) if machines.has_second_hart else ()
    rig.watchers.append(Device(rig, machines.theirs, stage.random, _DEVICE_GAP))
    for hart in others:
        hart.start()

    async def beside(operation: Operation, samples: range) -> list[Response]:
        other = background(machines, software, stage.random, others)
        return await rig.run(_samples(operation, samples, lambda _: stage.random.randint(0, 40), finish), other)

    async def finish() -> None:
        await stage.complete_all(own)

    for place, operation in enumerate(found):
        stage.progress(f"busy: {operation.name}", 0.5 + 0.5 * place / len(found))
        if operation.served:
            responses = await beside(operation, range(_BUSY_SAMPLES))
        else:
            responses = await beside(operation, range(_BUSY_SAMPLES // 2))
            own.start()
            rig.watchers.append(device)
            responses += await beside(operation, range(_BUSY_SAMPLES // 2, _BUSY_SAMPLES))
            rig.watchers.remove(device)
            await rig.run(_quieten(stage, own))
        figures[operation.name] |= {
            "busy": summary([response.cycles for response in responses]),
            "turn": summary([response.own_cycles for response in responses]),
        }
    return figures


async def _samples(
    operation: Operation, samples: range, gap: Callable[[int], int], finish: Callable[[], Awaitable[object]] = _nothing
) -> list[Response]:
    responses = []
    for number in samples:
        responses.append(await operation.sample(number, gap(number)))
        await finish()
    return responses


async def _quieten(stage: Stage, hart: EagerHart) -> None:
    """A hart takes what is left and completes it; then it acknowledges no more."""
    while True:
        await pause(stage.gap)
        if not hart.taken:
            break
        await stage.complete_all(hart)
    hart.stop()
    await stage.drain(stage.machines.victim)


async def claims(stage: Stage) -> list[int]:
    """A program of the victim: claims and completes as fast as it can. From each claim to the next."""
    software, victim = stage.software, stage.machines.victim
    end = stage.rig.cycle + _ROUNDS_CYCLES
    begins: list[int] = []
    while len(begins) <= _ROUNDS and (stage.rig.cycle < end or len(begins) < 3):
        response = await software.read(victim, "CLAIM")
        if response.value:
            begins.append(response.raised)
            await software.write(victim, "CLAIM", source=response.value)
        elif stage.rig.cycle > end:
            raise Hang(f"cycle {stage.rig.cycle}: claims return 0, and events wait")
    return [after - before for before, after in pairwise(begins)]


async def acknowledge_gaps(stage: Stage, hart: EagerHart) -> list[int]:
    """A program of the victim: many events at once, taken as fast as they come. From each acknowledge to the next."""
    rig, mine = stage.rig, stage.machines.mine
    gaps: list[int] = []
    end = rig.cycle + _ROUNDS_CYCLES
    while len(gaps) < _GAPS and (rig.cycle < end or not gaps):
        rig.pulse(bits(mine))
        await until(lambda: len(hart.taken) == len(mine), "events are not on the line")
        gaps += [after.cycle - before.cycle for before, after in pairwise(hart.taken)]
        await stage.complete_all(hart)
    return gaps


async def measure_sustained(stage: Stage) -> dict[str, Any]:
    """Interrupts of the victim, one after the other with no pause: by claim, by acknowledge, and without completion."""
    rig, machines, software = stage.rig, stage.machines, stage.software
    found: dict[str, Any] = {}

    await stage.begin("sustained: claim and complete", trigger=Trigger.LEVEL_HIGH)
    rig.set_wires(bits(machines.mine))
    found["claim_complete"] = summary(await rig.run(claims(stage)))

    await stage.begin("sustained: acknowledge and complete", trigger=Trigger.LEVEL_HIGH)
    rig.set_wires(bits(machines.mine))

    async def acknowledges() -> list[int]:
        taken: list[int] = []
        end = rig.cycle + _ROUNDS_CYCLES
        while len(taken) <= _ROUNDS and (rig.cycle < end or len(taken) < 3):
            line = await rig.take(0, machines.mine)
            taken.append(rig.cycle)
            await software.write(machines.victim, "CLAIM", source=line.source)
        return [after - before for before, after in pairwise(taken)]

    found["acknowledge_complete"] = summary(await rig.run(acknowledges()))

    await stage.begin("sustained: acknowledge to the next event")
    hart = EagerHart(rig, 0)
    hart.start()
    found["acknowledge_to_next"] = summary(await rig.run(acknowledge_gaps(stage, hart)))

    await stage.begin("sustained: acknowledge of an injection to the next")
    found["acknowledge_injection_to_next"] = await _injection_gaps(stage)
    return found


async def _injection_gaps(stage: Stage) -> dict[str, Any]:
    rig, machines, software = stage.rig, stage.machines, stage.software
    by_waiting: dict[int, list[int]] = {}
    hart = EagerHart(rig, 0)

    async def program() -> None:
        for _ in range(max(1, _GAPS // len(machines.mine))):
            for source in machines.mine:
                await software.write(machines.vmm, "INJECT", source=source, context=machines.victim)
            await pause(stage.gap)
            hart.taken.clear()
            hart.start()
            await until(lambda: len(hart.taken) == len(machines.mine), "injections are not on the line", 200_000)
            hart.stop()
            for number, (before, after) in enumerate(pairwise(hart.taken)):
                by_waiting.setdefault(len(machines.mine) - number - 1, []).append(after.cycle - before.cycle)

    await rig.run(program())
    every = [gap for gaps in by_waiting.values() for gap in gaps]
    return {**summary(every), "by_waiting": {str(count): max(gaps) for count, gaps in by_waiting.items()}}
