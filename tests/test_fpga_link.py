"""The board's side of the serial link: line, frames, and requests carried out once."""

from random import Random

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from hic.fpga.board.bridge import Bridge
from hic.fpga.board.framing import Framer, Unframer
from hic.fpga.board.serial import SerialReceiver, SerialTransmitter
from hic.rtl.link import LINK_VERSION, LinkOperation, Request, Response, Status, frame
from hic.rtl.link import Unframer as HostUnframer


def simulate(dut, *benches, processes=()):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    for process in processes:
        simulator.add_testbench(process, background=True)
    simulator.run()


@pytest.mark.parametrize("divisor", [4, 5, 16])
def test_bytes_cross_the_line(divisor):
    sent = [0x00, 0xFF, 0x55, 0x7E, *Random(1).randbytes(20)]
    received = []
    m = Module()
    m.submodules.tx = tx = SerialTransmitter(divisor)
    m.submodules.rx = rx = SerialReceiver(divisor)
    m.d.comb += rx.rx.eq(tx.tx)

    async def send(ctx):
        ctx.set(tx.data.valid, 1)
        for byte in sent:
            ctx.set(tx.data.payload, byte)
            await ctx.tick().until(tx.data.ready)
        ctx.set(tx.data.valid, 0)
        await ctx.tick().repeat(12 * divisor)
        assert received == sent

    async def receive(ctx):
        while True:
            _, _, valid, broken, data = await ctx.tick().sample(rx.valid, rx.broken, rx.data)
            assert not broken
            if valid:
                received.append(data)

    simulate(m, send, processes=[receive])


@pytest.mark.parametrize("error", [-0.04, 0.04])
def test_receiver_tolerates_a_wrong_clock(error):
    divisor = 50
    received = []
    rx = SerialReceiver(divisor)

    async def send(ctx):
        for byte in (0x55, 0x00, 0xFF):
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                ctx.set(rx.rx, bit)
                await ctx.tick().repeat(round(divisor * (1 + error)))
        await ctx.tick().repeat(divisor)
        assert received == [0x55, 0x00, 0xFF]

    async def receive(ctx):
        while True:
            _, _, valid, data = await ctx.tick().sample(rx.valid, rx.data)
            if valid:
                received.append(data)

    simulate(rx, send, processes=[receive])


def test_receiver_ignores_a_glitch_and_marks_a_break():
    rx = SerialReceiver(16)
    seen = []

    async def drive(ctx):
        ctx.set(rx.rx, 1)
        await ctx.tick().repeat(20)
        ctx.set(rx.rx, 0)
        await ctx.tick().repeat(4)
        ctx.set(rx.rx, 1)
        await ctx.tick().repeat(200)
        assert seen == []
        ctx.set(rx.rx, 0)
        await ctx.tick().repeat(16 * 10)
        ctx.set(rx.rx, 1)
        await ctx.tick().repeat(200)
        assert seen == ["broken"]

    async def watch(ctx):
        while True:
            _, _, valid, broken = await ctx.tick().sample(rx.valid, rx.broken)
            seen.extend(["valid"] * valid + ["broken"] * broken)

    simulate(rx, drive, processes=[watch])


@pytest.mark.parametrize(
    ("divisor", "error"), [("9", TypeError), (True, TypeError), (3, ValueError), (65536, ValueError)]
)
@pytest.mark.parametrize("kind", [SerialReceiver, SerialTransmitter])
def test_divisor_wrong(kind, divisor, error):
    with pytest.raises(error, match=r"^divisor must be .*, not "):
        kind(divisor)


def unframe(stream, broken_at=()):
    """The bodies that the hardware finds, and how many frames it drops."""
    dut = Unframer()
    bodies, dropped = [], 0

    async def feed(ctx):
        for i, byte in enumerate(stream):
            ctx.set(dut.data, byte)
            ctx.set(dut.take, i not in broken_at)
            ctx.set(dut.broken, i in broken_at)
            await ctx.tick()
            ctx.set(dut.take, 0)
            ctx.set(dut.broken, 0)
            await ctx.tick()
        await ctx.tick().repeat(5)

    async def watch(ctx):
        nonlocal dropped
        while True:
            _, _, valid, body, bad = await ctx.tick().sample(dut.valid, dut.body, dut.dropped)
            dropped += bad
            if valid:
                bodies.append((body & (1 << 80) - 1).to_bytes(10, "little"))

    simulate(dut, feed, processes=[watch])
    return bodies, dropped


BODIES = [bytes([0x7E] * 10), bytes([0x7D] * 10), *(Random(seed).randbytes(10) for seed in range(20))]


def test_unframer_finds_good_frames():
    assert unframe(b"".join(map(frame, BODIES))) == (BODIES, 0)


def test_unframer_drops_what_the_host_drops():
    random = Random(5)
    stream = bytearray()
    for body in BODIES * 3:
        piece = bytearray(frame(body))
        match random.randrange(5):
            case 0:
                piece[random.randrange(len(piece))] ^= 1 << random.randrange(8)
            case 1:
                del piece[random.randrange(len(piece))]
            case 2:
                piece.insert(random.randrange(len(piece)), random.randrange(256))
        stream += piece
    host = HostUnframer()
    expected = list(host.feed(stream))
    assert 20 < len(expected) < 60
    assert unframe(bytes(stream)) == (expected, host.dropped)


def test_unframer_drops_a_frame_with_a_broken_byte():
    good = frame(BODIES[3])
    assert unframe(good + frame(BODIES[4]), broken_at={5}) == ([BODIES[4]], 1)


