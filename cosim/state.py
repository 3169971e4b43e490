"""Campaigns that go on where they were interrupted: what is found is kept, line by line, in a file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hic.rtl.files import write_whole

__all__ = ["StateError", "StateFile", "digest_of_sources"]

_ROOT = Path(__file__).parent.parent


class StateError(Exception):
    """The file is of another campaign."""


def digest_of_sources() -> str:
    """Hash of all sources: what one version found says nothing of another."""
    digest = hashlib.sha256()
    for package in ("rtl", "sw_model", "cosim", "proofs"):
        for path in sorted((_ROOT / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


class StateFile:
    """First what the campaign is, then a line for each thing that it found.

    Parameters
    ----------
    path : Path
        The file.
    head : mapping
        Description of the campaign; the sources' hash is added to it.
    fresh : bool
        Forgets what is there.
    """

    def __init__(self, path: Path, head: Mapping[str, Any], *, fresh: bool = False) -> None:
        self._path = path
        self._head = {**head, "sources": digest_of_sources()}
        if fresh:
            path.unlink(missing_ok=True)

    def load(self) -> list[dict[str, Any]]:
        """The rows that were added so far. Raises StateError if the file is of another campaign."""
        if not self._path.exists():
            write_whole(self._path, json.dumps(self._head) + "\n")
        head, *rows = self._path.read_text().splitlines(keepends=True)
        found = json.loads(head)
        if found != self._head:
            differing = ", ".join(name for name in self._head if found.get(name) != self._head[name])
            raise StateError(
                f"{self._path} must be of the campaign that was asked for, not differ in {differing}; "
                "--fresh begins again, -o goes elsewhere"
            )
        return [json.loads(row) for row in rows if row.endswith("\n")]  # the last may be cut short

    def add(self, row: Mapping[str, Any]) -> None:
        """Keeps what was found."""
        text = self._path.read_text()
        write_whole(self._path, text[: text.rindex("\n") + 1] + json.dumps(row) + "\n")
