"""Tables of docs/integration.md: ports of the generated Verilog, with their widths as formulas, and memories."""

from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from textwrap import fill
from typing import Any

from ..controller import Controller
from ..parameters import Parameters
from .generate import BUSES, flat_ports
from .memories import block_bits, memories, memory_table
from .ports import Port, ports_of

__all__ = ["EXAMPLE", "sections", "width_formula"]

EXAMPLE = Parameters()
"""The configuration for which the tables give figures."""

_FORMULAS: Mapping[str, Callable[[Parameters], int]] = {
    "N": lambda p: p.source_count,
    "N + 1": lambda p: p.source_count + 1,
    "H": lambda p: p.hart_count,
    "S": lambda p: p.source_bits,
    "C": lambda p: p.context_bits,
    "22 + C": lambda p: p.address_bits,
}

_CONFIGURATIONS = (
    EXAMPLE,
    Parameters(source_count=7, context_count=3, hart_count=2, priority_bits=5),
    Parameters(source_count=1023, context_count=200, hart_count=5, priority_bits=8),
    Parameters(source_count=300, context_count=1, hart_count=3, priority_bits=1),
)
"""In no two of these do two formulas agree."""


def width_formula(widths: Iterable[int]) -> str:
    """The formula of a port's width, from its widths in ``_CONFIGURATIONS``.

    Raises
    ------
    ValueError
        No formula gives these widths.
    """
    found = tuple(widths)
    if len({*found}) == 1:
        return str(found[0])
    for text, formula in _FORMULAS.items():
        if found == tuple(map(formula, _CONFIGURATIONS)):
            return text
    raise ValueError(f"widths must be those of one of {', '.join(_FORMULAS)}, not {found!r}")


def _ports(bus: Any, parameters: Parameters) -> dict[str, Port]:
    return {
        port.name: port
        for port in ports_of(flat_ports(parameters, bus=bus, trace=True), (BUSES[bus], Controller))
    }


def _port_table(ports: Iterable[tuple[Port, str]]) -> str:
    lines, group = list[str](), None
    for port, formula in ports:
        if port.group != group:
            group = port.group
            lines += ["", *([f"**{group}**", ""] if group else [])]
            lines += [f"| port | direction | width | {EXAMPLE.size} | meaning |", "|---|---|--:|--:|---|"]
        direction = "input" if port.is_input else "output"
        lines.append(f"| `{port.name}` | {direction} | {formula} | {port.width} | {port.meaning} |")
    return "\n".join(lines).strip() + "\n"


def _port_section() -> str:
    by_bus = {bus: [_ports(bus, each) for each in _CONFIGURATIONS] for bus in BUSES}

    def rows(bus: str, names: Iterable[str]) -> list[tuple[Port, str]]:
        of_all = by_bus[bus]
        return [(of_all[0][name], width_formula(ports[name].width for ports in of_all)) for name in names]

    common = set.intersection(*({*ports[0]} for ports in by_bus.values()))
    first = next(iter(BUSES))
    texts = [_port_table(rows(first, (name for name in by_bus[first][0] if name in common)))]
    for bus, ports in by_bus.items():
        table = _port_table(rows(bus, (name for name in ports[0] if name not in common)))
        texts.append(f"With `--bus {bus}`:\n\n{table}")
    return "\n".join(texts)


def _memory_section() -> str:
    found = memories(EXAMPLE)
    blocks = sum(each.style == "block" for each in found)
    return (
        f"{EXAMPLE.size} with {EXAMPLE.priority_bits} priority bits: {len(found)} memories, of which {blocks} are "
        f"block RAM of {block_bits(found):,} bits together.\n\n{memory_table(found)}"
    )


def _waiver_section() -> str:
    """Rules of rtl/waivers.vlt, and the comments before them, which say why."""
    items, comment, rules = list[str](), list[str](), list[str]()

    def end() -> None:
        if rules:
            text = f"- {', '.join(f'`{rule}`' for rule in rules)}: {' '.join(comment)}"
            items.append(fill(text, 120, subsequent_indent="  ", break_on_hyphens=False))
        comment.clear()
        rules.clear()

    _, _, rest = files("hic.rtl").joinpath("waivers.vlt").read_text().partition("\n\n")
    for line in rest.splitlines():
        if line.startswith("// "):
            if rules:
                end()
            comment.append(line.removeprefix("// "))
        else:
            rules.append(line.removeprefix("lint_off -rule "))
    end()
    return "\n".join(items) + "\n"


def sections() -> dict[str, str]:
    """The generated parts of docs/integration.md, by name."""
    return {"ports": _port_section(), "memories": _memory_section(), "waivers": _waiver_section()}
