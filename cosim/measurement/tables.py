"""Measured figures for the terminal, each beside its limit."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

__all__ = ["exceeded", "tables"]

_KEPT, _EXCEEDED = Text("kept", style="green"), Text("over", style="red")
_INTERRUPTS = {
    "sustained/claim_complete": "claim and complete, to the next claim",
    "sustained/acknowledge_complete": "acknowledge and complete, to the next",
    "sustained/acknowledge_to_next": "acknowledge to the next event",
    "sustained/acknowledge_injection_to_next": "acknowledge to the next injection",
    "pin_to_line/idle": "pin to direct line",
    "pin_to_line/trap_line": "pin to trap line",
    "doorbell/idle": "pin to doorbell",
    "notice/doorbell_of_injection": "INJECT to doorbell",
    "notice/request": "request to trap line",
    "notice/violation": "violation to trap line",
    "switch/response": "world switch: RUNNING to response",
    "switch/direct": "world switch: response to direct line",
    "switch/traps": "world switch: response to trap line",
    "shared/trap_line": "shared interrupt: pin to trap line",
    "shared/claimed": "shared interrupt: pin to claim",
    "shared/injected": "shared interrupt: pin to second INJECT",
    "shared/completed": "shared interrupt: pin to third completion",
}
_HOSTILE = {
    "hostile/claim_complete": ("claim, complete", "sustained/claim_complete"),
    "hostile/running": ("RUNNING", "switch/response"),
    "hostile/acknowledge_to_next": ("ack. to next", "sustained/acknowledge_to_next"),
    "hostile/pin_to_line": ("pin to line", "pin_to_line/idle"),
    "doorbell/hostile": ("doorbell", "doorbell/idle"),
    "notice/hostile": ("violation", "notice/violation"),
}
"""A column's heading, and the same figure without a hostile machine."""
_LINES = {
    "dark": "direct line dark",
    "dark/unconcerned": "  by what does not concern it",
    "dark/others": "  by others",
    "dark/trap_line": "trap line dark, but for RUNNING",
    "dark/trap_line/switch": "  by RUNNING",
    "dark/trap_line/unconcerned": "  by what does not concern it",
    "pin_to_line/during": "pin to line, during accesses",
    "pin_to_line/unconcerned": "  that do not concern it",
}
_TOP = 12

Results = Mapping[str, Any]


def exceeded(results: Results) -> list[dict[str, Any]]:
    """The verdicts that are not kept."""
    return [verdict for verdict in results["verdicts"] if not verdict["is_kept"]]


def tables(results: Results) -> Iterator[Table]:
    """All of them. ``results`` are those of `cosim.measurement.campaign.measure`."""
    verdicts = {verdict["figure"]: verdict for verdict in results["verdicts"]}
    yield _accesses(results, verdicts)
    yield _interrupts(results, verdicts)
    yield _lines(results, verdicts)
    yield _disturbances(results)
    yield _hostile(results, verdicts)


def _at(results: Results, path: str) -> Any:
    value: Any = results
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _range(figure: Mapping[str, int] | None) -> str:
    """Lowest, median and highest, or the one value that all have."""
    if figure is None:
        return "-"
    if figure["min"] == figure["max"]:
        return str(figure["max"])
    return f"{figure['min']}/{figure['median']}/{figure['max']}"


def _verdict(*verdicts: Mapping[str, Any] | None) -> Text:
    known = [verdict for verdict in verdicts if verdict is not None]
    if not known:
        return Text()
    return _KEPT if all(verdict["is_kept"] for verdict in known) else _EXCEEDED


def _limit(verdict: Mapping[str, Any] | None) -> str:
    return str(verdict["limit"]) if verdict is not None else ""


def _title(results: Results, what: str) -> str:
    c = results["configuration"]
    return f"{c['sources']} x {c['contexts']} x {c['harts']}: {what}"


def _right(*headings: str, title: str, left: int = 1) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right", no_wrap=True)
    return table


