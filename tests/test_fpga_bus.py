"""The board's bus: turns among initiators, and who is reached at which address."""

import pytest
from amaranth.sim import Simulator

from hic.fpga.board.bus import Arbiter, Decoder, pack_fields
from hic.rtl.link import BOARD_BASE
from hic.rtl.registers import MAP


def simulate(dut, *benches, processes=()):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    for process in processes:
        simulator.add_testbench(process, background=True)
    simulator.run()


def test_arbiter_takes_turns_and_keeps_accesses_apart():
    dut = Arbiter(3)
    served = []

    async def target(ctx):
        while True:
            _, _, valid, address = await ctx.tick().sample(dut.bus.valid, dut.bus.address)
            if valid:
                served.append(address)
                ctx.set(dut.bus.rdata, address + 1)
                ctx.set(dut.bus.ready, 1)
                await ctx.tick()
                ctx.set(dut.bus.ready, 0)

    def initiator(index):
        async def bench(ctx):
            port = dut.initiators[index]
            for i in range(20):
                ctx.set(port.valid, 1)
                ctx.set(port.address, 100 * index + i)
                (data,) = await ctx.tick().sample(port.rdata).until(port.ready)
                assert data == 100 * index + i + 1
                ctx.set(port.valid, 0)
                await ctx.tick()

        return bench

    simulate(dut, *(initiator(i) for i in range(3)), processes=[target])
    assert len(served) == 60
    first = [address // 100 for address in served[:54]]
    assert all({*first[i : i + 3]} == {0, 1, 2} for i in range(0, 54, 3)), first


@pytest.mark.parametrize(("address", "reached"), [
    (0, "controller"), (0xFF_FFFC, "controller"), (0x100_0000, None), (0x7FFF_FFFC, None),
    (BOARD_BASE, "board"), (BOARD_BASE + 0x1FFC, "board"), (BOARD_BASE + 0x2000, None), (0xFFFF_FFFC, None),
])
def test_decoder_reaches(address, reached):
    dut = Decoder(controller_bits=24, board_bits=13)

    async def bench(ctx):
        ctx.set(dut.bus.address, address)
        ctx.set(dut.bus.valid, 1)
        for name, data in (("controller", 11), ("board", 22)):
            port = getattr(dut, name)
            ctx.set(port.rdata, data)
            assert ctx.get(port.valid) == (name == reached)
            assert not ctx.get(dut.bus.ready) or reached is None
        if reached is None:
            assert ctx.get(dut.bus.ready)
            assert ctx.get(dut.bus.error)
            assert ctx.get(dut.bus.rdata) == 0
        else:
            port = getattr(dut, reached)
            ctx.set(port.ready, 1)
            assert ctx.get(dut.bus.ready)
            assert not ctx.get(dut.bus.error)
            assert ctx.get(dut.bus.rdata) == {"controller": 11, "board": 22}[reached]
            assert ctx.get(port.address) == address % (1 << len(port.address))

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()


def test_fields_are_packed_as_software_packs_them():
    dut = Decoder(controller_bits=24, board_bits=13)

    async def bench(ctx):
        values = {"source": 5, "cause": 2, "target": 3, "context": 7}
        assert ctx.get(pack_fields(MAP["TRAP"], **values)) == MAP["TRAP"].pack(**values)

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
