"""Generators, lights and boot: what they do by themselves."""

from itertools import pairwise

import pytest
from amaranth.sim import Simulator

from hic.fpga.board.boot import Boot
from hic.fpga.board.generators import PULSE_CYCLES, Burst, Button, LevelDevice, Timer
from hic.fpga.board.lights import LIGHTS, Lights


def edges(dut, cycles, *, period=0, drive=None):
    """Cycles in which the wire rises."""
    rises = []

    async def bench(ctx):
        ctx.set(dut.period, period)
        await ctx.tick()
        ctx.set(dut.enable, 1)
        before = 0
        for cycle in range(cycles):
            if drive is not None:
                drive(ctx, cycle)
            wire = ctx.get(dut.active)
            if wire and not before:
                rises.append(cycle)
            before = wire
            await ctx.tick()
        ctx.set(dut.enable, 0)
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.active)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return rises


@pytest.mark.parametrize("period", [2 * PULSE_CYCLES, 37, 100])
def test_timer_is_periodic(period):
    rises = edges(Timer(), 1000, period=period)
    assert len(rises) == (1000 - 1) // period
    assert {b - a for a, b in pairwise(rises)} == {period}


def test_bursts_come_in_groups():
    gaps = [b - a for a, b in pairwise(edges(Burst(), 20000, period=500))]
    near = [gap for gap in gaps if gap <= 32]
    far = [gap for gap in gaps if gap > 32]
    assert min(near) >= 17
    assert len(set(near)) > 8
    assert all(gap > 500 for gap in far)
    assert len(far) > 20
    sizes, size = set(), 1
    for gap in gaps:
        if gap <= 32:
            size += 1
        else:
            sizes.add(size)
            size = 1
    assert sizes <= set(range(1, 9))
    assert len(sizes) >= 4


def test_level_device_waits_to_be_serviced():
    dut = LevelDevice()
    assert edges(dut, 1000, period=50) == [50]

    def service(ctx, cycle):
        ctx.set(dut.serviced, cycle in (20, 300))  # the first finds nothing to do

    assert edges(LevelDevice(), 100, period=10) == [10]
    dut = LevelDevice()
    assert edges(dut, 1000, period=50, drive=service) == [50, 351]


def test_button_does_not_bounce():
    dut = Button(settle_bits=4)

    def press(ctx, cycle):
        ctx.set(dut.pin, cycle % 7 < 4 if 100 <= cycle < 140 or 300 <= cycle < 340 else 140 <= cycle < 340)

    (rise,) = edges(dut, 600, drive=press)
    assert 140 + 16 <= rise <= 140 + 16 + 10


@pytest.mark.parametrize("name", LIGHTS[1:])
def test_light_stays_on_for_a_while(name):
    dut = Lights(stretch_bits=5)
    on = []

    async def bench(ctx):
        for cycle in range(200):
            ctx.set(getattr(dut, name), cycle == 50)
            lights = ctx.get(dut.lights)
            on.extend([cycle] if lights >> LIGHTS.index(name) & 1 else [])
            assert lights & ~(1 << LIGHTS.index(name)) & ~1 == 0
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert on == list(range(51, 51 + len(on)))
    assert 32 <= len(on) <= 48


def test_alive_blinks_while_accesses_are_served():
    dut = Lights(stretch_bits=3)
    seen = []

    async def bench(ctx):
        for cycle in range(256):
            ctx.set(dut.ready, cycle >= 100)
            seen.append(ctx.get(dut.lights) & 1)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [0] * 100 + [1] * 28 + [0] * 64 + [1] * 64


def test_boot_writes_its_list_once_and_in_order():
    writes = [(0x10, 1), (0x8000_0000, 2), (0x14, 3)]
    dut = Boot(writes)
    done, faults = [], 0

    async def bench(ctx):
        nonlocal faults
        await ctx.tick().repeat(10)
        assert done == []
        ctx.set(dut.enable, 1)
        for cycle in range(60):
            ctx.set(dut.bus.ready, cycle % 5 == 0)
            ctx.set(dut.bus.error, len(done) == 1)
            if cycle % 5 == 0 and ctx.get(dut.bus.valid):
                done.append((ctx.get(dut.bus.address), ctx.get(dut.bus.wdata)))
                assert ctx.get(dut.bus.write)
                assert ctx.get(dut.bus.strobe) == 15
                faults += ctx.get(dut.fault)
            assert not ctx.get(dut.done) or len(done) == 3
            await ctx.tick()
        assert ctx.get(dut.done)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert done == writes
    assert faults == 1
