"""Latencies measured in hardware, against the same events counted in Python."""

from random import Random

import pytest
from amaranth.sim import Simulator

from hic.fpga.board.latency import COUNT, LONGEST, MAXIMUM, MINIMUM, SUM, WORDS, LatencyMeter
from hic.rtl.link import BIN_COUNT


async def results(ctx, dut, index):
    words = []
    for word in range(WORDS):
        ctx.set(dut.address, index * WORDS + word)
        await ctx.tick()
        words.append(ctx.get(dut.data))
    return words


def expected(latencies):
    words = [0] * WORDS
    words[COUNT], words[SUM] = len(latencies), sum(latencies)
    words[MINIMUM], words[MAXIMUM] = min(latencies, default=LONGEST), max(latencies, default=0)
    for latency in latencies:
        words[BIN_COUNT + min(latency.bit_length(), BIN_COUNT - 1)] += 1
    return words


def simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("latency", [1, 2, 3, 5, 7, 8, 200])
def test_one_latency_is_exact(latency):
    dut = LatencyMeter(2)

    async def bench(ctx):
        await ctx.tick().repeat(2 * WORDS + 2)
        ctx.set(dut.wires, 0b10)
        await ctx.tick().repeat(latency)
        ctx.set(dut.shown, 0b10)
        await ctx.tick().repeat(40)
        assert await results(ctx, dut, 1) == expected([latency])
        assert await results(ctx, dut, 0) == expected([])

    simulate(dut, bench)


def test_random_latencies_of_several_sources():
    count = 3
    dut = LatencyMeter(count)
    random = Random(3)
    latencies = {i: [] for i in range(count)}

    async def bench(ctx):
        await ctx.tick().repeat(count * WORDS + 2)
        plan = dict.fromkeys(range(count))
        wires = shown = 0
        for cycle in range(6000):
            for i in range(count):
                bit = 1 << i
                match plan[i]:
                    case None if random.random() < 0.02:
                        plan[i] = ("wait", cycle)
                        wires |= bit
                    case ("wait", start) if cycle > start and random.random() < 0.05:
                        plan[i] = ("shown", cycle)
                        shown |= bit
                        latencies[i].append(cycle - start)
                    case ("wait", start) if random.random() < 0.1:
                        wires ^= bit  # goes away and comes again: merges
                    case ("shown", start) if cycle > start + 60:
                        plan[i] = None
                        wires &= ~bit
                        shown &= ~bit
            ctx.set(dut.wires, wires)
            ctx.set(dut.shown, shown)
            await ctx.tick()
        ctx.set(dut.wires, 0)
        await ctx.tick().repeat(100)
        for i in range(count):
            finished = latencies[i]
            assert len(finished) > 20
            assert await results(ctx, dut, i) == expected(finished)

    simulate(dut, bench)


def test_long_latencies_saturate():
    dut = LatencyMeter(1)

    async def bench(ctx):
        await ctx.tick().repeat(WORDS + 2)
        ctx.set(dut.wires, 1)
        await ctx.tick().repeat(LONGEST + 100)
        ctx.set(dut.shown, 1)
        await ctx.tick().repeat(40)
        assert await results(ctx, dut, 0) == expected([LONGEST])

    simulate(dut, bench)


def test_an_edge_while_the_line_shows_the_source_is_not_measured():
    dut = LatencyMeter(1)

    async def bench(ctx):
        await ctx.tick().repeat(WORDS + 2)
        ctx.set(dut.shown, 1)
        await ctx.tick()
        ctx.set(dut.wires, 1)
        await ctx.tick().repeat(40)
        assert await results(ctx, dut, 0) == expected([])

    simulate(dut, bench)
