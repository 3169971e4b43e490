"""The machines of a measurement: roles of contexts, owners of sources, and how software sets them up."""

from collections.abc import Iterable
from dataclasses import dataclass

from hic.rtl.parameters import Parameters, Trigger
from hic.rtl.registers import MAP, WINDOW_BYTES

from .rig import Access

__all__ = ["MIN_CONTEXTS", "MIN_SOURCES", "Machines", "Software", "bits", "words"]

MIN_CONTEXTS, MIN_SOURCES = 5, 8
"""The smallest configuration that holds two VMMs with a guest each, and sources for all of them."""

_PLIC_CONTEXT = 0
"""Of each window the PLIC context that software uses: unit 0, by the context map at reset."""


def words(sources: Iterable[int]) -> dict[int, int]:
    """Values of the words of a bitmap in which these sources are 1; words that are 0 are left out."""
    values: dict[int, int] = {}
    for source in sources:
        values[source // 32] = values.get(source // 32, 0) | 1 << source % 32
    return values


def bits(sources: Iterable[int]) -> int:
    """A bitmap in which these sources are 1."""
    return sum(1 << source for source in sources)


class Software:
    """Registers by the window's context, name and index, as accesses to be awaited."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def address(self, context: int, name: str, *indices: int) -> int:
        """Where a register is. Of those that each PLIC context of a window has, that of unit 0."""
        register = MAP[name]
        if len(register.dimensions) > len(indices):
            indices = (_PLIC_CONTEXT, *indices)
        return context * WINDOW_BYTES + register.at(*indices)

    def read(self, context: int, name: str, *indices: int, error: bool | None = False) -> Access:
        """A read. ``error``: see `Access`."""
        return Access(self.address(context, name, *indices), None, error)

    def write(
        self, context: int, name: str, /, *indices: int, value: int | None = None, error: bool | None = False,
        **fields: int,
    ) -> Access:
        """A write of a value, or of fields; those that are not named are 0."""
        if value is None:
            value = MAP[name].pack(**fields)
        return Access(self.address(context, name, *indices), value, error)


@dataclass(frozen=True)
class Machines:
    """Roles of contexts and sources. The victim is measured; the hostile machines do their worst beside it.

    ====================  ======================================================================================
    ``host``              context 0
    ``vmm``               the victim's VMM, a child of the host
    ``victim``            the guest that hart 0 runs, a child of ``vmm``
    ``other``             the victim's sibling; with 5 contexts its VMM
    ``hostile``           another VMM, a child of the host
    ``runner``            what hart 1 runs: a child of ``hostile``, if it has more than one, else that VMM itself
    ``idle``              children of ``hostile`` that never run
    ``roamer``            a child of ``hostile`` that is allowed nothing, so that it may move; None if there are few
    ====================  ======================================================================================

    Sources: ``shared`` is owned by ``vmm`` and shared, so that the host manages it; ``own`` belongs to ``vmm`` and
    ``hostile_own`` to ``hostile``, whose interrupts trap; ``spare`` belongs to the victim, for one event at a time;
    ``mine`` belong to the victim too, ``theirs`` to ``runner``.
    """

    parameters: Parameters

    def __post_init__(self) -> None:
        for name, least in (("context_count", MIN_CONTEXTS), ("source_count", MIN_SOURCES)):
            if getattr(self.parameters, name) < least:
                value = getattr(self.parameters, name)
                raise ValueError(f"{name} must be at least {least} to be measured, not {value}")

    @property
    def host(self) -> int:
        return 0

    @property
    def vmm(self) -> int:
        return 1

    @property
    def victim(self) -> int:
        return 2

    @property
    def other(self) -> int:
        return self.hostile - 1 if self.parameters.context_count > MIN_CONTEXTS else self.vmm

    @property
    def hostile(self) -> int:
        return 4 if self.parameters.context_count > MIN_CONTEXTS else 3

    @property
    def last(self) -> int:
        """The last context, and the last of ``hostile``'s subtree."""
        return self.parameters.context_count - 1

    @property
    def runner(self) -> int:
        return self.hostile + 1 if self.last > self.hostile + 1 else self.hostile

    @property
    def roamer(self) -> int | None:
        return self.last if self.last > self.hostile + 2 else None

    @property
    def idle(self) -> range:
        return range(self.runner + 1, self.last + (self.roamer is None))

    @property
    def has_second_hart(self) -> bool:
        """True if something runs beside the victim."""
        return self.parameters.hart_count > 1

    @property
    def hostile_home(self) -> int:
        """The hart that is preferred for notices about hostile machines."""
        return int(self.has_second_hart)

    @property
    def shared(self) -> int:
        return 1

    @property
    def own(self) -> int:
        return 2

    @property
    def hostile_own(self) -> int:
        return 3

    @property
    def spare(self) -> int:
        return 4

    @property
    def mine(self) -> list[int]:
        return list(range(6, self.parameters.source_count + 1, 2))

    @property
    def theirs(self) -> list[int]:
        return list(range(5, self.parameters.source_count + 1, 2))

    @property
    def owners(self) -> dict[int, int]:
        """The owner of each source."""
        owners = {self.shared: self.vmm, self.own: self.vmm, self.hostile_own: self.hostile, self.spare: self.victim}
        return owners | dict.fromkeys(self.mine, self.victim) | dict.fromkeys(self.theirs, self.runner)

    def contexts_of(self, source: int) -> list[int]:
        """The contexts that have a source enabled: its target, and those into which it is injected."""
        if source == self.shared:
            return [self.host, self.victim, self.runner]
        if source == self.spare:
            return [self.victim, self.other]
        return [self.owners[source]]

    def enabled_by(self, context: int) -> list[int]:
        """The sources that a context has enabled."""
        return [source for source in self.owners if context in self.contexts_of(source)]

    def rearrange(self, software: Software, page: int, number: int, *, error: bool | None = False) -> Access:
        """A write of TREE in the window of a VMM: by an even number the roamer moves under the context before it, by an
        odd one away. Without a roamer the last context stays a leaf."""
        if self.roamer is None:
            context, last = self.last, self.last
        else:
            context, last = self.roamer - 1, self.roamer - number % 2
        return software.write(page, "TREE", context, last=last, home=self.hostile_home, error=error)

    async def set_up(self, software: Software, *, trigger: Trigger = Trigger.EDGE_RISING) -> None:
        """From reset to the state that all measurements begin in. Everybody but ``roamer`` is allowed all sources.

        All sources have priority 1 and the same trigger. Hart 0 runs the victim, hart 1 ``runner``, all others the
        host. Notices about hostile machines have their home at hart 1.
        """
        p, write = self.parameters, software.write
        everything = words(range(1, p.source_count + 1))
        for context, last in ((self.vmm, self.hostile - 1), (self.hostile, self.last)):
            await write(self.host, "TREE", context, last=last)
        for context in range(self.hostile, p.context_count):
            last = self.last if context == self.hostile else context
            await write(self.host, "TREE", context, last=last, home=self.hostile_home)
        for context in range(1, p.context_count):
            if context != self.roamer:
                for word, value in everything.items():
                    await write(self.host, "ALLOW", context, word, value=value)
        for source, owner in self.owners.items():
            await write(self.host, "TRIGGER", source, mode=trigger)
            await write(self.host, "ROUTE", source, owner=owner, shared=int(source == self.shared))
            for context in self.contexts_of(source):
                await write(context, "PRIORITY", source, priority=1)
        for context in range(p.context_count):
            for word, value in words(self.enabled_by(context)).items():
                await write(context, "ENABLE", word, value=value)
        await write(self.host, "RUNNING", 0, context=self.victim)
        if self.has_second_hart:
            await write(self.host, "RUNNING", 1, context=self.runner)
        await self.clear_events(software)

    async def clear_events(self, software: Software) -> None:
        """The host clears the event flags of all."""
        for context in range(1, self.parameters.context_count):
            await software.write(self.host, "EVENTS", context, value=0xF)


