"""The abstract port on a board, over a serial line. The protocol is that of `rtl.link`."""

import time
from types import TracebackType
from typing import Protocol

from hic.rtl.link import (
    BOARD,
    BOARD_BASE,
    BOARD_IDENTITY,
    FRAME_BYTES,
    LINK_VERSION,
    LinkOperation,
    Request,
    Response,
    Status,
    Unframer,
    frame,
)
from hic.rtl.parameters import LATENCY_CYCLES, Cause, Parameters
from hic.rtl.registers import IDENTITY_VALUE, MAP
from hic.rtl.timing import Limits

from .port import BusError, DirectLine, Port, TrapLine

__all__ = ["BAUD", "Link", "LinkError", "SerialLine", "UartPort"]

BAUD = 1_000_000
"""Bits per second that boards are built for, unless asked for another."""

_ATTEMPTS = 5
_TIMEOUT_S = 2.0
_FRAME_BITS = 10 * (FRAME_BYTES + 2)
"""Bits of the shortest frame on the line."""

_WAIT_CYCLES = 1 << 17
"""The longest wait in one request: its answer must come within the timeout, in simulation too."""


class LinkError(Exception):
    """The board does not answer, or is none."""


class SerialLine(Protocol):
    """The part of pyserial's ``Serial`` that is used."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""

    def read(self, size: int = 1, /) -> bytes:
        """Reads so many bytes, or fewer if they do not come within the line's own timeout."""

    def write(self, data: bytes, /) -> int | None:
        """Writes bytes."""

    def close(self) -> None:
        """Ends the use of the line."""


