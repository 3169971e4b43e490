"""Random stimulus for lockstep: everything that hostile and friendly software, devices and harts can do, at once."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import Enum
from random import Random

import cocotb
from cocotb.task import Task

from hic.rtl.parameters import TICK_CYCLES_LOG2, Parameters, Trigger
from hic.rtl.registers import MAP
from hic.sw_model.port import BusError, window_address
from hic.sw_model.reference import ReferenceController

from .coverage_stimulus import CoverageStimulus
from .testbench import Testbench

__all__ = ["RandomStimulus", "Workload", "random_parameters"]


class Workload(Enum):
    """The kinds of stimulus, by what each does most."""

    MIXED = "mixed"
    """A bit of everything."""
    STORM = "storm"
    """All wires change at once, again and again, and harts acknowledge as fast as they can."""
    HOSTILE = "hostile guest"
    """One guest does anything through its window, beside what the others do."""
    HUNG = "guest that never completes"
    """Most sources are shared, guests do not complete, and the limit of service is short."""
    REFUSED = "bus errors"
    """Most accesses are to be refused."""


def random_parameters(random: Random) -> Parameters:
    """A small configuration: conflicts are frequent in small ones."""
    return Parameters(
        source_count=random.choice((1, 3, 7, 12, 31, 32, 40)),
        context_count=random.choice((1, 2, 4, 6, 8, 9)),
        hart_count=random.choice((1, 1, 2, 3)),
        priority_bits=random.choice((1, 2, 3, 8)),
        synchronizer=random.random() < 0.7,
    )


class RandomStimulus:
    """Three things at once, until a number of records is reached: wires, acknowledges, bus accesses.

    The bus mixes what makes sense (which it finds out from the golden model) with what does not.

    Parameters
    ----------
    bench : Testbench
        The test bench to drive.
    random : Random
        Decides everything.
    workload : Workload
        The kind of stimulus.
    """

    def __init__(self, bench: Testbench, random: Random, workload: Workload = Workload.MIXED) -> None:
        self.bench = bench
        self.random = random
        self.workload = workload
        self._p = bench.parameters
        self._depth = 0.0
        sources = range(1, self._p.source_count + 1)
        self._busy = random.sample(sources, min(len(sources), random.choice((2, 4, 8))))
        self._guest = random.randrange(1, self._p.context_count) if self._p.context_count > 1 else 0
        self._actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (200, self._deliver), (60, self._complete), (5, self._claim), (6, self._inject), (5, self._message),
            (2, self._force), (5, self._route), (3, self._allow), (7, self._enable), (5, self._priority),
            (2, self._threshold), (6, self._run), (1, self._tree), (2, self._trigger), (3, self._events),
            (3, self._dismiss), (6, self._read), (2, self._anything), (1, self._limit), (2, self._idle),
            (1, self._vector), (100, CoverageStimulus(bench, random)),
        ]
        self._actions += {
            Workload.MIXED: [],
            Workload.STORM: [(100, self._deliver), (30, self._complete)],
            Workload.HOSTILE: [(150, self._hostile)],
            Workload.HUNG: [(15, self._inject), (8, self._force), (5, self._limit), (25, self._idle)],
            Workload.REFUSED: [(150, self._anything)],
        }[workload]

    @property
    def _golden(self) -> ReferenceController:
        return self.bench.scoreboard.golden

    async def run(self, records: int) -> None:
        """Drives until that many records have been made."""
        goal = self.bench.scoreboard.records + records
        await self.drive(lambda: self.bench.scoreboard.records >= goal)

    async def drive(self, is_done: Callable[[], bool] = lambda: False) -> None:
        """Drives until a condition holds or there is a fault; for ever, until cancelled, without one."""
        tasks: list[Task[None]] = []
        try:
            if self.workload is Workload.STORM:
                tasks.append(cocotb.start_soon(self._storm()))
            tasks.append(cocotb.start_soon(self._wires()))
            tasks += [cocotb.start_soon(self._acknowledges(hart)) for hart in range(self._p.hart_count)]
            await self._prepare()
            while not is_done() and not self.bench.scoreboard.faults:
                await self._act()
        finally:
            for task in tasks:
                task.cancel()

    async def _act(self) -> None:
        weights = [weight for weight, _ in self._actions]
        ((_, action),) = self.random.choices(self._actions, weights)
        await action()

    # Wires and harts.

    async def _wires(self) -> None:
        while True:
            for _ in range(self.random.choice((1, 1, 1, 2, self._p.source_count))):
                source = self._source()
                await self.bench.port.drive(source, self.bench.port.wires >> source & 1 ^ 1)
            await self.bench.port.advance(self.random.choice((1, 2, 10, 50, 150)))

    async def _storm(self) -> None:
        everything = self._p.source_mask
        while True:
            levels = self.random.choice((0, everything, ~self.bench.port.wires & everything))
            await self.bench.port.drive_all(levels)
            await self.bench.port.advance(self.random.choice((1, 2, 5, 40, 150)))

    async def _acknowledges(self, hart: int) -> None:
        pauses = (1, 2, 4, 20) if self.workload is Workload.STORM else (1, 5, 20, 100)
        while True:
            await self.bench.port.advance(self.random.choice(pauses))
            if self.random.random() < 0.2 or (await self.bench.port.direct(hart)).valid:
                await self.bench.port.acknowledge(hart)

    # The bus.

    def _any_strobe(self) -> int:
        """Of those that the bus has."""
        strobe = self.random.getrandbits(4)
        return strobe if strobe in self.bench.port.bus.STROBES else 15

    async def _write(self, page: int, name: str, *indices: int, value: int, strobe: int | None = None) -> None:
        if strobe is None:
            strobe = 15 if self.random.random() < 0.95 else self._any_strobe()
        with suppress(BusError):
            await self.bench.port.write(window_address(page, MAP[name].at(*indices)), value, strobe)

    def _source(self) -> int:
        if self.random.random() < 0.9:
            return self.random.choice(self._busy)
        return self.random.randint(1, self._p.source_count)

    def _context(self) -> int:
        return self.random.randrange(self._p.context_count)

    def _hart(self) -> int:
        return self.random.randrange(self._p.hart_count)

    def _plic(self, page: int, source: int = 0) -> int:
        """The PLIC context at which a source is enabled in a window; now and then another one, of a unit or of none."""
        if self.random.random() < 0.05:
            return self.random.choice((self.random.randrange(2 * self._p.hart_count), self.random.randrange(128)))
        unit = 0
        if not page:
            unit = self._golden.home_of(source) if source and self.random.random() < 0.8 else self._hart()
        return self._golden.plic_context(page, unit)

    def _page_for(self, context: int) -> int:
        """A context's ancestor, itself, or now and then any context."""
        if self.random.random() < 0.1:
            return self._context()
        while context and self.random.random() < 0.6:
            context = self._golden.parent[context]
        return context

    async def _prepare(self) -> None:
        """Sets up what the episode is about, no more: accesses take long. Much happens meanwhile."""
        self._depth = self.random.choice((0.1, 0.5, 0.9))
        contexts = self.random.sample(range(1, self._p.context_count), min(4, self._p.context_count - 1))
        if self.random.random() < 0.7:
            contexts.sort()
        for hart in range(self._p.hart_count):
            await self._write(0, "RUNNING", hart, value=self.random.choice([0, *contexts]))
        for context in (0, *contexts):
            await self._tree_of(context)
        words = sorted({source // 32 for source in self._busy})
        for context in contexts:
            for word in words:
                value = 0xFFFFFFFF if self.random.random() < 0.8 else self.random.getrandbits(32)
                value &= self._golden.allow[self._golden.parent[context]] >> 32 * word & 0xFFFFFFFF
                await self._write(self._golden.parent[context], "ALLOW", context, word, value=value, strobe=15)
        for source in self._busy:
            if self.random.random() < 0.8:
                await self._write(0, "TRIGGER", source, value=self.random.choice(list(Trigger)), strobe=15)
            await self._route_of(source)
            await self._act()

    async def _listen_to(self, context: int, source: int) -> None:
        """Lets a context hear a source, if it does not already."""
        if not self._golden.priority[context][source]:
            priority = self.random.randint(0 if self.random.random() < 0.1 else 1, self._p.priority_max)
            await self._write(context, "PRIORITY", source, value=priority, strobe=15)
        if not self._golden.enable[context] >> source & 1:
            value = self.random.getrandbits(32) | self.random.getrandbits(32) | 1 << source % 32
            await self._write(context, "ENABLE", self._plic(context, source), source // 32, value=value, strobe=15)

    async def _deliver(self) -> None:
        """The next step in the delivery of one source, or what stands in its way."""
        golden, source = self._golden, self._source()
        target = golden.target[source]
        if golden.in_service >> source & 1:
            await self._end(source)
        elif not golden.pending >> source & 1:
            if golden.trigger[source] is Trigger.MESSAGE:
                await self._message_of(source)
            else:
                await self.bench.port.drive(source, self.bench.port.wires >> source & 1 ^ 1)
        elif self.random.random() < 0.7 and any(golden.in_service >> each & 1 for each in self._busy):
            await self._complete()  # what is quicker; and an acknowledge may take this one
        elif not golden.allow[target] >> source & 1:
            await self._route_of(source)
        elif not (golden.enable[target] >> source & 1 and golden.priority[target][source]):
            await self._listen_to(target, source)
        elif target and target not in golden.running and self.random.random() < 0.8:
            await self._write(0, "RUNNING", self._hart(), value=target)
        elif (
            golden.priority[target][source] <= golden.threshold_at(target, 0 if target else golden.home_of(source))
            and self.random.random() < 0.5
        ):
            await self._write(target, "THRESHOLD", self._plic(target, source), value=0)
        else:
            await self.bench.port.read(window_address(target, MAP["CLAIM"].at(self._plic(target, source))))

    async def _claim(self) -> None:
        page = self.random.choice([*self._golden.running, 0, self._context()])
        waiting = [context for context in self._golden.running if self._golden.claimable(context)]
        if waiting and self.random.random() < 0.7:
            page = self.random.choice(waiting)
        await self.bench.port.read(window_address(page, MAP["CLAIM"].at(self._plic(page))))

    async def _complete(self) -> None:
        held = [source for source in self._busy if self._golden.in_service >> source & 1]
        if held and self.random.random() < 0.95:
            await self._end(self.random.choice(held))
        else:
            page = self._context()
            await self._write(page, "CLAIM", self._plic(page), value=self.random.randrange(1024))

    async def _end(self, source: int) -> None:
        """One of those that have a source in service completes it."""
        holders = [context for context, held in enumerate(self._golden.held) if held >> source & 1]
        if self.workload is Workload.HUNG:  # guests do not; a VMM does
            holders = [context for context in holders if self._golden.last[context] > context]
        if holders:
            holder = self.random.choice(holders)
            if self.random.random() < 0.05:  # no source has such a number
                source |= 1 << self.random.randrange(self._p.source_bits, 32)
            await self._write(holder, "CLAIM", self._plic(holder), value=source)
        elif self.random.random() < 0.3:
            await self._write(self._page_for(self._golden.target[source]), "FORCE_COMPLETE", value=source)
        else:
            await self._inject()

    async def _inject(self) -> None:
        golden, source = self._golden, self._source()
        receivers = [context for context in range(1, self._p.context_count) if golden.allow[context] >> source & 1]
        receiver = self.random.choice(receivers) if receivers and self.random.random() < 0.9 else self._context()
        page = self._page_for(golden.parent[receiver])
        managers = [
            (c, held) for c, held in enumerate(golden.held)
            if any(held & golden.allow[below] for below in range(c + 1, golden.last[c] + 1))
        ]
        if managers and self.random.random() < 0.7:
            page, held = self.random.choice(managers)
            receiver = self.random.randint(page + 1, golden.last[page])
            held = held & golden.allow[receiver] or held
            source = self.random.choice([s for s in range(held.bit_length()) if held >> s & 1])
        await self._write(page, "INJECT", value=source | receiver << 16)

    async def _message(self) -> None:
        await self._message_of(self._source())

    async def _message_of(self, source: int) -> None:
        await self._write(self._page_for(self._golden.target[source]), "MESSAGE", value=source)

    async def _force(self) -> None:
        source = self._source()
        await self._write(self._page_for(self._golden.target[source]), "FORCE_COMPLETE", value=source)

    async def _route(self) -> None:
        await self._route_of(self._source())

    async def _route_of(self, source: int) -> None:
        page = self._page_for(self._golden.target[source])
        owner = self.random.randint(page, self._golden.last[page])
        if self.random.random() < 0.5:
            owner = self.random.choice([c for c in self._golden.running if self._golden.is_within(page, c)] or [owner])
        likely = 0.9 if self.workload is Workload.HUNG else 0.4
        home = self._hart() if self.random.random() < 0.95 else self.random.randrange(64)
        shared = self.random.random() < likely
        await self._write(page, "ROUTE", source, value=owner | home << 16 | shared << 31)

    async def _allow(self) -> None:
        context = self._context()
        if self.random.random() < 0.3:
            await self._give(context)
            return
        word = self.random.randrange(self._p.word_count)
        page = self._page_for(self._golden.parent[context])
        value = self._golden.allow[self._golden.parent[context]] >> 32 * word & 0xFFFFFFFF
        if self.random.random() < 0.5:
            value &= self.random.getrandbits(32) | self.random.getrandbits(32)
        await self._write(page, "ALLOW", context, word, value=value)

    async def _give(self, top: int) -> None:
        """All that a context has to its whole subtree, as after a change of the tree."""
        for context in range(top + 1, self._golden.last[top] + 1):
            for word in range(self._p.word_count):
                value = self._golden.allow[self._golden.parent[context]] >> 32 * word & 0xFFFFFFFF
                await self._write(self._golden.parent[context], "ALLOW", context, word, value=value)
                if self.random.random() < 0.5:
                    plic_context = self._golden.plic_context(context)
                    await self._write(context, "ENABLE", plic_context, word, value=self.random.getrandbits(32))

    async def _enable(self) -> None:
        value = self.random.getrandbits(32) | self.random.getrandbits(32)
        page, word = self._context(), self.random.randrange(self._p.word_count)
        await self._write(page, "ENABLE", self._plic(page), word, value=value)

    async def _priority(self) -> None:
        value = self.random.randint(0, self._p.priority_max)
        await self._write(self._context(), "PRIORITY", self._source(), value=value)

    async def _threshold(self) -> None:
        value = self.random.choice((0, 0, 0, self.random.randint(0, self._p.priority_max)))
        page = self._context()
        await self._write(page, "THRESHOLD", self._plic(page), value=value)

    async def _vector(self) -> None:
        await self._write(self._context(), "VECTOR_BASE", value=self.random.getrandbits(32))

    async def _run(self) -> None:
        await self._write(0, "RUNNING", self._hart(), value=self._context())

    async def _tree(self) -> None:
        await self._tree_of(self._context())

    async def _tree_of(self, context: int) -> None:
        page = self._page_for(self._golden.parent[context])
        limit = self._golden.last[self._golden.parent[context]]
        last = self.random.randint(context, max(context, limit)) if self.random.random() < 0.9 else self._context()
        if self.random.random() < (self._depth if context else 0.9):
            last = limit
        if last == self._golden.last[context] and self.random.random() < 0.6:
            return
        if self.random.random() < 0.8:
            await self._strip(min(last, self._golden.last[context]) + 1, max(last, self._golden.last[context]))
        by_mode = self.random.choice((self._golden.by_mode[context], self.random.random() < 0.5))
        await self._write(page, "TREE", context, value=last | by_mode << 8 | self._hart() << 16)

    async def _strip(self, first: int, last: int) -> None:
        """Allows contexts nothing, so that they may move."""
        for context in range(first, min(last, self._p.context_count - 1) + 1):
            for word in range(self._p.word_count if self._golden.allow[context] else 0):
                await self._write(self._golden.parent[context], "ALLOW", context, word, value=0, strobe=15)

    async def _trigger(self) -> None:
        value = self.random.randrange(5) if self.random.random() < 0.95 else self.random.randrange(8)
        source = self._source()
        await self._write(self._page_for(self._golden.target[source]), "TRIGGER", source, value=value)

    async def _events(self) -> None:
        context = self._context()
        await self._write(self._page_for(context), "EVENTS", context, value=self.random.getrandbits(4))

    async def _dismiss(self) -> None:
        hart = self._hart()
        value = await self.bench.port.read(window_address(0, MAP["TRAP"].at(hart)))
        if self.random.random() < 0.3:  # what does not count, or does
            hart, value = self._hart(), value ^ 1 << self.random.randrange(32)
        await self._write(0, "TRAP", hart, value=value)

    async def _read(self) -> None:
        register = self.random.choice([r for r in MAP.registers if r.name != "CLAIM"])
        indices = [self.random.choice(d.indices(self._p)) for d, _ in register.dimensions]
        page = self._context()
        if register.dimensions and register.dimensions[0][0].value == "context":
            page = self._page_for(indices[0])
        if register.name in ("ROUTE", "TRIGGER"):
            page = self._page_for(self._golden.target[indices[0]])
        if register.host_only and self.random.random() < 0.8:
            page = 0
        with suppress(BusError):
            await self.bench.port.read(window_address(page, register.at(*indices)))

    async def _anything(self) -> None:
        """A wild access: any address, any data, any strobe."""
        address = self.random.randrange(1 << self._p.address_bits)
        if self.random.random() < 0.7:
            register = self.random.choice(MAP.registers)
            indices = [self.random.randrange(2 * len(d.indices(self._p)) + 1) for d, _ in register.dimensions]
            address = window_address(self._context(), register.at(*indices) % (1 << 22)) | self.random.getrandbits(2)
            if self.random.random() < 0.5:  # what a decoder that forgets a bit takes for a register
                address ^= 1 << self.random.randrange(self._p.address_bits)
        with suppress(BusError):
            if self.random.random() < 0.5:
                await self.bench.port.write(address, self.random.getrandbits(32), self._any_strobe())
            else:
                await self.bench.port.read(address)

    async def _hostile(self) -> None:
        """Anything, through the window of one guest."""
        address = window_address(self._guest, self.random.randrange(1 << 22))
        if self.random.random() < 0.9:
            register = self.random.choice(MAP.registers)
            indices = [self.random.choice(d.indices(self._p)) for d, _ in register.dimensions]
            address = window_address(self._guest, register.at(*indices))
        value = self.random.choice((0, 0xFFFFFFFF, self.random.getrandbits(32), self.random.getrandbits(4)))
        with suppress(BusError):
            if self.random.random() < 0.7:
                await self.bench.port.write(address, value, self.random.choice((15, self._any_strobe())))
            else:
                await self.bench.port.read(address)

    async def _limit(self) -> None:
        limits = (3, 5, 7, 10) if self.workload is Workload.HUNG else (0, 6, 8, 10, self.random.randrange(32))
        await self._write(0, "STUCK_LIMIT", value=self.random.choice(limits))

    async def _idle(self) -> None:
        golden = self._golden
        is_limited = golden.stuck_limit and golden.in_service & golden.shared
        if is_limited and self.random.random() < 0.5:  # until a service is stuck
            await self.bench.port.advance(self.bench.limits.stuck(TICK_CYCLES_LOG2))
        else:
            await self.bench.port.advance(self.random.choice((10, 50, 200, 2_500)))
