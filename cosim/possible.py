"""Values that the tables of contexts can hold, where these are fewer than their widths allow.

It follows from the contract, so that coverage need not ask for it. A claim that does not hold is
found as soon as some test breaks it: `cosim.code_coverage` compares.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from hic.rtl.parameters import Parameters

__all__ = ["Possible", "possible_values"]

_TABLES = "controller.core.contexts"


@dataclass(frozen=True)
class Possible:
    """All that something can hold from its first write on; before that it is 0.

    Parameters
    ----------
    net : str
        A register, or a word of a memory: its path from the top module.
    width : int
        Its bits.
    values : collection of int
        The values that it can hold.
    reason : str
        Why nothing else.
    """

    net: str
    width: int
    values: Collection[int]
    reason: str

    @property
    def rises(self) -> frozenset[int]:
        """Bits that can change from 0 to 1."""
        return frozenset(bit for bit in range(self.width) if any(value >> bit & 1 for value in self.values))

    @property
    def falls(self) -> frozenset[int]:
        """Bits that can change from 1 to 0."""
        return frozenset(bit for bit in self.rises if not all(value >> bit & 1 for value in self.values))


def possible_values(parameters: Parameters) -> Iterator[Possible]:
    """The values in a configuration."""
    p = parameters
    contexts, harts = range(p.context_count), range(p.hart_count)
    for context in contexts:
        yield Possible(
            f"{_TABLES}.last.words[{context}]", p.context_bits, contexts[context:] if context else contexts[-1:],
            "a subtree ends with its own context or a later one, and that of context 0 with the last",
        )
        yield Possible(
            f"{_TABLES}.parent.words[{context}]", p.context_bits, contexts[:context] or (0,),
            "the parent of a context has a lower number",
        )
        yield Possible(f"{_TABLES}.home.words[{context}]", p.hart_bits, harts, "there is no such hart")
