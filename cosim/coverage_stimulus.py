"""Stimulus for points that functional coverage is still missing."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

from hic.rtl.parameters import Trigger
from hic.rtl.registers import MAP
from hic.sw_model.port import BusError, window_address
from hic.sw_model.reference import ReferenceController

from .coverage import depth_of
from .testbench import Testbench

__all__ = ["CoverageStimulus"]


class CoverageStimulus:
    """Finds a source to which something has not yet happened in the state that it is in, and lets it happen.

    Parameters
    ----------
    bench : Testbench
        The test bench to drive.
    random : Random
        Decides among what is missing.
    """

    def __init__(self, bench: Testbench, random: Random) -> None:
        self._bench = bench
        self._random = random
        self._operations: dict[str, Callable[[int], Awaitable[None]]] = {
            "complete": self._complete,
            "force": lambda source: self._write(self._governor(source), "FORCE_COMPLETE", value=source),
            "message": lambda source: self._write(self._governor(source), "MESSAGE", value=source),
            "route": self._route,
            "allow": self._allow,
            "enable": lambda source: self._enable(self._target(source), source),
            "priority": lambda source: self._write(self._target(source), "PRIORITY", source, value=1),
            "threshold": self._threshold,
            "running": self._run,
            "tree": self._tree,
            "trigger": self._trigger,
            "refuse": lambda source: self._write(self._target(source), "ROUTE", source, value=0xFF),
        }
        self._long_operations: dict[str, Callable[[int], Awaitable[None]]] = {
            "claim injection": self._claim_injection,
            "acknowledge injection": self._show_injection,
            "inject": self._inject,
            "doorbell": self._doorbell,
            "stuck": self._stick,
        }

    @property
    def _golden(self) -> ReferenceController:
        return self._bench.scoreboard.golden

    async def __call__(self) -> None:
        """Does one thing that is missing, if there is one among a few sources: first what takes one access.

        Where little is missing, a source moves to a context where more is, in the state in which it is. Now and then
        contexts become something else: they run, or move in the tree.
        """
        if self._random.random() < 0.1:
            await self._reshape()
            return
        sources = range(1, self._bench.parameters.source_count + 1)
        source = max(self._random.sample(sources, min(4, len(sources))), key=lambda each: len(self._missing(each)))
        missing = self._missing(source)
        short = [name for name in missing if name in self._operations]
        long = [name for name in missing if name in self._long_operations]
        contexts = range(self._bench.parameters.context_count)
        most = max(contexts, key=lambda context: len(self._missing(source, context)))
        if len(self._missing(source, most)) > len(missing) + 2:
            await self._move(source, most)
        elif short and not (long and self._random.random() < 0.25):
            await self._operations[self._random.choice(short)](source)
        elif long:
            await self._long_operations[self._random.choice(long)](source)

    def _missing(self, source: int, target: int | None = None) -> list[str]:
        return self._bench.coverage.missing_for(self._golden, source, target)

    async def _reshape(self) -> None:
        """Lets a context run, the deeper the more likely, or have all that it can below it, or nothing."""
        golden = self._golden
        contexts = [self._random.randrange(self._bench.parameters.context_count) for _ in range(2)]
        context, limit = contexts[0], golden.last[golden.parent[contexts[0]]]
        if context and limit > context and self._random.random() < 0.5:
            last = limit if golden.last[context] < limit else context
            for moved in range(min(last, golden.last[context]) + 1, max(last, golden.last[context]) + 1):
                for word in range(self._bench.parameters.word_count if golden.allow[moved] else 0):
                    await self._write(golden.parent[moved], "ALLOW", moved, word, value=0)
            await self._write(golden.parent[context], "TREE", context, value=self._tree_value(context, last))
        else:
            deepest = max(contexts, key=lambda each: depth_of(golden, each))
            await self._write(0, "RUNNING", self._random.randrange(len(golden.running)), value=deepest)

    async def _move(self, source: int, target: int) -> None:
        """Makes a context the target of a source: its owner, or the manager of one of its children."""
        child = target + 1 if self._golden.last[target] > target and self._random.random() < 0.3 else 0
        home = self._golden.home_of(source) << 16
        if not self._golden.allow[target] >> source & 1:
            await self._allow_to(target, source)
        await self._write(0, "ROUTE", source, value=(child or target) | home | (child > 0) << 31)

    async def _write(self, page: int, name: str, *indices: int, value: int) -> None:
        with suppress(BusError):
            await self._bench.port.write(window_address(page, MAP[name].at(*indices)), value)

    async def _threshold(self, source: int) -> None:
        context = self._target(source)
        unit = 0 if context else self._golden.home_of(source)
        await self._write(context, "THRESHOLD", self._golden.plic_context(context, unit), value=0)

    async def _trigger(self, source: int) -> None:
        await self._write(self._governor(source), "TRIGGER", source, value=self._random.choice(list(Trigger)))

    def _tree_value(self, context: int, last: int) -> int:
        golden = self._golden
        return last | golden.by_mode[context] << 8 | golden.tree_home[context] << 16

    def _target(self, source: int) -> int:
        return self._golden.target[source]

    def _governor(self, source: int) -> int:
        """The lowest context that has authority over a source."""
        page = self._target(source)
        while not self._golden.allow[page] >> source & 1:
            page = self._golden.parent[page]
        return page

    def _allowed(self, source: int) -> list[int]:
        contexts = range(1, self._bench.parameters.context_count)
        return [context for context in contexts if self._golden.allow[context] >> source & 1]

    async def _enable(self, context: int, source: int) -> None:
        golden, word = self._golden, source // 32
        unit = 0 if context else golden.home_of(source)
        value = golden.enable_row(context, unit) >> 32 * word & 0xFFFFFFFF | 1 << source % 32
        await self._write(context, "ENABLE", golden.plic_context(context, unit), word, value=value)

    async def _inject_into(self, context: int, source: int) -> None:
        if not self._golden.enable[context] >> source & 1:
            await self._enable(context, source)
        await self._write(self._golden.parent[context], "INJECT", value=source | context << 16)

    async def _show_into(self, context: int, source: int) -> None:
        """Injects what has a priority above the threshold."""
        golden = self._golden
        if golden.threshold[context]:
            await self._write(context, "THRESHOLD", golden.plic_context(context), value=0)
        if not golden.priority[context][source]:
            await self._write(context, "PRIORITY", source, value=self._bench.parameters.priority_max)
        await self._inject_into(context, source)

    async def _inject(self, source: int) -> None:
        for context in self._random.sample(found := self._allowed(source), min(1, len(found))):
            await self._show_into(context, source)

    async def _show_injection(self, source: int) -> None:
        running = [context for context in self._allowed(source) if context in self._golden.running]
        for context in self._random.sample(running, min(1, len(running))):
            await self._show_into(context, source)

    async def _claim_injection(self, source: int) -> None:
        running = [context for context in self._allowed(source) if context in self._golden.running]
        for context in self._random.sample(running, min(1, len(running))):
            plic_context, highest = self._golden.plic_context(context), self._bench.parameters.priority_max
            await self._write(context, "THRESHOLD", plic_context, value=highest)  # no hart takes it
            if not self._golden.priority[context][source]:
                await self._write(context, "PRIORITY", source, value=self._bench.parameters.priority_max)
            await self._inject_into(context, source)
            await self._bench.port.read(window_address(context, MAP["CLAIM"].at(plic_context)))
            await self._write(context, "THRESHOLD", plic_context, value=0)

    async def _doorbell(self, source: int) -> None:
        context = self._target(source)
        for other in range(1, self._bench.parameters.source_count + 1):
            if context and self._golden.allow[context] >> other & 1:
                await self._show_into(context, other)
                return

    async def _complete(self, source: int) -> None:
        holders = [context for context, held in enumerate(self._golden.held) if held >> source & 1]
        for context in self._random.sample(holders, min(1, len(holders))):
            await self._write(context, "CLAIM", self._golden.plic_context(context), value=source)

    async def _stick(self, source: int) -> None:
        """Shares it, if it is not, in a way that leaves its target as it is."""
        context = self._target(source)
        if not self._golden.shared >> source & 1 and self._golden.last[context] > context:
            value = context + 1 | self._golden.home_of(source) << 16 | 1 << 31
            await self._write(self._governor(source), "ROUTE", source, value=value)
        await self._write(0, "STUCK_LIMIT", value=3)
        # Two walks of the service timer, each of 2^10 cycles at least: seldom, since nothing else goes on.
        await self._bench.port.advance(2_100 if self._random.random() < 0.15 else 40)

    async def _route(self, source: int) -> None:
        golden = self._golden
        value = golden.owner[source] | golden.home_of(source) << 16 | (golden.shared >> source & 1) << 31
        await self._write(self._governor(source), "ROUTE", source, value=value)

    async def _allow(self, source: int) -> None:
        golden = self._golden
        contexts = range(1, self._bench.parameters.context_count)
        takers = [context for context in contexts if golden.allow[golden.parent[context]] >> source & 1]
        for context in self._random.sample(takers, min(1, len(takers))):
            await self._allow_to(context, source)

    async def _allow_to(self, context: int, source: int) -> None:
        """All that its parent has of the word of a source."""
        giver, word = self._golden.parent[context], source // 32
        value = self._golden.allow[giver] >> 32 * word & 0xFFFFFFFF
        await self._write(giver, "ALLOW", context, word, value=value)

    async def _run(self, source: int) -> None:
        context, running = self._target(source), self._golden.running
        hart = running.index(context) if context in running else self._random.randrange(len(running))
        await self._write(0, "RUNNING", hart, value=context)

    async def _tree(self, source: int) -> None:
        context = self._target(source)
        value = self._tree_value(context, self._golden.last[context])
        await self._write(self._golden.parent[context], "TREE", context, value=value)
