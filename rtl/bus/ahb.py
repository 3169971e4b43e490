"""AHB-Lite: the port, and the bridge from it to byte lanes."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from .lanes import LaneSignature, check_address_bits, check_data_width, lanes_of

__all__ = ["AHB", "AHBSignature"]


class AHBSignature(wiring.Signature):
    """An AHB-Lite port of 32 or 64 bits, as the manager sees it (AMBA AHB, IHI 0033, 2).

    Parameters
    ----------
    address_bits : int
        Width of a byte address.
    data_width : int
        32 or 64.

    Members
    -------
    haddr : Out(address_bits)
        Byte address; bits below the size are ignored.
    hburst : Out(3)
        Ignored: each transfer of a burst has its address.
    hmastlock : Out(1)
        Ignored: there is one manager, or who arbitrates keeps the lock.
    hprot : Out(4)
        Ignored: authority belongs to the address, not to who uses it.
    hsel : Out(1)
        The transfer is for this port.
    hsize : Out(3)
        The transfer is of 2**hsize bytes; of more than the data has it is refused.
    htrans : Out(2)
        IDLE 0, BUSY 1, NONSEQ 2, SEQ 3.
    hwdata : Out(data_width)
        Data to be written, in the data phase.
    hwrite : Out(1)
        The transfer is a write.
    hready : Out(1)
        The data phase on the bus ends in this cycle.
    hreadyout : In(1)
        The data phase of this port ends with this cycle.
    hresp : In(1)
        The transfer is refused; of 64 bits, one of its words is.
    hrdata : In(data_width)
        Data that was read. Bytes outside the transfer, and all with ``hresp``, mean nothing.
    """

    def __init__(self, address_bits: int, data_width: int) -> None:
        super().__init__({
            "haddr": Out(address_bits),
            "hburst": Out(3),
            "hmastlock": Out(1),
            "hprot": Out(4),
            "hsel": Out(1),
            "hsize": Out(3),
            "htrans": Out(2),
            "hwdata": Out(data_width),
            "hwrite": Out(1),
            "hready": Out(1),
            "hreadyout": In(1, init=1),
            "hresp": In(1),
            "hrdata": In(data_width),
        })


class _State(enum.Enum, shape=unsigned(2)):
    IDLE = 0
    ACCESS = 1
    REFUSAL = 2
    END_OF_ERROR = 3


class AHB(wiring.Component):
    """AHB-Lite subordinate on one side, initiator of byte lanes on the other.

    The address phase is stored, and the core is asked in the data phase, in which the manager holds its data. A
    transfer wider than the data does not get to the core, which records nothing of it. An error takes two cycles
    (IHI 0033, 5.1.3), in the second of which the next address phase may end.

    Latency: from the address phase to the end of the data phase, 1 cycle and those of the core; an error 1 more.
    Throughput: one transfer in 1 cycle and the core's.

    Parameters
    ----------
    address_bits : int
        Width of a byte address.
    data_width : int
        32 or 64.

    Members
    -------
    ahb : In(AHBSignature(address_bits, data_width))
        The port.
    wide : Out(LaneSignature(address_bits, data_width))
        To byte lanes.

    Raises
    ------
    TypeError
        ``address_bits`` is not an integer.
    ValueError
        ``address_bits`` is less than 3, or ``data_width`` neither 32 nor 64.

    References
    ----------
    AMBA AHB Protocol Specification, IHI 0033: 3 (transfers), 5.1 (responses), 6.1 (data buses).
    """

    def __init__(self, address_bits: int, data_width: int = 32) -> None:
        check_address_bits(address_bits)
        check_data_width(data_width)
        self._data_width = data_width
        super().__init__({
            "ahb": In(AHBSignature(address_bits, data_width)),
            "wide": Out(LaneSignature(address_bits, data_width)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ahb, wide = self.ahb, self.wide
        largest = (self._data_width // 8).bit_length() - 1
        state, asked, fits = Signal(_State), Signal(), Signal()
        m.d.comb += [
            asked.eq(ahb.hsel & ahb.hready & ahb.htrans[1]),
            fits.eq(ahb.hsize <= largest),
            wide.valid.eq(state == _State.ACCESS),
            wide.wdata.eq(ahb.hwdata),
            ahb.hrdata.eq(wide.rdata),
        ]
        with m.Switch(state):
            with m.Case(_State.IDLE):
                m.d.comb += ahb.hreadyout.eq(1)
            with m.Case(_State.ACCESS):
                m.d.comb += [ahb.hreadyout.eq(wide.ready & ~wide.error), ahb.hresp.eq(wide.ready & wide.error)]
                with m.If(wide.ready):
                    m.d.sync += state.eq(Mux(wide.error, _State.END_OF_ERROR, _State.IDLE))
            with m.Case(_State.REFUSAL):
                m.d.comb += [ahb.hreadyout.eq(0), ahb.hresp.eq(1)]
                m.d.sync += state.eq(_State.END_OF_ERROR)
            with m.Case(_State.END_OF_ERROR):
                m.d.comb += [ahb.hreadyout.eq(1), ahb.hresp.eq(1)]
                m.d.sync += state.eq(_State.IDLE)
        with m.If(asked):
            m.d.sync += [
                state.eq(Mux(fits, _State.ACCESS, _State.REFUSAL)), wide.write.eq(ahb.hwrite),
                wide.address.eq(ahb.haddr), wide.lanes.eq(lanes_of(ahb.haddr, ahb.hsize, self._data_width)),
            ]
        return m
