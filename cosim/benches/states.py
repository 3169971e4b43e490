"""Every operation in every state of a source and of its target, at every level, under the scoreboard: the functional
coverage model, bin by bin.

Random stimulus hardly meets deep contexts with something in service. The context tree is a chain, from the host down,
and one context beside it. One source is moved from one target to the next; it is shared, so that it can be stuck.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cocotb

from hic.cosim.coverage import OPERATIONS, Bin, Coverage, Level, SourceState, TargetState
from hic.cosim.testbench import Testbench, parameters_from_environment
from hic.rtl.parameters import TICK_CYCLES_LOG2, Trigger
from hic.sw_model.driver import Driver
from hic.sw_model.port import BusError

_SOURCE, _OTHER = 1, 2
"""The source that the states are about, and another one that a doorbell rings for."""

_DEEPEST, _BESIDE = Level.L3.value + 1, Level.L3.value + 2
"""The end of the chain: a guest of the deepest target; and the context that is not in it."""

_LIMITS = 100
"""Of service that is too long: for as many times that, at most, until something happens by itself."""


class States(Testbench):
    """A testbench, and a way into each state and each operation."""

    __test__ = False

    def __init__(self, dut: Any) -> None:
        super().__init__(dut, parameters_from_environment())
        self.driver = Driver(self.port)
        self.target = self.runs = 0
        # In the order in which they are done: injections are claimed, and what changes the source's state comes last.
        self._operations: dict[str, Callable[[], Awaitable[object]]] = {
            "inject": lambda: self._inject(_SOURCE, self.runs),
            "claim injection": self._claim_injection,
            "acknowledge injection": self._acknowledge_injection,
            "doorbell": self._doorbell,
            "stuck": lambda: self.port.advance(1),  # it is, after some time
            "route": lambda: self._route(self.target),
            "allow": lambda: self.driver.write_set(0, "ALLOW", 1, sources={_SOURCE, _OTHER}),
            "enable": lambda: self.driver.write_set(self.target, "ENABLE", 0, sources={_SOURCE, _OTHER}),
            "priority": lambda: self.driver.write(self.target, "PRIORITY", _SOURCE, priority=1),
            "threshold": lambda: self.driver.write(self.target, "THRESHOLD", 0, threshold=0),
            "running": lambda: self._run(self.target),
            "tree": lambda: self.driver.write(
                0, "TREE", self.target, last=_DEEPEST if self.target else self.parameters.context_count - 1
            ),
            "trigger": lambda: self.driver.write(0, "TRIGGER", _SOURCE, mode=Trigger.EDGE_RISING),
            "refuse": self._refuse,
            "message": lambda: self.driver.write(0, "MESSAGE", source=_SOURCE),
            "accept": lambda: self.pulse(_SOURCE),
            "claim": lambda: self.driver.read(self.target, "CLAIM", 0),
            "acknowledge": lambda: self.port.acknowledge(0),
            "complete": self._complete,
            "force": lambda: self.driver.write(0, "FORCE_COMPLETE", source=_SOURCE),
        }
        assert self._operations.keys() == set(OPERATIONS)

    def order(self, point: Bin) -> tuple[int, ...]:
        """One level, state of the target, state of the source after the other; what changes the latter comes last."""
        source, target, operation, level = point
        states = list(TargetState).index(target), list(SourceState).index(source)
        return (level.value, *states, list(self._operations).index(operation))

    async def prepare(self) -> None:
        """The chain; both sources allowed and enabled everywhere; a limit of service."""
        await self.reset()
        for vmm in range(1, _DEEPEST):
            await self.driver.write(0, "TREE", vmm, last=_DEEPEST)
        for context in range(_BESIDE + 1):
            if context:
                await self.driver.write_set(0, "ALLOW", context, sources={_SOURCE, _OTHER})
            for source in (_SOURCE, _OTHER):
                await self.driver.write(context, "PRIORITY", source, priority=1)
            await self.driver.write_set(context, "ENABLE", 0, sources={_SOURCE, _OTHER})
        await self.driver.write(0, "TRIGGER", _SOURCE, mode=Trigger.EDGE_RISING)
        await self.driver.write(0, "STUCK_LIMIT", exponent=TICK_CYCLES_LOG2)

    async def hit(self, point: Bin) -> None:
        """Brings about the states of a bin, and then what it is about."""
        state, target, operation, level = point
        self.target = level.value
        self.runs = {
            TargetState.HOST: 1, TargetState.RUNS: self.target, TargetState.ABOVE: self.target + 1,
            TargetState.WAITS: _BESIDE,
        }[target]
        if self.scoreboard.golden.running[0] != self.runs:
            await self._run(self.runs)
        if (self._state, self.scoreboard.golden.target[_SOURCE]) != (state, self.target):
            await self._bring(state)
        before = self.coverage.hits[point]
        await self._operations[operation]()
        for _ in range(_LIMITS * (1 << TICK_CYCLES_LOG2) // self.limits.quiet):
            if self.coverage.hits[point] > before:
                return
            await self.port.advance(self.limits.quiet)
        raise AssertionError(f"{operation!r} did not happen to a source that is {state} and its target {target, level}")

    @property
    def _state(self) -> SourceState:
        golden = self.scoreboard.golden
        is_pending, is_served = (bool(each >> _SOURCE & 1) for each in (golden.pending, golden.in_service))
        return list(SourceState)[is_pending + 2 * is_served]

    async def _bring(self, state: SourceState) -> None:
        """By way of the host, which holds it in every state in which it is in service."""
        await self.driver.write(0, "FORCE_COMPLETE", source=_SOURCE)
        await self._route(0)
        if self._state is SourceState.PENDING:
            await self._take()
            await self.driver.write(0, "CLAIM", 0, source=_SOURCE)
        if state in (SourceState.SERVED, SourceState.BOTH):
            await self.driver.write(0, "MESSAGE", source=_SOURCE)
            await self._take()
        if state in (SourceState.PENDING, SourceState.BOTH):
            await self.driver.write(0, "MESSAGE", source=_SOURCE)
        await self._route(self.target)
        await self.port.advance(self.limits.quiet)
        assert self._state is state

    async def _take(self) -> None:
        await self.port.advance(self.limits.quiet)
        assert await self.driver.read(0, "CLAIM", 0) == _SOURCE

    async def _route(self, target: int) -> None:
        await self.driver.write(0, "ROUTE", _SOURCE, owner=target + 1, shared=1)

    async def _run(self, context: int) -> None:
        await self.driver.write(0, "RUNNING", 0, context=context)
        await self.port.advance(self.limits.quiet)

    async def _inject(self, source: int, context: int) -> None:
        await self.driver.write(0, "INJECT", source=source, context=context)
        await self.port.advance(self.limits.quiet)

    async def _claim_injection(self) -> None:
        await self._inject(_SOURCE, self.runs)
        assert await self.driver.read(self.runs, "CLAIM", 0) == _SOURCE

    async def _acknowledge_injection(self) -> None:
        await self._inject(_SOURCE, self.runs)
        assert (await self.port.acknowledge(0)).source == _SOURCE

    async def _complete(self) -> None:
        holder = next(each for each, held in enumerate(self.scoreboard.golden.held) if held >> _SOURCE & 1)
        await self.driver.write(holder, "CLAIM", 0, source=_SOURCE)

    async def _doorbell(self) -> None:
        """A further one can ring when the context has run."""
        await self._inject(_OTHER, self.target)
        await self._run(self.target)
        await self._run(self.runs)

    async def _refuse(self) -> None:
        with suppress(BusError):
            await self.driver.write(0, "ROUTE", _SOURCE, owner=0, shared=1)


@cocotb.test
async def test_states(dut: Any) -> None:
    states = States(dut)
    await states.prepare()
    for point in sorted(Coverage.bins(), key=states.order):
        await states.hit(point)
    await states.finish()
    assert not states.coverage.missing()
    assert not states.coverage.surprises()
    states.coverage.save(Path("coverage.json"))
