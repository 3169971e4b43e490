"""The abstract port between software (VMMs, guests, devices) and a controller.

Three backends implement it: the golden model, the RTL under cocotb, and a board over UART. Code written against it runs
unchanged on all of them.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from hic.rtl.parameters import Cause, Parameters
from hic.rtl.registers import WINDOW_BYTES

__all__ = ["BusError", "DirectLine", "Port", "TrapLine", "window_address"]


class BusError(Exception):
    """The controller refused an access. Nothing has changed; it is recorded as a violation of the window's context."""

    def __init__(self, address: int, write: bool) -> None:
        self.address = address
        self.write = write
        self.context, self.offset = divmod(address, WINDOW_BYTES)
        what = "write to" if write else "read of"
        super().__init__(f"{what} offset {self.offset:#08x} in the window of context {self.context} was refused")


@dataclass(frozen=True)
class DirectLine:
    """A hart's direct line. All 0 when not valid."""

    valid: bool = False
    context: int = 0
    source: int = 0
    vector: int = 0


@dataclass(frozen=True)
class TrapLine:
    """A hart's trap line. All 0 when not valid. ``context`` is whom it is about (for INTERRUPT, the target)."""

    valid: bool = False
    target: int = 0
    cause: Cause = Cause.NONE
    source: int = 0
    context: int = 0


def window_address(context: int, offset: int) -> int:
    """Byte address on the bus of an offset within a context's window."""
    return context * WINDOW_BYTES + offset


class Port(ABC):
    """A controller as its surroundings see it: a 32-bit bus, the sources' wires, the harts' lines, and time.

    Methods are coroutines because a backend may need to let a simulator or a serial line run. Time is in controller
    clock cycles since reset.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    @property
    @abstractmethod
    def now(self) -> int:
        """Cycles since reset."""

    @abstractmethod
    async def reset(self) -> None:
        """Resets the controller and waits until it takes accesses."""

    @abstractmethod
    async def read(self, address: int) -> int:
        """Reads a 32-bit register. Raises BusError if refused."""

    @abstractmethod
    async def write(self, address: int, value: int, strobe: int = 0b1111) -> None:
        """Writes the bytes of a 32-bit register whose strobe bit is set. Raises BusError if refused."""

    @abstractmethod
    async def drive(self, source: int, level: int) -> None:
        """Sets the wire of a source to 0 or 1, and keeps it there."""

    @abstractmethod
    async def direct(self, hart: int) -> DirectLine:
        """The hart's direct line now."""

    @abstractmethod
    async def trap(self, hart: int) -> TrapLine:
        """The hart's trap line now."""

    @abstractmethod
    async def acknowledge(self, hart: int) -> DirectLine:
        """Claims what the hart's direct line shows, by its acknowledge input; returns what was claimed."""

    @abstractmethod
    async def advance(self, cycles: int) -> None:
        """Lets that many cycles pass."""

    async def watch(self, cycles: int) -> bool:
        """Lets that many cycles pass, but fewer if a line changes. Returns whether one has, since it was asked last.

        A backend that does not notice returns False: its lines are looked at after what may change them.
        """
        await self.advance(cycles)
        return False

    @abstractmethod
    async def settle(self) -> None:
        """Lets time pass until the lines show every consequence of what has been done so far."""
