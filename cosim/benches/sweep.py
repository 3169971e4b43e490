"""Everything once with each source and each context, one after the other, under the scoreboard: for coverage.

Random stimulus takes millions of cycles to meet each of many sources in each way. The context tree is a chain.
"""

from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import cocotb

from hic.cosim.testbench import Testbench, parameters_from_environment
from hic.rtl.parameters import TICK_CYCLES_LOG2, Cause, Trigger
from hic.rtl.registers import MAP
from hic.sw_model.driver import Driver
from hic.sw_model.port import BusError, window_address

_ACCESS_CYCLES = 60
"""Cycles that a read takes, at most."""

_LIMITS = 100
"""Of service that is too long: for as many times that, at most, until its notice is on the line."""


class Sweep(Testbench):
    """A testbench and its parts, each of which leaves everything idle."""

    __test__ = False

    async def prepare(self) -> None:
        """All contexts in a chain, all sources allowed and enabled everywhere, edges of context 0."""
        p = self.parameters
        await self.reset()
        self.driver = Driver(self.port)
        self.sources, self.guests = list(range(1, p.source_count + 1)), list(range(1, p.context_count))
        self.levels = [1 << bit for bit in range(p.priority_bits)] + [p.priority_max]
        for guest in self.guests[:-1]:
            await self.driver.write(0, "TREE", guest, last=p.context_count - 1)
        for guest in self.guests:
            await self.driver.write_set(0, "ALLOW", guest, sources=set(self.sources))
        for context in (0, *self.guests):
            await self.priorities(context, 1)
            await self.driver.write_set(context, "ENABLE", 0, sources=set(self.sources))
        for source in self.sources:
            await self.driver.write(0, "TRIGGER", source, mode=Trigger.EDGE_RISING)

    async def priorities(self, context: int, level: int) -> None:
        """The same for all sources."""
        for source in self.sources:
            await self.driver.write(context, "PRIORITY", source, priority=level)

    async def claim(self, context: int) -> int:
        """Over the bus; completes it."""
        source = await self.driver.read(context, "CLAIM", 0)
        if source:
            await self.driver.write(context, "CLAIM", 0, source=source)
        return source

    async def acknowledge(self, context: int) -> int:
        """On the line of the first hart; completes it."""
        await self.port.advance(self.limits.quiet)
        source = (await self.port.acknowledge(0)).source
        await self.driver.write(context, "CLAIM", 0, source=source)
        return source

    async def reads(self) -> None:
        """Words of sources, full and empty; the requests that were made are cleared."""
        words = range(self.parameters.word_count)
        for guest in self.guests:
            for word in words:
                for name in ("ALLOW", "REQUESTS"):
                    await self.port.read(window_address(0, MAP[name].at(guest, word)))
                for offset in (MAP["ENABLE"].at(0, word), MAP["PENDING"].at(word)):
                    await self.port.read(window_address(guest, offset))
            await self.driver.write_set(0, "REQUESTS", guest, sources=set(self.sources))
            await self.port.write(window_address(0, MAP["EVENTS"].at(guest)), 0xF)

    async def triggers(self) -> None:
        """Each source in each mode, with both edges and a message."""
        for source in self.sources:
            for mode in (*Trigger, Trigger.EDGE_RISING):
                await self.driver.write(0, "TRIGGER", source, mode=mode)
                await self.pulse(source)
                await self.driver.write(0, "TRIGGER", source, mode=Trigger.MESSAGE)
                await self.driver.write(0, "MESSAGE", source=source)
                while await self.claim(0):
                    await self.port.advance(self.limits.quiet)
            await self.driver.write(0, "TRIGGER", source, mode=Trigger.EDGE_RISING)

    async def counts(self) -> None:
        """As many sources at once as each power of two, evenly spread: for the number of records."""
        for log2 in range(len(self.sources).bit_length()):
            some = self.sources[:: 1 << log2]
            await self.pulse(*some)
            await self.port.advance(self.limits.quiet)
            for source in some:
                assert await self.claim(0) == source
                await self.port.advance(self.limits.quiet)

    async def meetings(self) -> None:
        """An acknowledge in each cycle of an access that lets it pass."""
        guest, source = self.guests[0], self.sources[0]
        await self.driver.write(0, "RUNNING", 0, context=guest)
        await self.driver.write(0, "ROUTE", source, owner=guest)
        for cycles in range(_ACCESS_CYCLES):
            await self.pulse(source)
            await self.port.advance(self.limits.quiet)
            access = cocotb.start_soon(self.driver.read(guest, "PRIORITY", source))
            await self.port.advance(cycles)
            assert (await self.port.acknowledge(0)).source == source
            await access
            await self.driver.write(guest, "CLAIM", 0, source=source)
        await self.driver.write(0, "ROUTE", source, owner=0)

    async def routes(self) -> None:
        """Each source in each context's row, of its own and shared."""
        for source in self.sources:
            for guest in self.guests:
                for shared in (0, 1):
                    await self.driver.write(0, "ROUTE", source, owner=guest, shared=shared)
            await self.driver.write(0, "ROUTE", source, owner=0)

    async def lines(self) -> None:
        """Each source at each priority, on the direct line and the trap line, all at once: lowest number first. The
        threshold first masks them, and then just does not."""
        for owner in (self.guests[0], 0):
            await self.driver.write(0, "RUNNING", 0, context=owner)
            for source in self.sources:
                await self.driver.write(0, "ROUTE", source, owner=owner)
            for level in self.levels:
                await self.priorities(owner, level)
                await self.driver.write(owner, "THRESHOLD", 0, threshold=level)
                await self.pulse(*self.sources)
                await self.port.advance(self.limits.quiet)
                await self.driver.write(owner, "THRESHOLD", 0, threshold=level - 1)
                await self.halves(owner)
                for source in self.sources:
                    assert await (self.acknowledge(owner) if owner else self.claim(0)) == source
                    await self.port.advance(self.limits.quiet)
            await self.driver.write(owner, "THRESHOLD", 0, threshold=0)

    async def halves(self, owner: int) -> None:
        """Of what waits, the half whose numbers have a certain bit, and the other half: so that any two compete."""
        for bit, side in product(range(len(self.sources).bit_length()), (0, 1)):
            half = {source for source in self.sources if source - 1 >> bit & 1 == side}
            await self.driver.write_set(owner, "ENABLE", 0, sources=half)
            await self.port.advance(self.limits.quiet)
            shown = (await self.port.direct(0)) if owner else await self.port.trap(0)
            assert shown.source == min(half, default=0)
        await self.driver.write_set(owner, "ENABLE", 0, sources=set(self.sources))
        await self.port.advance(self.limits.quiet)

    async def vectors(self) -> None:
        """Each bit of a vector base, beside a source that is shown."""
        guest, source = self.guests[0], self.sources[0]
        await self.driver.write(0, "RUNNING", 0, context=guest)
        await self.driver.write(0, "ROUTE", source, owner=guest)
        await self.pulse(source)
        for bit in range(32):
            await self.port.write(window_address(guest, MAP["VECTOR_BASE"].at()), 1 << bit)
            await self.port.advance(self.limits.quiet)
        assert await self.acknowledge(guest) == source
        await self.driver.write(0, "ROUTE", source, owner=0)

    async def claims(self) -> None:
        """Each source as an event and as an injection, claimed over the bus and on the line."""
        guest = self.guests[0]
        await self.driver.write(0, "RUNNING", 0, context=guest)
        for source in self.sources:
            await self.driver.write(0, "ROUTE", source, owner=guest)
            for take in (self.claim, self.acknowledge):
                await self.pulse(source)
                await self.port.advance(self.limits.quiet)
                assert await take(guest) == source
                await self.driver.write(0, "INJECT", source=source, context=guest)
                assert await take(guest) == source
            await self.driver.write(0, "ROUTE", source, owner=0)

    async def managers(self) -> None:
        """Each VMM forgets a source that it shares: its notice is shown, dismissed and cleared."""
        source = self.sources[-1]
        await self.driver.write(0, "STUCK_LIMIT", exponent=TICK_CYCLES_LOG2)
        for vmm, owner in enumerate(self.guests):
            await self.driver.write(0, "RUNNING", 0, context=vmm)
            await self.driver.write(0, "ROUTE", source, owner=owner, shared=1)
            await self.pulse(source)
            await self.port.advance(self.limits.quiet)
            assert await self.driver.read(vmm, "CLAIM", 0) == source
            await self.dismiss(vmm, Cause.STUCK)
            await self.driver.write(vmm, "CLAIM", 0, source=source)
        await self.driver.write(0, "STUCK_LIMIT", exponent=0)

    async def violations(self) -> None:
        """Each guest is refused something: its notice is shown, dismissed and cleared; and shown again."""
        for guest in 2 * self.guests:
            with suppress(BusError):
                await self.driver.read(guest, "RUNNING", 0)
            await self.dismiss(guest, Cause.VIOLATION)

    async def dismiss(self, context: int, cause: Cause) -> None:
        """Waits until the trap line tells of a context; the host passes it on, and a VMM deals with it."""
        for _ in range(_LIMITS):
            await self.port.advance(1 << TICK_CYCLES_LOG2)
            trap = await self.driver.read_fields(0, "TRAP", 0)
            if (trap["context"], trap["cause"]) == (context, cause):
                break
        else:
            raise AssertionError(f"the host has no notice that context {context} has a {cause}")
        await self.driver.write(0, "TRAP", 0, **trap)
        await self.port.write(window_address(0, MAP["EVENTS"].at(context)), 0xF)


@cocotb.test
async def test_sweep(dut: Any) -> None:
    sweep = Sweep(dut, parameters_from_environment())
    await sweep.prepare()
    for part in (
        sweep.reads, sweep.triggers, sweep.counts, sweep.meetings, sweep.routes, sweep.lines, sweep.vectors,
        sweep.claims, sweep.managers, sweep.violations,
    ):
        await part()
    await sweep.finish()
    sweep.coverage.save(Path("coverage.json"))
