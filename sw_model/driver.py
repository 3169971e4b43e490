"""Drivers: the controller's registers by name, and a guest's plain PLIC driver. Both work over any port."""

from hic.rtl.registers import MAP, Dimension, Register, plic_context_of
from hic.rtl.timing import Limits

from .port import Port, window_address

__all__ = ["Driver", "PlicDriver"]


class Driver:
    """Registers of every window, by name, index and field.

    A refused access raises ``BusError``. A name, an index or a value that a configuration of this size does not have is
    a mistake of the caller: KeyError, TypeError or ValueError, and no access is made.
    """

    def __init__(self, port: Port) -> None:
        self.port = port

    def address(self, context: int, name: str, *indices: int) -> int:
        """Bus address of a register element in a context's window."""
        parameters = self.port.parameters
        if not 0 <= context < parameters.context_count:
            raise ValueError(f"context must be from 0 to {parameters.context_count - 1}, not {context!r}")
        register = MAP[name]
        for (dimension, _), index in zip(register.dimensions, indices, strict=False):
            valid = dimension.indices(parameters)
            if index not in valid:
                raise ValueError(f"{dimension.value} of {name} must be from {valid[0]} to {valid[-1]}, not {index!r}")
        return window_address(context, register.at(*indices))

    async def read(self, context: int, name: str, *indices: int) -> int:
        """Reads a register through the window of a context."""
        return await self.port.read(self.address(context, name, *indices))

    async def write(self, context: int, name: str, /, *indices: int, **fields: int) -> None:
        """Writes a register through the window of a context. Fields that are not named become 0."""
        address = self.address(context, name, *indices)
        await self.port.write(address, MAP[name].pack(**fields))

    async def read_fields(self, context: int, name: str, *indices: int) -> dict[str, int]:
        """Reads a register and takes it apart."""
        return MAP[name].unpack(await self.read(context, name, *indices))

    async def read_field(self, context: int, name: str, field: str, *indices: int) -> int:
        """Reads one field of a register."""
        return MAP[name].field(field).get(await self.read(context, name, *indices))

    async def update(self, context: int, name: str, /, *indices: int, **fields: int) -> None:
        """Changes the named fields of a register and keeps the others: a read, then a write."""
        old = await self.read_fields(context, name, *indices)
        await self.write(context, name, *indices, **{**old, **fields})

    async def read_set(self, context: int, name: str, *indices: int) -> set[int]:
        """The sources whose bit is set in a register with one bit per source (PENDING, ENABLE, ALLOW, REQUESTS)."""
        _bit_register(name)
        found: set[int] = set()
        for word in range(self.port.parameters.word_count):
            value = await self.read(context, name, *indices, word)
            found.update(32 * word + i for i in range(32) if value >> i & 1)
        return found

    async def write_set(self, context: int, name: str, *indices: int, sources: set[int]) -> None:
        """Writes a register with one bit per source so that exactly these are 1."""
        field = _bit_register(name).fields[0]
        for source in sorted(sources):
            self._check_source(name, source)
        for word in range(self.port.parameters.word_count):
            value = sum(1 << s % 32 for s in sources if s // 32 == word)
            await self.write(context, name, *indices, word, **{field.name: value})

    async def set_bit(self, context: int, name: str, *indices: int, source: int, value: bool = True) -> None:
        """Changes the bit of one source and keeps the others: a read, then a write of its word."""
        field = _bit_register(name).fields[0]
        self._check_source(name, source)
        at = (*indices, source // 32)
        old = await self.read(context, name, *at)
        bit = 1 << source % 32
        await self.write(context, name, *at, **{field.name: old | bit if value else old & ~bit})

    async def drain(self, context: int, *, hart: int = 0) -> None:
        """Leaves nothing of the last tenant in a context that is to have another one.

        Context 0 does it for a child that has no children, on a hart that nobody uses meanwhile and that runs context 0
        after it. Sources are routed elsewhere before: events that still come to the context are claimed with the rest.
        While everything is allowed the context claims what waits, injections too, and completes all that it holds.
        Then all that a guest can write returns to its value at reset, and nothing is allowed. Requests that this makes
        are cleared again. COUNT goes on; VIOLATION_ADDRESS and STUCK_SOURCE mean nothing while their flags are clear.

        Takes 2 N + 5 W + 8 accesses with N sources in W words, (12 + W + N) / 4 more that wait for a search, and up to
        3 more for each source of which something waits.

        Raises
        ------
        ValueError
            The context is not a child of context 0, or has children.
        BusError
            It runs on another hart.
        """
        tree = await self.read_fields(0, "TREE", context)
        if context == 0 or tree["parent"] or tree["last"] != context:
            raise ValueError(f"context must be a child of context 0 with no children, not {context!r}")
        unit, parameters = plic_context_of(0, bool(tree["map"])), self.port.parameters
        sources = range(1, parameters.source_count + 1)
        await self.write(0, "RUNNING", hart, context=context)
        await self.write(context, "THRESHOLD", unit, threshold=parameters.priority_max)  # its direct line stays low
        await self.write_set(0, "ALLOW", context, sources=set(sources))
        waiting = await self.read_set(context, "PENDING")
        for source in sorted(waiting):
            await self.write(context, "PRIORITY", source, priority=1)
        await self.write_set(context, "ENABLE", unit, sources=waiting)
        # While the best of several injections is searched a claim takes nothing: so many reads outlast a search.
        empty, enough = 0, 1 + Limits(parameters).search(parameters.source_count) // 4
        while empty < enough:
            empty = 0 if await self.read(context, "CLAIM", unit) else empty + 1
        for source in sources:
            await self.write(context, "CLAIM", unit, source=source)
        await self.write_set(context, "ENABLE", unit, sources=set())
        for source in sources:
            await self.write(context, "PRIORITY", source, priority=0)
        await self.write(context, "THRESHOLD", unit, threshold=0)
        await self.write(context, "VECTOR_BASE", base=0)
        await self.write_set(0, "ALLOW", context, sources=set())
        await self.write(0, "RUNNING", hart, context=0)
        await self.write(0, "EVENTS", context, doorbell=1, request=1, violation=1, stuck=1)

    def _check_source(self, name: str, source: int) -> None:
        count = self.port.parameters.source_count
        if not 1 <= source <= count:
            raise ValueError(f"source in {name} must be from 1 to {count}, not {source!r}")


def _bit_register(name: str) -> Register:
    register = MAP[name]
    if not register.dimensions or register.dimensions[-1][0] is not Dimension.WORD:
        names = ", ".join(r.name for r in MAP.registers if r.dimensions and r.dimensions[-1][0] is Dimension.WORD)
        raise ValueError(f"register must be one with a bit per source ({names}), not {name!r}")
    return register


class PlicDriver:
    """A guest OS's driver of its interrupt controller: RISC-V PLIC 1.0.0, for one PLIC context.

    It knows the standard's offsets and nothing of the HIC: any unmodified PLIC driver does as well.

    Parameters
    ----------
    port : Port
        The controller.
    base : int
        Where the guest's window is on the bus.
    plic_context : int
        The PLIC context, as the system numbers them: of a hart, or of the M or S mode of one.
    """

    def __init__(self, port: Port, base: int, plic_context: int = 0) -> None:
        self._port = port
        self._base = base
        self._enable = 0x2000 + 0x80 * plic_context
        self._page = base + 0x20_0000 + 0x1000 * plic_context

    async def claim(self) -> int:
        """Takes the best interrupt that waits into service; 0 if there is none (section 8)."""
        return await self._port.read(self._page + 4)

    async def complete(self, source: int) -> None:
        """Ends the service of an interrupt (section 9)."""
        await self._port.write(self._page + 4, source)

    async def enable(self, source: int) -> None:
        """Enables a source (section 6)."""
        address, bit = self._word(self._enable, source)
        await self._port.write(address, await self._port.read(address) | bit)

    async def disable(self, source: int) -> None:
        """Disables a source (section 6)."""
        address, bit = self._word(self._enable, source)
        await self._port.write(address, await self._port.read(address) & ~bit)

    async def is_pending(self, source: int) -> bool:
        """True if an event of the source waits (section 5)."""
        address, bit = self._word(0x1000, source)
        return bool(await self._port.read(address) & bit)

    async def set_priority(self, source: int, priority: int) -> None:
        """Sets the priority of a source; 0 means never (section 4)."""
        await self._port.write(self._base + 4 * source, priority)

    async def set_threshold(self, threshold: int) -> None:
        """Masks priorities up to this one (section 7)."""
        await self._port.write(self._page, threshold)

    def _word(self, offset: int, source: int) -> tuple[int, int]:
        return self._base + offset + source // 32 * 4, 1 << source % 32
