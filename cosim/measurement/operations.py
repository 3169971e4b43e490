"""Every kind of access, with what software does before and after it so that it can be made again and again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hic.rtl.parameters import Trigger

from .machines import Machines, Software, words
from .rig import Access, Response, Rig, pause, until

__all__ = ["Operation", "Step", "operations"]

Step = Callable[[int], Awaitable[object]]
"""Accesses that are not measured. Its argument is the number of the sample."""


async def _nothing(_: int) -> None:
    pass


@dataclass(frozen=True)
class Operation:
    """An access that is measured.

    Parameters
    ----------
    name : str
        As it is reported.
    access : callable
        Makes the access of a sample, by its number.
    before, after : callable
        Bring the state in which it is made, and the one before that.
    returns : int or None
        The value that must be read.
    served : bool
        It is about an event that the victim's line shows or might show: so nothing else may be on that line.
    """

    name: str
    access: Callable[[int], Access]
    before: Step = _nothing
    after: Step = _nothing
    returns: int | None = None
    served: bool = False

    async def sample(self, number: int, gap: int) -> Response:
        """Makes the access, after a gap."""
        await self.before(number)
        await pause(gap)
        response = await self.access(number)
        if self.returns is not None and response.value != self.returns:
            raise AssertionError(f"{self.name} must return {self.returns}, not {response.value}")
        await self.after(number)
        return response


def operations(rig: Rig, machines: Machines, software: Software) -> list[Operation]:
    """All of them, made by the victim, by its VMM and by the host, from the state that `Machines.set_up` leaves."""
    m, read, write = machines, software.read, software.write
    host, vmm, victim, other, hostile, spare = m.host, m.vmm, m.victim, m.other, m.hostile, m.spare
    word, bit = spare // 32, 1 << spare % 32
    enabled = words(m.enabled_by(victim))
    walked_word = min(1, m.parameters.word_count - 1)
    mask = enabled.get(walked_word, 0)
    enable_words = ((0, 0xFFFFFFFF), (0xFFFFFFFF, 0), (mask, mask ^ 1 << 6), (mask, mask))
    """The word before, and what is written."""

    def is_shown() -> bool:
        return rig.direct(0).source == spare

    async def message(_: int) -> None:
        await write(host, "MESSAGE", source=spare)
        await until(is_shown, "a message is not on the line")

    async def serve(_: int) -> None:
        await until(is_shown, "an event is not on the line")
        await read(victim, "CLAIM")
        await write(victim, "CLAIM", source=spare)

    async def claimed(number: int) -> None:
        await message(number)
        await read(victim, "CLAIM")

    def complete(_: int) -> Access:
        return write(victim, "CLAIM", source=spare)

    def back(_: int) -> Access:
        return write(host, "RUNNING", 0, context=victim)

    async def allow_again(number: int) -> None:
        """A VMM's subtree is allowed again what it has lost, and has it enabled again."""
        await write(host, "ALLOW", hostile, walked_word, value=0xFFFFFFFF)
        for context in {m.runner, *m.idle} - {hostile}:
            await write(host, "ALLOW", context, walked_word, value=0xFFFFFFFF)
        for context in {m.runner, hostile}:
            await write(context, "ENABLE", walked_word, value=words(m.enabled_by(context)).get(walked_word, 0))

    def refused(number: int) -> Access:
        """The guest reads or writes what only the host may, or a source that is not its own."""
        return (
            read(victim, "TRAP", 0, error=True), write(victim, "RUNNING", 0, context=victim, error=True),
            write(victim, "ROUTE", m.own, owner=victim, error=True), read(victim, "EVENTS", hostile, error=True),
        )[number % 4]

    return [
        Operation("read PRIORITY", lambda _: read(victim, "PRIORITY", spare), returns=1),
        Operation("read ENABLE word", lambda _: read(victim, "ENABLE", word), returns=enabled[word]),
        Operation("read THRESHOLD", lambda _: read(victim, "THRESHOLD"), returns=0),
        Operation("read COUNT", lambda n: read(vmm, "COUNT", victim, n % 4)),
        Operation("claim", lambda _: read(victim, "CLAIM"), message, complete, returns=spare, served=True),
        Operation("claim of nothing", lambda _: read(victim, "CLAIM"), returns=0, served=True),
        Operation("complete", complete, claimed, served=True),
        Operation("complete of nothing", lambda n: write(victim, "CLAIM", value=(spare, 0, 0x3FF)[n % 3])),
        Operation(
            "write PRIORITY", lambda n: write(victim, "PRIORITY", m.mine[0], priority=n % 2),
            after=lambda _: write(victim, "PRIORITY", m.mine[0], priority=1),
        ),
        Operation(
            "write THRESHOLD", lambda n: write(victim, "THRESHOLD", threshold=n % 2),
            after=lambda _: write(victim, "THRESHOLD", threshold=0),
        ),
        Operation("write VECTOR_BASE", lambda n: write(victim, "VECTOR_BASE", base=n << 16)),
        Operation(
            "write ENABLE word",
            lambda n: write(victim, "ENABLE", walked_word, value=enable_words[n % 4][1]),
            lambda n: write(victim, "ENABLE", walked_word, value=enable_words[n % 4][0]),
            lambda _: write(victim, "ENABLE", walked_word, value=mask),
        ),
        Operation("MESSAGE", lambda _: write(host, "MESSAGE", source=spare), after=serve, served=True),
        Operation("INJECT", lambda _: write(vmm, "INJECT", source=spare, context=victim), after=serve, served=True),
        Operation(
            "FORCE_COMPLETE", lambda _: write(vmm, "FORCE_COMPLETE", source=spare), claimed, complete, served=True
        ),
        Operation("read PENDING", lambda _: read(victim, "PENDING", word), message, serve, served=True),
        Operation("read REQUESTS", lambda _: read(vmm, "REQUESTS", victim, word)),
        Operation("write REQUESTS", lambda _: write(vmm, "REQUESTS", victim, word, value=bit)),
        Operation("refused", refused, after=lambda _: write(host, "EVENTS", victim, value=0xF)),
        Operation(
            "ROUTE", lambda n: write(vmm, "ROUTE", spare, owner=(other, victim)[n % 2]),
            after=lambda _: write(vmm, "ROUTE", spare, owner=victim),
        ),
        Operation("read ROUTE", lambda _: read(vmm, "ROUTE", spare)),
        Operation(
            "TRIGGER", lambda _: write(host, "TRIGGER", spare, mode=Trigger.EDGE_RISING),
            lambda n: write(host, "TRIGGER", spare, mode=Trigger.MESSAGE),
        ),
        Operation("read TRIGGER", lambda _: read(host, "TRIGGER", spare), returns=Trigger.EDGE_RISING),
        Operation("TRAP", lambda _: write(host, "TRAP", 0, value=0)),
        Operation("read TRAP", lambda _: read(host, "TRAP", 0)),
        Operation("EVENTS", lambda _: write(vmm, "EVENTS", victim, value=0xF)),
        Operation("read EVENTS", lambda _: read(vmm, "EVENTS", victim)),
        Operation("EVENT", lambda _: read(vmm, "EVENT")),
        Operation(
            "RUNNING", lambda n: write(host, "RUNNING", 0, context=(host, victim, other)[n % 3]), back, back,
        ),
        Operation("ALLOW", lambda _: write(host, "ALLOW", hostile, walked_word, value=0), after=allow_again),
        Operation("read ALLOW", lambda _: read(host, "ALLOW", victim, word)),
        Operation("TREE", lambda n: m.rearrange(software, host, n)),
        Operation("read TREE", lambda _: read(host, "TREE", victim)),
    ]
