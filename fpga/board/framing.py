"""Frames on a stream of bytes, in hardware. The format is that of `rtl.link`."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from hic.rtl.link import BODY_BYTES, ESCAPE, ESCAPE_XOR, FLAG, FRAME_BYTES

__all__ = ["Framer", "Unframer"]


class Unframer(wiring.Component):
    """Finds the good frames in a stream of bytes.

    A frame of the wrong length or with a wrong check sequence, an escape before a flag, or a byte that came broken: the
    frame is dropped, and nothing of it is seen. The frame after the next flag is found, whatever came before.

    Latency: ``valid`` comes 2 cycles after the closing flag.
    Throughput: one byte in 2 cycles.

    Members
    -------
    data : In(8)
        A byte from the line.
    take : In(1)
        High for one cycle with each byte.
    broken : In(1)
        High for one cycle for a byte that came broken.
    hold : In(1)
        Keep the body; bytes are lost meanwhile.
    body : Out(8 * BODY_BYTES)
        The frame's body, first byte lowest, while ``valid`` and as long as ``hold`` is 1 from then on.
    valid : Out(1)
        High for one cycle with each good frame.
    dropped : Out(1)
        High for one cycle with each bad one.
    """

    def __init__(self) -> None:
        super().__init__({
            "data": In(8),
            "take": In(1),
            "broken": In(1),
            "hold": In(1),
            "body": Out(8 * BODY_BYTES),
            "valid": Out(1),
            "dropped": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        count = Signal(range(FRAME_BYTES + 2))  # stays at one too many
        escaped, bad, closed = Signal(), Signal(), Signal()
        byte = Signal(8)

        m.d.sync += [closed.eq(0), self.valid.eq(0), self.dropped.eq(0)]
        m.d.comb += [byte.eq(self.data), crc.data.eq(byte)]
        with m.If(self.broken & ~self.hold):
            m.d.sync += bad.eq(1)
        with m.Elif(self.take & ~self.hold):
            with m.If(self.data == FLAG):
                m.d.sync += closed.eq(1)
            with m.Elif((self.data == ESCAPE) & ~escaped):
                m.d.sync += escaped.eq(1)
            with m.Else():
                with m.If(escaped):
                    m.d.comb += byte.eq(self.data ^ ESCAPE_XOR)
                m.d.comb += crc.valid.eq(1)
                m.d.sync += escaped.eq(0)
                with m.If(count < BODY_BYTES):
                    m.d.sync += self.body.eq(Cat(self.body[8:], byte))
                with m.If(count != FRAME_BYTES + 1):
                    m.d.sync += count.eq(count + 1)
        with m.If(closed):
            good = (count == FRAME_BYTES) & crc.match_detected & ~escaped & ~bad
            m.d.sync += [
                self.valid.eq(good),
                self.dropped.eq(~good & ((count != 0) | escaped | bad)),
                count.eq(0), escaped.eq(0), bad.eq(0),
            ]
            m.d.comb += crc.start.eq(1)
        return m


class Framer(wiring.Component):
    """Sends bodies as frames.

    Throughput: one body in ``FRAME_BYTES + 2`` bytes, and one more for each that is escaped.

    Members
    -------
    body : In(stream.Signature(8 * BODY_BYTES))
        The body to send, first byte lowest. It is taken when its frame ends.
    data : Out(stream.Signature(8))
        The bytes for the line.
    """

    def __init__(self) -> None:
        super().__init__({"body": In(stream.Signature(8 * BODY_BYTES)), "data": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ISO_HDLC(data_width=8).create()
        count = Signal(range(FRAME_BYTES + 1))
        byte = Signal(8)
        m.d.comb += [byte.eq(Cat(self.body.payload, crc.crc).word_select(count, 8)), crc.data.eq(byte)]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [crc.start.eq(1), self.data.valid.eq(self.body.valid), self.data.payload.eq(FLAG)]
                m.d.sync += count.eq(0)
                with m.If(self.data.valid & self.data.ready):
                    m.next = "BYTE"
            with m.State("BYTE"):
                m.d.comb += [self.data.valid.eq(1), self.data.payload.eq(byte)]
                with m.If((byte == FLAG) | (byte == ESCAPE)):
                    m.d.comb += self.data.payload.eq(ESCAPE)
                    with m.If(self.data.ready):
                        m.next = "ESCAPED"
                with m.Elif(self.data.ready):
                    m.next = "NEXT"
            with m.State("ESCAPED"):
                m.d.comb += [self.data.valid.eq(1), self.data.payload.eq(byte ^ ESCAPE_XOR)]
                with m.If(self.data.ready):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.comb += crc.valid.eq(count < BODY_BYTES)
                m.d.sync += count.eq(count + 1)
                m.next = "BYTE"
                with m.If(count == FRAME_BYTES - 1):
                    m.next = "FLAG"
            with m.State("FLAG"):
                m.d.comb += [self.data.valid.eq(1), self.data.payload.eq(FLAG), self.body.ready.eq(self.data.ready)]
                with m.If(self.data.ready):
                    m.next = "IDLE"
        return m
