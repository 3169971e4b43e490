"""Bugs for the proofs to find, in the tests alone: text that replaces other in a method of a block."""

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hic.rtl.access import pipeline

__all__ = ["Bug"]


@dataclass(frozen=True)
class Bug:
    """A fault that can be put into a block.

    Parameters
    ----------
    name : str
        Its name: says what is wrong.
    kind : type or callable
        The component's class; or one of the parts that ``Pipeline`` consists of.
    old, new : str
        Text in the method (once), and what replaces it.
    found_by : tuple of str
        Proofs (``block.rule``) that must find it, each for itself.
    rival : str
        The controller in which it was seen, if in one.
    method : str
        The method.
    """

    name: str
    kind: Callable[..., Any]
    old: str
    new: str
    found_by: tuple[str, ...]
    rival: str = ""
    method: str = "elaborate"

    def elaborate(self) -> Callable[..., Any]:
        """The method with the bug.

        Raises
        ------
        ValueError
            The text is not there once: the block has changed, and the bug must be written anew.
        """
        source = textwrap.dedent(inspect.getsource(self._changed))
        if (count := source.count(self.old)) != 1:
            raise ValueError(f"bug {self.name!r}: {self.old!r} must be in {self.kind.__name__} once, not {count} times")
        namespace: dict[str, Any] = {}
        exec(source.replace(self.old, self.new), sys.modules[self.kind.__module__].__dict__, namespace)
        return namespace[self._changed.__name__]

    @property
    def _changed(self) -> Callable[..., Any]:
        return getattr(self.kind, self.method) if isinstance(self.kind, type) else self.kind

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts it into the block until the test is over."""
        if isinstance(self.kind, type):
            monkeypatch.setattr(self.kind, self.method, self.elaborate())
        else:
            monkeypatch.setattr(pipeline, self.kind.__name__, self.elaborate())
