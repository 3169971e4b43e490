"""The examples are built, and their guests get the timer's interrupt."""

import runpy
from pathlib import Path

from amaranth.sim import Simulator

from hic.cosim.run import Design, run
from hic.rtl.export.generate import generate
from hic.rtl.parameters import Parameters
from hic.rtl.registers import MAP, WINDOW_BYTES

ROOT = Path(__file__).parent.parent


def test_verilog_example_delivers_to_a_guest(tmp_path):
    controller = generate(Parameters(source_count=8, context_count=4, hart_count=1), bus="core")
    source = (ROOT / "examples" / "verilog" / "soc.v").read_text()
    design = Design(f"{controller}\n{source}", top="soc", arguments=("-Wno-PINCONNECTEMPTY",))
    run(design, "hic.cosim.benches.soc", tmp_path)


def test_amaranth_example_delivers_to_a_guest():
    """Context 1 gets the timer's edges with no trap, as many as there are periods; a shared wire traps."""
    period, guest, vectors = 64, 1, 0x8000_0000
    system = runpy.run_path(str(ROOT / "examples" / "amaranth" / "soc.py"))["System"](period)
    done = []

    async def write(ctx, context: int, name: str, /, *indices: int, **fields: int) -> None:
        bus = system.bus
        ctx.set(bus.address, context * WINDOW_BYTES + MAP[name].at(*indices))
        ctx.set(bus.wdata, MAP[name].pack(**fields))
        for signal, value in ((bus.write, 1), (bus.strobe, 0b1111), (bus.valid, 1)):
            ctx.set(signal, value)
        while not ctx.get(bus.ready):
            await ctx.tick()
        assert not ctx.get(bus.error), name
        await ctx.tick()
        ctx.set(bus.valid, 0)

    async def bench(ctx) -> None:
        await write(ctx, 0, "ALLOW", guest, 0, allow=0b10)
        await write(ctx, 0, "ROUTE", 1, owner=guest)
        await write(ctx, guest, "VECTOR_BASE", base=vectors)
        await write(ctx, guest, "PRIORITY", 1, priority=1)
        await write(ctx, guest, "ENABLE", 0, 0, enable=0b10)
        await write(ctx, 0, "TRIGGER", 4, mode=1)
        await write(ctx, 0, "PRIORITY", 4, priority=1)
        await write(ctx, 0, "ENABLE", 0, 0, enable=1 << 4)
        await write(ctx, 0, "RUNNING", 0, context=guest)
        await write(ctx, 0, "TRIGGER", 1, mode=3)
        line = system.guest
        for _ in range(3):
            cycles = 0
            while not ctx.get(line.valid):
                await ctx.tick()
                cycles += 1
                assert cycles <= period + system.parameters.pin_to_line_cycles
            assert (ctx.get(line.context), ctx.get(line.source)) == (guest, 1)
            assert ctx.get(line.vector) == vectors + 4 * 1
            assert not ctx.get(system.hypervisor.valid)
            ctx.set(line.acknowledge, 1)
            await ctx.tick()
            ctx.set(line.acknowledge, 0)
            await write(ctx, guest, "CLAIM", 0, source=1)
            await ctx.tick().repeat(8)
            assert not ctx.get(line.valid)
        ctx.set(system.wires, 0b100)
        await ctx.tick().repeat(system.parameters.pin_to_line_cycles)
        assert ctx.get(system.hypervisor.valid)
        assert ctx.get(system.hypervisor.source) == 4
        done.append(True)

    simulator = Simulator(system)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert done
