"""Measures, in hardware, how long each source waits for a line."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hic.rtl.link import BIN_COUNT

__all__ = ["COUNT", "LONGEST", "MAXIMUM", "MINIMUM", "SUM", "WORDS", "LatencyMeter"]

WORDS = 32
"""Words of results per source: COUNT, SUM, MINIMUM, MAXIMUM, and from BIN_COUNT on the histogram."""

COUNT, SUM, MINIMUM, MAXIMUM = range(4)

LONGEST = (1 << BIN_COUNT) - 1
"""Latencies are counted up to this; longer ones count as it."""


class LatencyMeter(wiring.Component):
    """Counts cycles from the edge of a wire to a line that shows its source, and keeps statistics.

    The latency is the number of clock edges from the cycle in which the wire is 1 first to the one in which a line
    shows the source first. An edge that comes while an earlier one of the same wire still waits, or while a line shows
    the source, merges in the controller, and is not measured apart.

    A result is in the statistics after at most ``12 * count`` cycles; an earlier edge of the same
    source is not measured.

    Parameters
    ----------
    count : int
        Number of sources that are measured: 1 to ``count``.

    Members
    -------
    wires : In(count)
        Bit i: the wire of source i + 1.
    shown : In(count)
        Bit i: a line shows source i + 1.
    address : In
        A word of results: ``source index * WORDS + word``.
    data : Out(32)
        That word, one cycle later. 0 while the results are being cleared, in the first cycles after a reset.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        super().__init__({
            "wires": In(count), "shown": In(count), "address": In(range(count * WORDS)), "data": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = self._count
        m.submodules.results = results = Memory(shape=32, depth=count * WORDS, init=[])
        writer, reader, outside = results.write_port(), results.read_port(), results.read_port()

        before, shown_before, waiting, ready = (Signal(count, name=name) for name in (
            "before", "shown_before", "waiting", "ready"
        ))
        ages = Array(Signal(BIN_COUNT, name=f"age_{i}") for i in range(count))
        recorded = Signal(count)
        m.d.sync += [before.eq(self.wires), shown_before.eq(self.shown), ready.eq(ready & ~recorded)]
        for i in range(count):
            with m.If(waiting[i]):
                m.d.sync += ages[i].eq(Mux(ages[i] == LONGEST, LONGEST, ages[i] + 1))
                with m.If(self.shown[i] & ~shown_before[i]):
                    m.d.sync += [waiting[i].eq(0), ready[i].eq(1), ages[i].eq(ages[i])]
            with m.Elif(self.wires[i] & ~before[i] & ~self.shown[i] & ~ready[i]):
                m.d.sync += [waiting[i].eq(1), ages[i].eq(1)]

        cleared = Signal()
        position = Signal(range(count * WORDS))
        index = Signal(range(count))
        sample, length = Signal(BIN_COUNT), Signal(range(BIN_COUNT))
        word = Signal(range(WORDS))
        step = Signal(range(5))
        m.d.comb += [
            word.eq(Mux(step == 4, BIN_COUNT + length, step)),
            reader.addr.eq(index * WORDS + word), writer.addr.eq(reader.addr), outside.addr.eq(self.address),
            self.data.eq(Mux(cleared, outside.data, 0)),
        ]
        more = Signal()
        m.d.comb += [
            more.eq(sample > reader.data[:BIN_COUNT]),
            writer.data.eq(reader.data + Mux(step == SUM, sample, 1)),
        ]
        with m.If((step == MINIMUM) | (step == MAXIMUM)):
            m.d.comb += writer.data.eq(Mux(more == (step == MAXIMUM), sample, reader.data[:BIN_COUNT]))
        with m.FSM():
            with m.State("CLEAR"):
                m.d.comb += [
                    writer.en.eq(1), writer.addr.eq(position),
                    writer.data.eq(Mux(position % WORDS == MINIMUM, LONGEST, 0)),
                ]
                m.d.sync += position.eq(position + 1)
                with m.If(position == count * WORDS - 1):
                    m.d.sync += cleared.eq(1)
                    m.next = "LOOK"
            with m.State("LOOK"):
                m.d.sync += [sample.eq(ages[index]), step.eq(0), length.eq(0)]
                with m.If(ready.bit_select(index, 1)):
                    m.d.comb += recorded.bit_select(index, 1).eq(1)
                    m.next = "LENGTH"
                with m.Else():
                    m.d.sync += index.eq(Mux(index == count - 1, 0, index + 1))
            with m.State("LENGTH"):
                for i in range(1, BIN_COUNT):
                    with m.If(sample[i - 1]):
                        m.d.sync += length.eq(i)
                with m.If(sample[BIN_COUNT - 1]):
                    m.d.sync += length.eq(BIN_COUNT - 1)
                m.next = "READ"
            with m.State("READ"):
                m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += writer.en.eq(1)
                m.d.sync += step.eq(step + 1)
                m.next = "READ"
                with m.If(step == 4):
                    m.next = "LOOK"
        return m
