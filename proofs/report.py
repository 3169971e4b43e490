"""Outcomes of proofs, as a table and in words."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from hic.rtl.parameters import Parameters

from .proof import Outcome, Result

__all__ = ["accounts", "table"]

_STYLES = {Result.PROVEN: "green", Result.BOUNDED: "yellow"}


def table(outcomes: Sequence[Outcome], parameters: Parameters) -> Table:
    """A row for each proof. "reached" is the first cycle in which the rule applies."""
    p = parameters
    result = Table(title=f"{p.source_count} sources, {p.context_count} contexts, {p.hart_count} harts")
    result.add_column("rule", overflow="fold")  # where there is no room, names are parted, not cut
    for heading in ("block", "engine"):
        result.add_column(heading)
    for heading in ("depth", "reached", "seconds"):
        result.add_column(heading, justify="right")
    result.add_column("result")
    for each in outcomes:
        result.add_row(
            each.proof.rule, each.proof.block, each.proof.engine.value, str(each.proof.depth),
            "-" if each.reached is None else str(each.reached), f"{each.seconds:.1f}", each.result.value,
            style=_STYLES.get(each.result, "red"),
        )
    return result


def accounts(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The counterexamples, line by line."""
    for each in outcomes:
        if each.account:
            yield f"{each.proof.name}: counterexample" + (f" in {each.waves}" if each.waves else "")
            yield from (f"  {line}" for line in each.account)