def test_unframer_keeps_the_body_while_held():
    dut = Unframer()
    first, second = frame(BODIES[2]), frame(BODIES[3])

    async def feed(ctx):
        found = []
        for i, byte in enumerate(first + second + second):
            ctx.set(dut.data, byte)
            ctx.set(dut.take, 1)
            ctx.set(dut.hold, len(first) <= i < len(first + second))
            await ctx.tick()
            ctx.set(dut.take, 0)
            for _ in range(3):
                if ctx.get(dut.valid):
                    found.append(ctx.get(dut.body).to_bytes(10, "little"))
                await ctx.tick()
            if i == len(first + second) - 1:
                assert ctx.get(dut.body).to_bytes(10, "little") == BODIES[2]
        assert found == [BODIES[2], BODIES[3]]

    simulate(dut, feed)


def test_framer_sends_what_the_host_sends():
    dut = Framer()
    sent = bytearray()
    random = Random(2)

    async def feed(ctx):
        ctx.set(dut.body.valid, 1)
        for body in BODIES:
            ctx.set(dut.body.payload, int.from_bytes(body, "little"))
            await ctx.tick().until(dut.body.ready)
        ctx.set(dut.body.valid, 0)
        await ctx.tick().repeat(400)
        assert bytes(sent) == b"".join(map(frame, BODIES))

    async def drain(ctx):
        while True:
            ctx.set(dut.data.ready, random.random() < 0.4)
            _, _, ready, valid, byte = await ctx.tick().sample(dut.data.ready, dut.data.valid, dut.data.payload)
            if ready and valid:
                sent.append(byte)

    simulate(dut, feed, processes=[drain])


class Host:
    """Talks to a bridge, with a memory on its bus that counts accesses; addresses from 0x100 on are refused."""

    def __init__(self):
        self.dut = Bridge()
        self.accesses = []

    async def memory(self, ctx):
        bus, cells = self.dut.bus, {}
        while True:
            _, _, valid, *access = await ctx.tick().sample(bus.valid, bus.write, bus.address, bus.wdata, bus.strobe)
            if valid:
                self.accesses.append(tuple(access))
                write, address, data, _ = access
                await ctx.tick()
                if write and address < 0x100:
                    cells[address] = data
                ctx.set(bus.rdata, cells.get(address, 0))
                ctx.set(bus.error, address >= 0x100)
                ctx.set(bus.ready, 1)
                await ctx.tick()
                ctx.set(bus.ready, 0)

    async def ask(self, ctx, body):
        ctx.set(self.dut.request, int.from_bytes(body, "little"))
        ctx.set(self.dut.valid, 1)
        await ctx.tick()
        ctx.set(self.dut.valid, 0)
        ctx.set(self.dut.response.ready, 1)
        (payload,) = await ctx.tick().sample(self.dut.response.payload).until(self.dut.response.valid)
        return Response.decode(payload.to_bytes(10, "little"))

    def run(self, bench):
        async def count(ctx):
            cycle = 0
            while True:
                await ctx.tick()
                cycle += 1
                ctx.set(self.dut.cycle, cycle)

        simulate(self.dut, bench, processes=[self.memory, count])


def test_bridge_reads_writes_and_reports_refusals():
    host = Host()

    async def bench(ctx):
        write = Request(1, LinkOperation.WRITE, 0x20, 0x1234, 0b0011)
        assert (await host.ask(ctx, write.encode())).status is Status.DONE
        answer = await host.ask(ctx, Request(2, LinkOperation.READ, 0x20).encode())
        assert (answer.sequence, answer.status, answer.data) == (2, Status.DONE, 0x1234)
        assert (await host.ask(ctx, Request(3, LinkOperation.READ, 0x100).encode())).status is Status.REFUSED
        assert host.accesses == [(1, 0x20, 0x1234, 3), (0, 0x20, 0, 0), (0, 0x100, 0, 0)]

    host.run(bench)


def test_bridge_carries_out_a_repeated_request_once():
    host = Host()

    async def bench(ctx):
        body = Request(9, LinkOperation.READ, 0x20).encode()
        first = await host.ask(ctx, body)
        await ctx.tick().repeat(50)
        assert await host.ask(ctx, body) == first
        assert len(host.accesses) == 1
        hello = Request(9, LinkOperation.HELLO).encode()
        for _ in range(2):
            assert (await host.ask(ctx, hello)).data == LINK_VERSION
        await host.ask(ctx, body)
        assert len(host.accesses) == 2

    host.run(bench)


def test_bridge_waits_and_refuses_unknown_operations():
    host = Host()

    async def bench(ctx):
        before = ctx.get(host.dut.cycle)
        answer = await host.ask(ctx, Request(1, LinkOperation.WAIT, data=100).encode())
        assert 100 <= answer.cycle - before <= 104
        answer = await host.ask(ctx, b"\x02\x0f" + bytes(8))
        assert answer.status is Status.UNKNOWN
        assert host.accesses == []

    host.run(bench)


def test_bridge_is_busy_until_it_has_answered():
    host = Host()

    async def bench(ctx):
        dut = host.dut
        assert not ctx.get(dut.busy)
        ctx.set(dut.request, int.from_bytes(Request(1, LinkOperation.WAIT, data=50).encode(), "little"))
        ctx.set(dut.valid, 1)
        assert ctx.get(dut.busy)
        await ctx.tick()
        ctx.set(dut.valid, 0)
        await ctx.tick().repeat(100)
        assert ctx.get(dut.busy)
        assert ctx.get(dut.response.valid)
        ctx.set(dut.response.ready, 1)
        await ctx.tick()
        assert not ctx.get(dut.busy)

    host.run(bench)
