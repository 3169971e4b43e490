"""Every access and acknowledge that may be made while an event is on its way to a line or on it.

Each has an author, and concerns what the victim's direct line shows, what the host's trap line shows, or nothing of
both. After it the event is on its line as before.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from hic.rtl.parameters import Trigger

from .machines import Machines, Software, words
from .rig import Rig, until

__all__ = ["Author", "Disturbance", "disturbances"]

Act = Callable[[int], Awaitable[object]]


class Author(Enum):
    """Of a disturbance, as the victim sees it."""

    ITSELF = "itself"
    """The victim."""
    VMM = "its VMM"
    """Its parent."""
    HOST = "the host"
    """L0, which manages all."""
    OTHERS = "others"
    """A sibling, or a machine elsewhere."""


async def _nothing(_: int) -> None:
    pass


@dataclass(frozen=True)
class Disturbance:
    """Something that a line might mind.

    Parameters
    ----------
    author : Author
        On whose behalf it is done.
    what : str
        The access, or the acknowledge.
    act : callable
        Does it, for a sample of some number.
    direct, trap : bool
        It concerns what the direct line, or the host's trap line, shows.
    before, after : callable
        Bring the state in which it is done, and the one before that. Neither is measured.
    is_swept : bool
        An event that meets it in any phase is to show. Not so if it takes the event that the line shows, or if an edge
        may come too early to count.
    """

    author: Author
    what: str
    act: Act
    direct: bool = False
    trap: bool = False
    before: Act = _nothing
    after: Act = _nothing
    is_swept: bool = True

    @property
    def name(self) -> str:
        """Author and access."""
        return f"{self.author.value}: {self.what}"


def disturbances(rig: Rig, machines: Machines, software: Software) -> list[Disturbance]:
    """All of them, in the state that `Machines.set_up` leaves."""
    return [
        *_by_itself(rig, machines, software), *_by_managers(machines, software), *_by_others(rig, machines, software),
    ]


def _by_itself(rig: Rig, m: Machines, software: Software) -> list[Disturbance]:
    read, write = software.read, software.write
    victim, spare, another = m.victim, m.spare, m.mine[0]
    enabled = words(m.enabled_by(victim))
    last_word = max(enabled)

    async def in_service(_: int) -> None:
        """The victim has a source in service."""
        await write(m.host, "MESSAGE", source=another)
        await until(lambda: rig.direct(0).source == another, "a message is not on the line")
        await read(victim, "CLAIM")

    async def waiting(_: int) -> None:
        await write(m.host, "MESSAGE", source=another)

    def other_bits(number: int, word: int) -> int:
        """All bits of a word but those of what is shown."""
        shown = 1 << spare % 32 if spare // 32 == word else 0
        return (0, 0xFFFFFFFF)[number % 2] & ~shown | shown

    def enable(word: int) -> tuple[Act, Act]:
        return (
            lambda n: write(victim, "ENABLE", word, value=other_bits(n, word)),
            lambda _: write(victim, "ENABLE", word, value=enabled[word]),
        )

    own = Author.ITSELF
    found = [
        Disturbance(own, "read PRIORITY", lambda _: read(victim, "PRIORITY", spare)),
        Disturbance(own, "read ENABLE word", lambda _: read(victim, "ENABLE", 0)),
        Disturbance(own, "read PENDING", lambda _: read(victim, "PENDING", 0)),
        Disturbance(own, "refused", lambda _: read(victim, "TRAP", 0, error=True),
                    after=lambda _: write(m.host, "EVENTS", victim, value=0xF)),
        Disturbance(own, "write PRIORITY of the source", lambda _: write(victim, "PRIORITY", spare, priority=1), True),
        Disturbance(own, "write PRIORITY of another source",
                    lambda n: write(victim, "PRIORITY", another, priority=n % 2), True,
                    after=lambda _: write(victim, "PRIORITY", another, priority=1)),
        Disturbance(own, "write THRESHOLD", lambda _: write(victim, "THRESHOLD", threshold=0), True),
        Disturbance(own, "write VECTOR_BASE", lambda n: write(victim, "VECTOR_BASE", base=n << 16), True),
        Disturbance(own, "write ENABLE word of the source", enable(0)[0], True, after=enable(0)[1]),
        Disturbance(own, "complete", lambda _: write(victim, "CLAIM", source=another), True, before=in_service),
        Disturbance(own, "complete of nothing", lambda _: write(victim, "CLAIM", source=another), True),
        Disturbance(own, "claim, and another waits", lambda _: read(victim, "CLAIM"), True, before=waiting,
                    after=lambda _: write(victim, "CLAIM", source=spare), is_swept=False),
    ]
    if last_word:
        act, after = enable(last_word)
        found.append(Disturbance(own, "write another ENABLE word", act, True, after=after))
    return found


def _by_managers(m: Machines, software: Software) -> list[Disturbance]:
    read, write = software.read, software.write
    host, vmm, victim, spare, another = m.host, m.vmm, m.victim, m.spare, m.mine[0]
    enabled = words(m.enabled_by(victim))
    last_word = max(enabled)
    kept = 1 << spare % 32 if last_word == 0 else 0

    def allow_and_enable(page: int, context: int) -> Act:
        async def act(_: int) -> None:
            await write(page, "ALLOW", context, last_word, value=0xFFFFFFFF)
            if context == vmm:
                for child in {victim, m.other} - {vmm}:
                    await write(page, "ALLOW", child, last_word, value=0xFFFFFFFF)
            await write(victim, "ENABLE", last_word, value=enabled[last_word])

        return act

    found = [
        Disturbance(Author.VMM, "ROUTE of the source", lambda _: write(vmm, "ROUTE", spare, owner=victim), True),
        Disturbance(Author.VMM, "ROUTE of another source", lambda _: write(vmm, "ROUTE", another, owner=victim), True),
        Disturbance(Author.VMM, "INJECT", lambda _: write(vmm, "INJECT", source=m.mine[-1], context=victim), True),
        Disturbance(Author.VMM, "MESSAGE", lambda _: write(vmm, "MESSAGE", source=another), True),
        Disturbance(Author.VMM, "FORCE_COMPLETE", lambda _: write(vmm, "FORCE_COMPLETE", source=another), True),
        Disturbance(Author.VMM, "ALLOW", lambda _: write(vmm, "ALLOW", victim, last_word, value=kept), True,
                    after=allow_and_enable(vmm, victim)),
        Disturbance(Author.VMM, "TREE", lambda _: write(vmm, "TREE", victim, last=victim), True),
        Disturbance(Author.VMM, "write REQUESTS", lambda _: write(vmm, "REQUESTS", victim, 0, value=0xFFFFFFFF)),
        Disturbance(Author.VMM, "EVENTS", lambda _: write(vmm, "EVENTS", victim, value=0xF)),
        Disturbance(Author.VMM, "EVENT", lambda _: read(vmm, "EVENT")),
        Disturbance(Author.HOST, "RUNNING", lambda _: write(host, "RUNNING", 0, context=victim), True, True),
        Disturbance(Author.HOST, "TREE of the VMM", lambda _: write(host, "TREE", vmm, last=m.hostile - 1), True),
        Disturbance(Author.HOST, "ALLOW of the VMM", lambda _: write(host, "ALLOW", vmm, last_word, value=kept), True,
                    after=allow_and_enable(host, vmm)),
        Disturbance(Author.HOST, "TRIGGER of the source",
                    lambda _: write(host, "TRIGGER", spare, mode=Trigger.EDGE_RISING), True, is_swept=False),
        Disturbance(Author.HOST, "TRAP", lambda _: write(host, "TRAP", 0, value=0)),
        Disturbance(Author.HOST, "read TRAP", lambda _: read(host, "TRAP", 0)),
        Disturbance(Author.HOST, "STUCK_LIMIT", lambda n: write(host, "STUCK_LIMIT", exponent=10 * (n % 2))),
        Disturbance(Author.HOST, "its own PRIORITY", lambda _: write(host, "PRIORITY", m.shared, priority=1),
                    trap=True),
        Disturbance(Author.HOST, "its own THRESHOLD", lambda _: write(host, "THRESHOLD", threshold=0), trap=True),
        Disturbance(Author.HOST, "its own ENABLE word",
                    lambda _: write(host, "ENABLE", 0, value=1 << m.shared), trap=True),
        Disturbance(Author.HOST, "its own complete of nothing",
                    lambda _: write(host, "CLAIM", source=m.shared), trap=True),
        Disturbance(Author.HOST, "ROUTE of its own source",
                    lambda _: write(host, "ROUTE", m.shared, owner=vmm, shared=1), trap=True),
    ]
    if m.other != vmm:
        other = m.other
        found += [
            Disturbance(Author.VMM, "INJECT into a sibling",
                        lambda _: write(vmm, "INJECT", source=m.mine[-1], context=other)),
            Disturbance(Author.VMM, "ALLOW of a sibling",
                        lambda n: write(vmm, "ALLOW", other, last_word, value=(0, 0xFFFFFFFF)[n % 2]),
                        after=lambda _: write(vmm, "ALLOW", other, last_word, value=0xFFFFFFFF)),
            Disturbance(Author.VMM, "TREE of a sibling", lambda _: write(vmm, "TREE", other, last=other)),
        ]
    return found


def _by_others(rig: Rig, m: Machines, software: Software) -> list[Disturbance]:
    read, write = software.read, software.write
    host, hostile, runner = m.host, m.hostile, m.runner
    source, by = m.theirs[0], Author.OTHERS
    theirs = words(m.enabled_by(runner))
    last_word = max(theirs)
    child = m.idle[0] if m.idle else m.last

    def guest(context: int, name: str) -> list[Disturbance]:
        """Accesses that each machine makes in its own window."""
        word = max(words(m.enabled_by(context)))
        mask = words(m.enabled_by(context))[word]
        own = m.enabled_by(context)[0]
        return [
            Disturbance(by, f"{name}'s PRIORITY", lambda _: write(context, "PRIORITY", own, priority=1)),
            Disturbance(by, f"{name}'s THRESHOLD", lambda n: write(context, "THRESHOLD", threshold=n % 2),
                        after=lambda _: write(context, "THRESHOLD", threshold=0)),
            Disturbance(by, f"{name}'s VECTOR_BASE", lambda n: write(context, "VECTOR_BASE", base=n << 16)),
            Disturbance(by, f"{name}'s ENABLE word",
                        lambda n: write(context, "ENABLE", word, value=(0, 0xFFFFFFFF)[n % 2]),
                        after=lambda _: write(context, "ENABLE", word, value=mask)),
            Disturbance(by, f"{name}'s claim", lambda _: read(context, "CLAIM")),
            Disturbance(by, f"{name}'s complete of nothing", lambda _: write(context, "CLAIM", source=own)),
            Disturbance(by, f"{name}'s read of PENDING", lambda _: read(context, "PENDING", 0)),
            Disturbance(by, f"{name}'s refused access", lambda _: read(context, "TRAP", 0, error=True),
                        after=lambda _: write(host, "EVENTS", context, value=0xF)),
        ]

    async def shown(_: int) -> None:
        await write(host, "MESSAGE", source=source)
        await until(lambda: rig.direct(1).source == source, "a message is not on the other hart's line")

    found = [
        *(guest(m.other, "a sibling") if m.other != m.vmm else []),
        *guest(runner, "another guest"),
        Disturbance(by, "another VMM's INJECT", lambda _: write(hostile, "INJECT", source=source, context=child)),
        Disturbance(by, "another VMM's ROUTE", lambda _: write(hostile, "ROUTE", source, owner=runner)),
        Disturbance(by, "another VMM's FORCE_COMPLETE", lambda _: write(hostile, "FORCE_COMPLETE", source=source)),
        Disturbance(by, "another VMM's ALLOW",
                    lambda n: write(hostile, "ALLOW", child, last_word, value=(0, 0xFFFFFFFF)[n % 2]),
                    after=lambda _: write(hostile, "ALLOW", child, last_word, value=0xFFFFFFFF)),
        Disturbance(by, "another VMM's TREE", lambda n: m.rearrange(software, hostile, n)),
        Disturbance(by, "ALLOW of another VMM", lambda _: write(host, "ALLOW", hostile, last_word, value=0xFFFFFFFF)),
        Disturbance(by, "TREE of another VMM",
                    lambda _: write(host, "TREE", hostile, last=m.last, home=m.hostile_home)),
        Disturbance(by, "TRIGGER of another's source",
                    lambda _: write(host, "TRIGGER", source, mode=Trigger.EDGE_RISING)),
    ]
    if m.has_second_hart:
        found += [
            Disturbance(by, "RUNNING of another hart",
                        lambda n: write(host, "RUNNING", 1, context=(host, runner)[n % 2]), trap=True,
                        after=lambda _: write(host, "RUNNING", 1, context=runner)),
            Disturbance(by, "another VMM's MESSAGE", lambda _: write(hostile, "MESSAGE", source=source),
                        after=lambda _: _serve(rig, software, runner)),
            Disturbance(by, "another hart's acknowledge", lambda _: rig.acknowledge(1), before=shown,
                        after=lambda _: write(runner, "CLAIM", source=source)),
            Disturbance(by, "another hart's claim", lambda _: read(runner, "CLAIM"), before=shown,
                        after=lambda _: write(runner, "CLAIM", source=source)),
        ]
    return found


async def _serve(rig: Rig, software: Software, context: int) -> None:
    """Claims and completes the event on the other hart's line."""
    await until(lambda: rig.direct(1).valid, "a message is not on the other hart's line")
    source = (await software.read(context, "CLAIM")).value
    await software.write(context, "CLAIM", source=source)