def _accesses(results: Results, verdicts: Mapping[str, Any]) -> Table:
    """``turn`` is the longest access beside another master, from the cycle in which it gets its turn."""
    has_plic = "plic" in results
    headings = ["access", "idle", "≤", "busy", "≤", "turn", "≤", ""]
    if has_plic:
        headings += ["PLIC", "busy"]
    table = _right(*headings, title=_title(results, "accesses, cycles from valid to response (min/median/max)"))
    for name, figures in results["access"].items():
        judged = [verdicts.get(f"access/{name}/{kind}/max") for kind in ("idle", "busy", "turn")]
        shown = [_range(figures["idle"]), _range(figures["busy"]), str(figures["turn"]["max"])]
        row: list[str | Text] = [cell for pair in zip(shown, map(_limit, judged), strict=True) for cell in pair]
        row.append(_verdict(*judged))
        if has_plic:
            row += [_range(_at(results, f"plic/access/{name}/{kind}")) for kind in ("idle", "busy")]
        table.add_row(name, *row)
    return table


def _interrupts(results: Results, verdicts: Mapping[str, Any]) -> Table:
    headings = ["from ... to", "min/median/max", "at most", ""]
    has_plic = "plic" in results
    title = _title(results, "interrupts, with nothing else going on, cycles")
    table = _right(*headings, *(["PLIC"] if has_plic else []), title=title)
    table.add_row(
        "reset to the first response", str(results["reset"]["cycles"]), _limit(verdicts["reset/cycles"]),
        _verdict(verdicts["reset/cycles"]), *(["-"] if has_plic else []),
    )
    for path, text in _INTERRUPTS.items():
        judged = [verdicts.get(f"{path}/max")]
        limit = _limit(judged[0])
        if path.endswith("injection_to_next"):
            judged = [verdict for name, verdict in verdicts.items() if name.startswith(f"{path}/by_waiting/")]
            limit = " to ".join(str(verdict["limit"]) for verdict in (judged[-1], judged[0]) if verdict is not None)
        row: list[str | Text] = [text, _range(_at(results, path)), limit, _verdict(*judged)]
        table.add_row(*row, *([_range(_at(results, f"plic/{path}"))] if has_plic else []))
    return table


def _lines(results: Results, verdicts: Mapping[str, Any]) -> Table:
    table = _right("line", "max", "at most", "", "by", title=_title(results, "lines under accesses, cycles"))
    for path, text in _LINES.items():
        figure, verdict = _at(results, path), verdicts[f"{path}/max"]
        table.add_row(text, str(figure["max"]), _limit(verdict), _verdict(verdict), str(figure["by"] or ""))
    return table


def _disturbances(results: Results) -> Table:
    """The accesses that cost the victim's line most."""
    title = _title(results, "accesses that cost the victim's line most, cycles")
    table = _right("access", "dark", "pin to line", title=title)
    pins = {name: max(cycles for _, cycles in pairs) for name, pairs in results["pin_to_line"]["phases"].items()}
    dark = results["dark"]["direct"]
    idle = results["pin_to_line"]["idle"]["max"]
    costly = [name for name in dark if dark[name] or pins.get(name, 0) > idle]
    for name in sorted(costly, key=lambda each: (-max(dark[each], pins.get(each, 0) - idle), each))[:_TOP]:
        table.add_row(name, str(dark[name]), str(pins.get(name, "-")))
    return table


def _hostile(results: Results, verdicts: Mapping[str, Any]) -> Table:
    title = _title(results, "a victim beside hostile machines, cycles at most")
    table = _right("machine", *(text for text, _ in _HOSTILE.values()), title=title)
    figures = [_at(results, path) for path in _HOSTILE]
    judged = [verdicts[f"{path}/max"] for path in _HOSTILE]
    table.add_row("none", *(str(_at(results, idle)["max"]) for _, idle in _HOSTILE.values()))
    for machine in figures[0]["by_machine"]:
        table.add_row(machine, *(str(figure["by_machine"][machine]) for figure in figures))
    table.add_section()
    table.add_row("at most", *(_limit(verdict) for verdict in judged))
    table.add_row("verdict", *(_verdict(verdict) for verdict in judged))
    if "plic" in results:
        table.add_row("PLIC, busy", str(results["plic"]["hostile"]["claim_complete"]["max"]),
                      *["-"] * (len(figures) - 1))
    return table
