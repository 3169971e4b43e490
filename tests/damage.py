"""Damage to files that are read: what a reader makes of it must be an error that it names, or a result."""

import random

__all__ = ["damaged"]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A file with some damage: cut, bytes changed, lines swapped, bytes repeated."""
    match chance.randrange(4):
        case 0:
            return data[: chance.randrange(len(data) + 1)]
        case 1:
            changed = bytearray(data)
            for _ in range(chance.randint(1, 8)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            return bytes(changed)
        case 2:
            parts = data.splitlines(keepends=True)
            chance.shuffle(parts)
            return b"".join(parts)
        case _:
            place, length = chance.randrange(len(data)), chance.randint(1, 40)
            return data[:place] + data[place : place + length] * chance.randint(2, 200) + data[place + length :]
