"""The plain PLIC, measured as the controller is: what its accesses and interrupts cost beside another master."""

from itertools import pairwise
from random import Random
from typing import Any

from hic.rtl.parameters import Parameters

from .circuit import Circuit
from .machines import bits, words
from .operations import Operation
from .pins import around_plic
from .rig import Access, Response, Rig, pause, until
from .stage import Device, summary

__all__ = ["PlicStage", "measure_plic"]

_IDLE_SAMPLES, _BUSY_SAMPLES, _ROUNDS = 32, 96, 200
_GAP = 16
_DEVICE_GAP = 16
_ENABLE, _THRESHOLD, _CLAIM = 0x002000, 0x200000, 0x200004
_ENABLE_STRIDE, _CONTEXT_STRIDE = 0x80, 0x1000
_SPARE = 4


class PlicStage:
    """A PLIC in simulation. Context 0 is measured; context 1 is another hart's, and has a bus master of its own.

    Parameters
    ----------
    circuit : Circuit
        The PLIC, with the pins of `around_plic`.
    parameters : Parameters
        Their sources, contexts and priority bits are the PLIC's.
    seed : int
        Decides all that is random.
    """

    def __init__(self, circuit: Circuit, parameters: Parameters, seed: int) -> None:
        self.rig = Rig(circuit, around_plic(parameters), answer_limit=1000)
        self.random = Random(seed)
        self.mine = list(range(6, parameters.source_count + 1, 2))
        self.theirs = list(range(5, parameters.source_count + 1, 2))
        self.enabled = ([_SPARE, *self.mine], self.theirs)
        """The sources of each context."""
        self._line = self.rig.fields["lines"]

    def is_high(self) -> bool:
        """True if the line of context 0 is high."""
        return bool(self._line.get(self.rig.seen) & 1)

    async def begin(self) -> None:
        """From reset to sources of priority 1, each enabled in its context."""
        await self.rig.reset()
        await self.rig.run(self._set_up())

    async def _set_up(self) -> None:
        for context, sources in enumerate(self.enabled):
            for source in sources:
                await Access(4 * source, 1)
            for word, value in words(sources).items():
                await enable(context, word, value)


def enable(context: int, word: int, value: int | None = None) -> Access:
    """A word of enable bits."""
    return Access(_ENABLE + _ENABLE_STRIDE * context + 4 * word, value)


def threshold(context: int, value: int | None = None) -> Access:
    """The threshold of a context."""
    return Access(_THRESHOLD + _CONTEXT_STRIDE * context, value)


def claim(context: int, value: int | None = None) -> Access:
    """A claim, or the completion of a source."""
    return Access(_CLAIM + _CONTEXT_STRIDE * context, value)


def _operations(stage: PlicStage) -> list[Operation]:
    """Those of the controller's accesses that a PLIC has, under their names."""
    rig, another = stage.rig, stage.mine[0]
    mask = words(stage.enabled[0])[0]

    async def shown(_: int) -> None:
        rig.raise_wires(bits([_SPARE]))
        await until(stage.is_high, "a source is not on the line")

    async def claimed(number: int) -> None:
        await shown(number)
        await claim(0)
        rig.lower_wires(bits([_SPARE]))
        await pause(_GAP)

    async def complete(_: int) -> None:
        rig.lower_wires(bits([_SPARE]))
        await pause(_GAP)
        await claim(0, _SPARE)

    async def serve(number: int) -> None:
        await claim(0)
        await complete(number)

    return [
        Operation("read PRIORITY", lambda _: Access(4 * _SPARE), returns=1),
        Operation("read ENABLE word", lambda _: enable(0, 0), returns=mask),
        Operation("read THRESHOLD", lambda _: threshold(0), returns=0),
        Operation("claim", lambda _: claim(0), shown, complete, returns=_SPARE),
        Operation("claim of nothing", lambda _: claim(0), returns=0),
        Operation("complete", lambda _: claim(0, _SPARE), claimed),
        Operation("complete of nothing", lambda n: claim(0, (_SPARE, 0, 0x3FF)[n % 3])),
        Operation("write PRIORITY", lambda n: Access(4 * another, n % 2), after=lambda _: Access(4 * another, 1)),
        Operation("write THRESHOLD", lambda n: threshold(0, n % 2), after=lambda _: threshold(0, 0)),
        Operation("write ENABLE word", lambda n: enable(0, 0, (0, 0xFFFFFFFF)[n % 2]),
                  after=lambda _: enable(0, 0, mask)),
        Operation("read PENDING", lambda _: Access(0x1000), shown, serve),
    ]


async def _another_master(stage: PlicStage) -> None:
    """Endless: another hart serves its interrupts and changes its registers."""
    random, theirs = stage.random, stage.theirs
    mask = words(theirs)[0]
    while True:
        match random.randrange(5):
            case 0:
                await Access(4 * random.choice(theirs), random.choice((None, 1)))
            case 1:
                await enable(1, 0, random.choice((0, mask)))
                await enable(1, 0, mask)
            case 2:
                await threshold(1, random.choice((None, 0, 1)))
            case _:
                source = (await claim(1)).value
                if source:
                    await claim(1, source)


async def _claims(stage: PlicStage) -> list[int]:
    begins = []
    for _ in range(_ROUNDS):
        response = await claim(0)
        if response.value:
            begins.append(response.raised)
            await claim(0, response.value)
    return [after - before for before, after in pairwise(begins)]


async def measure_plic(stage: PlicStage) -> dict[str, Any]:
    """Accesses idle and busy, interrupts one after the other, the same beside another master, and pin to line."""
    rig = stage.rig
    await stage.begin()
    access: dict[str, dict[str, Any]] = {}

    async def sample(operation: Operation, count: int, gap: int) -> list[Response]:
        return [
            await operation.sample(number, gap + number if gap else stage.random.randint(0, 40))
            for number in range(count)
        ]

    found = _operations(stage)
    for operation in found:
        responses = await rig.run(sample(operation, _IDLE_SAMPLES, _GAP))
        access[operation.name] = {"idle": summary([each.cycles for each in responses])}
    rig.watchers.append(Device(rig, stage.theirs, stage.random, _DEVICE_GAP))
    for operation in found:
        responses = await rig.run(sample(operation, _BUSY_SAMPLES, 0), _another_master(stage))
        access[operation.name]["busy"] = summary([each.cycles for each in responses])
        access[operation.name]["turn"] = summary([each.own_cycles for each in responses])

    await stage.begin()
    rig.set_wires(bits(stage.mine))
    sustained = {"claim_complete": summary(await rig.run(_claims(stage)))}
    await stage.begin()
    rig.set_wires(bits([*stage.mine, *stage.theirs]))
    hostile = summary(await rig.run(_claims(stage), _another_master(stage)))

    await stage.begin()

    async def pins() -> list[int]:
        cycles = []
        for _ in range(_IDLE_SAMPLES):
            begin = rig.raise_wires(bits([_SPARE]))
            await until(stage.is_high, "a source is not on the line")
            cycles.append(rig.cycle - begin)
            rig.set_wires(0)
            await pause(_GAP)
            await claim(0)
            await claim(0, _SPARE)
            await pause(_GAP)
        return cycles

    return {
        "access": access, "sustained": sustained,
        "hostile": {"claim_complete": {"max": hostile["max"], "by": "another master"}},
        "pin_to_line": {"idle": summary(await rig.run(pins()))},
    }