class Link:
    """Requests to a board, one at a time. One that gets no answer is repeated; the board carries it out once.

    Parameters
    ----------
    line : SerialLine
        The serial line, with a short timeout.
    name : str
        Its name, for errors.
    timeout_s : float
        The longest wait for an answer, each time.

    Raises
    ------
    LinkError
        The board does not answer, or speaks another version of the protocol.
    """

    def __init__(self, line: SerialLine, name: str, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._line = line
        self._name = name
        self._timeout_s = timeout_s
        self._unframer = Unframer()
        self._sequence = time.time_ns() & 0xFF
        self.repeated = 0
        """Requests sent again so far."""
        version = self.request(LinkOperation.HELLO).data
        if version != LINK_VERSION:
            raise LinkError(f"{name} must speak version {LINK_VERSION} of the protocol, not {version!r}")

    def request(self, operation: LinkOperation, address: int = 0, data: int = 0, strobe: int = 0) -> Response:
        """Sends a request and returns its answer. Raises LinkError if there is none, or BusError if it is refused."""
        self._sequence = (self._sequence + 1) & 0xFF
        message = frame(Request(self._sequence, operation, address, data, strobe).encode())
        for attempt in range(_ATTEMPTS):
            self.repeated += attempt > 0
            self._line.write(message)
            response = self._answer()
            if response is not None:
                if response.status is Status.REFUSED:
                    raise BusError(address, operation is LinkOperation.WRITE)
                if response.status is Status.UNKNOWN:
                    raise LinkError(f"{self._name} must know operation {operation.name}, but does not")
                return response
        raise LinkError(
            f"{self._name} must answer within {self._timeout_s:g} s, but did not in {_ATTEMPTS} attempts: "
            f"is the board there, its bitstream loaded (hic fpga load), and the speed right?"
        )

    def read(self, address: int) -> int:
        """Reads a register. Raises as `request`."""
        return self.request(LinkOperation.READ, address).data

    def write(self, address: int, value: int, strobe: int = 0b1111) -> None:
        """Writes a register. Raises as `request`."""
        self.request(LinkOperation.WRITE, address, value, strobe)

    def close(self) -> None:
        """Ends the use of the line."""
        self._line.close()

    def _answer(self) -> Response | None:
        """The answer to the last request, or None if it does not come in time. Others are late ones, and ignored."""
        end = time.monotonic() + self._timeout_s
        while time.monotonic() < end:
            for body in self._unframer.feed(self._line.read(max(1, self._line.in_waiting))):
                response = Response.decode(body)
                if response.sequence == self._sequence:
                    return response
        return None


class UartPort(Port):
    """A controller on a board. Other than the controller nothing of the board works while this is in use.

    The board's clock does not stop between accesses: ``now`` is a moment in the past.

    Parameters
    ----------
    link : Link
        The link to the board.

    Raises
    ------
    LinkError
        The device that answers is not the board design.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        for name, address, expected in (
            ("board", self._board("BOARD_IDENTITY"), BOARD_IDENTITY),
            ("controller", MAP["IDENTITY"].at(), IDENTITY_VALUE),
        ):
            if (found := link.read(address)) != expected:
                raise LinkError(f"identity of the {name} must be {expected:#010x}, not {found:#010x}")
        capacity = MAP["CAPACITY"].unpack(link.read(MAP["CAPACITY"].at()))
        features = MAP["FEATURES"].unpack(link.read(MAP["FEATURES"].at()))
        super().__init__(Parameters(
            source_count=capacity["sources"],
            context_count=capacity["contexts"],
            hart_count=features["harts"],
            priority_bits=features["priority_bits"],
            synchronizer=features["latency"] > LATENCY_CYCLES,
        ))
        self._wires = 0
        self._now = 0
        # From the end of one request to the effect of the next, an answer and a request cross the line.
        self._between = 2 * _FRAME_BITS * link.read(self._board("DIVISOR"))

    @classmethod
    def open(cls, device: str, *, baud: int = BAUD) -> "UartPort":
        """The board at a serial device, such as ``/dev/ttyUSB0``. Raises LinkError if it cannot be used."""
        try:
            from serial import Serial, SerialException
        except ImportError as error:
            raise LinkError("pyserial must be installed: pip install -e '.[fpga]'") from error
        try:
            line = Serial(device, baud, timeout=0.05)
            line.reset_input_buffer()
        except (SerialException, ValueError) as error:
            raise LinkError(f"device must be a serial line that can be opened, not {device!r} ({error})") from error
        try:
            return cls(Link(line, device))
        except BaseException:
            line.close()
            raise

    def __enter__(self) -> "UartPort":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._link.close()

    @property
    def link(self) -> Link:
        """The link to the board."""
        return self._link

    @property
    def now(self) -> int:
        """The cycle in which the last request was done; one that is refused does not count."""
        return self._now

    async def reset(self) -> None:
        """Stops what the board does by itself, and resets it and the controller."""
        self._link.write(self._board("CONTROL"), BOARD["CONTROL"].pack(run=0, reset=1))
        self._wires = 0
        self._now = self._link.request(LinkOperation.READ, MAP["IDENTITY"].at()).cycle

    async def read(self, address: int) -> int:
        """Reads a register in one request. Raises BusError if refused."""
        return self._request(LinkOperation.READ, address)

    async def write(self, address: int, value: int, strobe: int = 0b1111) -> None:
        """Writes a register in one request. Raises BusError if refused."""
        self._request(LinkOperation.WRITE, address, value, strobe)

    async def drive(self, source: int, level: int) -> None:
        """Sets the wire of a source."""
        if not 1 <= source <= self.parameters.source_count:
            raise ValueError(f"source must be from 1 to {self.parameters.source_count}, not {source!r}")
        if level not in (0, 1):
            raise ValueError(f"level of source {source} must be 0 or 1, not {level!r}")
        wires = self._wires & ~(1 << source) | level << source
        if wires != self._wires:
            self._wires = wires
            word = source // 32
            address = self._board("WIRES", word)
            self._request(LinkOperation.WRITE, address, wires >> 32 * word & 0xFFFF_FFFF, 0b1111)

    async def direct(self, hart: int) -> DirectLine:
        """The hart's direct line."""
        return self._direct("DIRECT", hart)

    async def trap(self, hart: int) -> TrapLine:
        """The hart's trap line."""
        line = BOARD["TRAP_LINE"].unpack(self._request(LinkOperation.READ, self._board("TRAP_LINE", hart)))
        if not line["valid"]:
            return TrapLine()
        return TrapLine(True, line["target"], Cause(line["cause"]), line["source"], line["context"])

    async def acknowledge(self, hart: int) -> DirectLine:
        """Raises the acknowledge input for one cycle; returns what it claimed."""
        return self._direct("ACKNOWLEDGE", hart)

    async def advance(self, cycles: int) -> None:
        """Lets that many cycles pass, at least."""
        end = self._now + cycles
        while (left := end - self._now) > 0:
            self._request(LinkOperation.WAIT, 0, min(left, _WAIT_CYCLES))

    async def settle(self) -> None:
        """Waits for as long as consequences take while the bus is quiet, unless the next request takes longer."""
        await self.advance(Limits(self.parameters).quiet - self._between)

    def _direct(self, name: str, hart: int) -> DirectLine:
        line = BOARD[name].unpack(self._request(LinkOperation.READ, self._board(name, hart)))
        if not line["valid"]:
            return DirectLine()
        vector = self._request(LinkOperation.READ, self._board("VECTOR", hart))
        return DirectLine(True, line["context"], line["source"], vector)

    def _request(self, operation: LinkOperation, address: int, data: int = 0, strobe: int = 0) -> int:
        response = self._link.request(operation, address, data, strobe)
        self._now += (response.cycle - self._now) % (1 << 32)
        return response.data

    @staticmethod
    def _board(name: str, *indices: int) -> int:
        return BOARD_BASE + BOARD[name].at(*indices)
