"""The output of commands: text as it is written, and tables that are never cut.

Names come from users' files. Rich would take ``[tx]`` for markup and ``:x:`` for a picture; nothing printed here does.
"""

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

__all__ = ["console", "errors", "progress", "show", "spinner"]

_WIDEST = 10_000


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, markup=False, emoji=False)


console = _console()
"""Standard output."""

errors = _console(stderr=True)
"""Standard error: progress and warnings."""


def show(table: Table, on: Console = console, *, fold: bool = False) -> None:
    """Prints a table as wide as it needs, whatever the width of the terminal or of a file: no figure is cut off. With
    ``fold``, lines may be broken between words.
    """
    limits = on.measure(table, options=on.options.update(width=_WIDEST))
    before = on.width
    on.width = max(before, limits.minimum if fold else limits.maximum)
    try:
        on.print(table)
    finally:
        on.width = before


def progress(*columns: ProgressColumn, on: Console = errors, transient: bool = True) -> Progress:
    """A progress bar that shows descriptions as they are."""
    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), *columns, TimeElapsedColumn(), console=on,
        transient=transient,
    )


def spinner(text: str, on: Console = console) -> Status:
    """A spinner beside a text, while something without a bar is going on."""
    return on.status(Text(text))
