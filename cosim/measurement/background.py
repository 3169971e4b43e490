"""The rest of the system while an access is measured: another master makes accesses of all kinds, in random order."""

from collections.abc import Awaitable, Callable
from random import Random

from hic.rtl.parameters import Trigger

from .machines import Machines, Software, words
from .stage import EagerHart

__all__ = ["background"]

_COMPLETIONS = 0.25
"""The part of the accesses that complete what the other hart has taken, if it has taken anything."""


async def background(
    machines: Machines, software: Software, random: Random, harts: tuple[EagerHart, ...]
) -> None:
    """Endless: accesses of the hostile VMM, its guests, and the host on behalf of others than the victim.

    Some are refused, as others have taken away what they are about.
    """
    choices = _choices(machines, software, random)
    while True:
        waiting = [hart for hart in harts if hart.taken]
        if waiting and random.random() < _COMPLETIONS:
            line = waiting[0].taken.popleft().line
            await software.write(line.context, "CLAIM", source=line.source, error=None)
        else:
            await random.choice(choices)()


def _choices(m: Machines, software: Software, random: Random) -> list[Callable[[], Awaitable[object]]]:
    host, hostile, runner = m.host, m.hostile, m.runner
    child = random.randint(hostile + 1, m.last)
    word_count, last_word = m.parameters.word_count, m.parameters.word_count - 1

    def read(context: int, name: str, *indices: int) -> Awaitable[object]:
        return software.read(context, name, *indices, error=None)

    def write(context: int, name: str, /, *indices: int, value: int | None = None, **fields: int) -> Awaitable[object]:
        return software.write(context, name, *indices, value=value, error=None, **fields)

    def any_source() -> int:
        return random.choice(m.theirs)

    def any_word() -> int:
        return random.randrange(word_count)

    async def enable() -> None:
        """All bits of a word, or some."""
        word = any_word()
        await write(runner, "ENABLE", word, value=random.choice((0, 0xFFFFFFFF, random.getrandbits(32))))
        await write(runner, "ENABLE", word, value=words(m.theirs).get(word, 0))

    async def allow() -> None:
        """A child loses a word of sources, and gets it back."""
        await write(hostile, "ALLOW", child, last_word, value=0)
        await write(hostile, "ALLOW", child, last_word, value=0xFFFFFFFF if child != m.roamer else 0)

    async def switch() -> None:
        """The other hart runs the host for a while."""
        await write(host, "RUNNING", 1, context=host)
        await write(host, "RUNNING", 1, context=runner)

    async def trigger() -> None:
        source = any_source()
        await write(host, "TRIGGER", source, mode=Trigger.MESSAGE)
        await write(host, "TRIGGER", source, mode=Trigger.EDGE_RISING)

    async def route() -> None:
        source = any_source()
        await write(hostile, "ROUTE", source, owner=child)
        await write(hostile, "ROUTE", source, owner=runner)

    choices: list[Callable[[], Awaitable[object]]] = [
        lambda: read(runner, "PRIORITY", any_source()),
        lambda: read(runner, "PENDING", any_word()),
        lambda: read(runner, "CLAIM"),
        lambda: read(runner, "TRAP", 0),
        lambda: write(runner, "RUNNING", 0, context=runner),
        lambda: write(runner, "PRIORITY", any_source(), priority=1),
        lambda: write(runner, "THRESHOLD", threshold=random.randint(0, 1)),
        lambda: write(runner, "VECTOR_BASE", base=random.getrandbits(32)),
        lambda: write(runner, "CLAIM", source=any_source()),
        enable, allow, trigger, route,
        lambda: write(hostile, "INJECT", source=any_source(), context=child),
        lambda: write(hostile, "MESSAGE", source=any_source()),
        lambda: write(hostile, "FORCE_COMPLETE", source=any_source()),
        lambda: m.rearrange(software, hostile, random.randint(0, 1), error=None),
        lambda: write(hostile, "EVENTS", child, value=0xF),
        lambda: write(hostile, "REQUESTS", child, any_word(), value=0xFFFFFFFF),
        lambda: read(hostile, "EVENT"),
        lambda: read(hostile, "COUNT", child, 0),
        lambda: write(host, "EVENTS", hostile, value=0xF),
        lambda: write(host, "EVENTS", runner, value=0xF),
        lambda: read(host, "TRAP", 0),
        lambda: write(host, "STUCK_LIMIT", exponent=random.choice((0, 10))),
    ]
    if m.has_second_hart:
        choices.append(switch)
    return choices


