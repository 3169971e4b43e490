"""The memories of the generated Verilog: what an ASIC flow needs macros for, and what FPGAs map to RAM."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from amaranth.hdl import Fragment, Shape
from amaranth.lib import memory

from ..controller import Controller
from ..parameters import Parameters

__all__ = ["Memory", "block_bits", "memories", "memory_table"]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """A memory.

    Parameters
    ----------
    path : str
        Names of the blocks that it is in, and its own, joined by points.
    words, width : int
        Its depth, and the bits of a word.
    style : str
        The attribute ``ram_style``: "block" or "distributed".
    read_ports, write_ports : int
        Ports. Those of a block RAM share one address, and never read and write in the same cycle.
    """

    path: str
    words: int
    width: int
    style: str
    read_ports: int
    write_ports: int

    @property
    def bits(self) -> int:
        """Bits in all."""
        return self.words * self.width


def memories(parameters: Parameters) -> list[Memory]:
    """The memories of a controller, as elaborated: block RAM first, each kind by path."""

    def walk(fragment: Fragment, path: tuple[str, ...]) -> Iterator[Memory]:
        for each in fragment.origins or ():
            if isinstance(each, memory.Memory):
                yield Memory(
                    path=".".join(path), words=each.depth, width=Shape.cast(each.shape).width,
                    style=each.attrs["ram_style"], read_ports=len(each.read_ports), write_ports=len(each.write_ports),
                )
        for inner, name, _ in fragment.subfragments:
            yield from walk(inner, (*path, name))

    return sorted(walk(Fragment.get(Controller(parameters), None), ()), key=lambda each: (each.style, each.path))


def block_bits(found: Iterable[Memory]) -> int:
    """Bits of block RAM."""
    return sum(each.bits for each in found if each.style == "block")


def memory_table(found: Iterable[Memory]) -> str:
    """A table in Markdown, one line for each memory."""
    lines = ["| memory | kind | words x bits | ports |", "|---|---|--:|---|"]
    for each in found:
        if each.style == "block":
            kind, ports = "block", "1, read or write"
        else:
            kind, ports = "LUT", f"{each.read_ports} read, {each.write_ports} write"
        lines.append(f"| `{each.path}` | {kind} | {each.words} x {each.width} | {ports} |")
    return "\n".join(lines) + "\n"
