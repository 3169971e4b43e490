"""The reset sweep: how long it takes, and that no word of a memory is left as it was."""

from typing import Any

import pytest
from amaranth.hdl import Module
from rig import put, simulate

from hic.rtl.background.reset_sweep import ResetSweep
from hic.rtl.delivery.routing import Routing
from hic.rtl.parameters import Parameters
from hic.rtl.state.contexts import Contexts
from hic.rtl.state.counters import Counters
from hic.rtl.state.ram import LutRam, SharedRam
from hic.rtl.state.sources import Sources


class Rig:
    """The sweep and the memories that it writes."""

    def __init__(self, parameters: Parameters) -> None:
        self.module = Module()
        self.module.submodules.contexts = self.contexts = Contexts(parameters)
        self.module.submodules.sources = self.sources = Sources(parameters)
        self.module.submodules.counters = self.counters = Counters(parameters, ("access",))
        self.module.submodules.sweep = self.sweep = ResetSweep(
            parameters, contexts=self.contexts, sources=self.sources, counters=(self.counters,),
            row_count=Routing(parameters).row_count,
        )


@pytest.mark.parametrize(("sources", "contexts", "harts"), [(7, 4, 2), (1, 1, 1), (2, 3, 1), (40, 2, 1), (1, 2, 20)])
def test_ready_after_as_many_cycles_as_promised(sources: int, contexts: int, harts: int) -> None:
    rig = Rig(Parameters(source_count=sources, context_count=contexts, hart_count=harts))
    rows, indices, all_contexts = set(), set(), set()

    async def bench(ctx: Any) -> None:
        cycles = 0
        while not ctx.get(rig.sweep.is_ready):
            rows.add(ctx.get(rig.sweep.row))
            indices.add(ctx.get(rig.sweep.index))
            all_contexts.add(ctx.get(rig.sweep.context))
            await ctx.tick()
            cycles += 1
        assert cycles == max(contexts * (max(sources, 3) + 1) + 1, contexts + harts - 1)
        # It writes no more.
        assert not ctx.get(rig.contexts.last.write)
        assert not ctx.get(rig.sources.route.sweep.use)

    simulate(rig.module, bench)
    # The indices by which the routing tables and the trap lines write.
    assert rows == set(range(contexts + harts - 1))
    assert all_contexts == set(range(contexts))
    assert set(range(sources)) <= indices


def test_every_word_is_written() -> None:
    """All is spoilt before: each memory's write port is watched."""
    rig = Rig(Parameters(source_count=40, context_count=3, hart_count=1))
    block_rams = {
        name: memory for owner in (rig.contexts, rig.sources) for name, memory in vars(owner).items()
        if isinstance(memory, SharedRam)
    }
    lut_rams = {
        name: memory for owner in (rig.contexts, rig.sources) for name, memory in vars(owner).items()
        if isinstance(memory, LutRam) and name != "reach"
    }
    written = {name: dict[int, Any]() for name in (*block_rams, *lut_rams, "counters")}

    async def bench(ctx: Any) -> None:
        while not ctx.get(rig.sweep.is_ready):
            for name, user in [*((n, ram.sweep) for n, ram in block_rams.items()), ("counters", rig.counters.sweep)]:
                if ctx.get(user.granted):
                    assert ctx.get(user.write)
                    written[name][ctx.get(user.address)] = ctx.get(user.write_data)
            for name, ram in lut_rams.items():
                if ctx.get(ram.sweep_granted):
                    written[name][ctx.get(ram.write_address)] = ctx.get(ram.write_data)
            await ctx.tick()

    simulate(rig.module, bench)
    # Sources 0 to 40, words 0 and 1, contexts 0 to 2.
    by_context, by_word = range(3), {2 * c + w for c in range(3) for w in range(2)}
    for name in ("parent", "last", "home", "map", "children", "flags", "threshold", "best", "stuck", "allow_words"):
        assert set(written[name]) == set(by_context), name
    for name in ("requests", "injected"):
        assert written[name] == dict.fromkeys(by_word, 0), name
    assert written["counters"] == dict.fromkeys(range(6), 0)
    assert {64 * c + s for c in by_context for s in range(41)} <= set(written["priority"])
    assert set(range(41)) <= set(written["route"])
    assert set(range(41)) <= set(written["service"])
    assert {0, 1} <= set(written["shared"])
    assert set(written["details"]) == set(range(6))
    # The host is allowed every source, and is everyone's parent.
    assert written["allow0"] == {0: 0xFFFFFFFE, 1: (1 << 41 - 32) - 1, 2: 0, 3: 0}
    assert written["allow1"] == dict.fromkeys(range(4), 0)
    assert [written["last"][c] for c in by_context] == [2, 1, 2]
    assert [written["children"][c] for c in by_context] == [0b110, 0, 0]


def test_a_read_after_the_sweep_gives_what_it_wrote() -> None:
    rig = Rig(Parameters(source_count=7, context_count=4, hart_count=2))

    async def bench(ctx: Any) -> None:
        await ctx.tick().until(rig.sweep.is_ready)
        for context in range(4):
            put(ctx, rig.contexts.allow0.access, use=1, address=context // 2)
            put(ctx, rig.contexts.allow1.access, use=1, address=context // 2)
            await ctx.tick()
            bank = rig.contexts.allow1 if context % 2 else rig.contexts.allow0
            assert ctx.get(bank.data) == (0xFE if context == 0 else 0)

    simulate(rig.module, bench)
