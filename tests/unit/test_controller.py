"""The controller as a whole: from pin to line, from acknowledge to the next event, and who sees what."""

from typing import Any

import pytest
from rig import Core, OpenController, address_of, on_core, put, simulate

from hic.rtl.parameters import LATENCY_CYCLES, Cause, Parameters, Trigger
from hic.rtl.registers import IDENTITY_VALUE


async def pin_to_line(core: Core, source: int, line: Any) -> int:
    """Clock edges from a change of the pin to a valid line."""
    core.set(core.dut.irq, 1 << source - 1)
    edges = await core.until(line.valid, within=20)
    core.set(core.dut.irq, 0)
    return edges


@on_core()
async def test_pin_to_line(core: Core) -> None:
    assert core.parameters.pin_to_line_cycles == LATENCY_CYCLES
    await core.give(3, 1, trigger=Trigger.EDGE_RISING)
    await core.give(5, 0, trigger=Trigger.LEVEL_HIGH)
    await core.write("VECTOR_BASE", page=1, value=0x8000)
    await core.write("RUNNING", 1, value=1)
    await core.tick(20)
    assert await pin_to_line(core, 3, core.direct[1]) == LATENCY_CYCLES
    line = core.direct[1]
    assert [core.get(signal) for signal in (line.context, line.source, line.vector, line.injected)] == [1, 3, 0x800C, 0]
    assert await pin_to_line(core, 5, core.trap[0]) == LATENCY_CYCLES
    trap = core.trap[0]
    assert [core.get(signal) for signal in (trap.target, trap.cause, trap.source)] == [0, Cause.INTERRUPT, 5]
    assert not core.get(core.direct[0].valid)
    assert not core.get(core.trap[1].valid)


@on_core(synchronizer=True, hart_count=1)
async def test_synchronizer_adds_two_cycles(core: Core) -> None:
    await core.give(3, 1, trigger=Trigger.EDGE_RISING)
    await core.write("RUNNING", 0, value=1)
    await core.tick(20)
    assert await pin_to_line(core, 3, core.direct[0]) == core.parameters.pin_to_line_cycles == LATENCY_CYCLES + 2


@on_core()
async def test_pin_to_line_beside_accesses_of_others(core: Core) -> None:
    """Context 2 makes any access to its own window, and is refused others: the line of context 1 is never late."""
    await core.give(3, 1, trigger=Trigger.EDGE_RISING)
    await core.write("RUNNING", 1, value=1)
    await core.write("RUNNING", 0, value=2)
    for register, indices, value in (
        ("IDENTITY", (), None), ("ENABLE", (0, 0), 0xFF), ("PRIORITY", (3,), 5), ("THRESHOLD", (0,), 1),
        ("CLAIM", (0,), None), ("CLAIM", (0,), 3), ("RUNNING", (0,), 1), ("ROUTE", (3,), 2), ("TREE", (2,), 3),
    ):
        for phase in range(6):
            await core.write("CLAIM", 0, page=1, value=3)
            await core.tick(20)
            core.start(address_of(register, *indices, page=2), value)
            for _ in range(phase):
                if core.get(core.dut.bus.ready):
                    break
                await core.tick()
            core.set(core.dut.irq, 1 << 2)
            for edge in range(LATENCY_CYCLES + 1):
                assert core.get(core.direct[1].valid) == (edge == LATENCY_CYCLES)
                answered = core.get(core.dut.bus.ready)
                await core.tick()
                if answered:
                    core.set(core.dut.bus.valid, 0)
            core.set(core.dut.irq, 0)
            if core.get(core.dut.bus.valid):
                await core.reply()
            await core.pulse(core.direct[1].acknowledge)
            await core.tick(4)


@pytest.mark.parametrize("harts", [1, 3])
def test_accesses_wait_until_memories_are_swept(harts: int) -> None:
    dut = OpenController(Parameters(source_count=5, context_count=3, hart_count=harts))

    lines = [getattr(dut, f"{kind}{h}") for kind in ("direct", "trap") for h in range(harts)]
    swept = 3 * (5 + 1) + 1

    async def bench(ctx: Any) -> None:
        put(ctx, dut.bus, valid=1, address=address_of("IDENTITY", page=1))
        for cycle in range(swept + 4):  # an access's own cycles follow
            assert ctx.get(dut.ready) == (cycle >= swept)
            assert not ctx.get(dut.bus.ready)
            assert not any(ctx.get(line.valid) for line in lines)
            await ctx.tick()
        assert ctx.get(dut.bus.ready)
        assert ctx.get(dut.bus.rdata) == IDENTITY_VALUE

    simulate(dut, bench)
