"""Names of signals: those of the variables in the source text, however Python compiles it."""

from typing import Any

import pytest
from amaranth import tracer
from amaranth.hdl import ClockDomain, Signal

from hic.rtl.export.names import names_from_source


class Holder:
    """Something with an attribute."""

    member: Signal
    other: Signal


def made(*, src_loc_at: int = 0) -> Signal:
    """A signal that is named after its caller's variable."""
    return Signal(src_loc_at=1 + src_loc_at)


def made_in_comprehension() -> Signal:
    """The same, from within a comprehension, which some versions of Python run in a frame of its own."""
    (signal,) = [Signal(src_loc_at=1) for _ in range(1)]
    return signal


def test_variables():
    with names_from_source():
        plain = Signal(8)
        typed: Signal = Signal()
        first = second = Signal()
        assert (walrus := Signal()) is walrus
        chosen = Signal() if plain.shape().width == 8 else None
        not_chosen = None if plain.shape().width == 8 else Signal()
        left, (middle, right) = Signal(), (Signal(), Signal())
        over_lines = Signal(
            3,
            init=1,
        )
    assert (plain.name, typed.name, first.name, walrus.name) == ("plain", "typed", "first", "walrus")
    assert second is first
    assert (chosen.name, not_chosen) == ("chosen", None)
    assert (left.name, middle.name, right.name) == ("left", "middle", "right")
    assert over_lines.name == "over_lines"


def test_attributes():
    holder = Holder()
    holders = [holder]
    with names_from_source():
        holder.member = Signal()
        holders[0].other, local = Signal(), Signal()
    assert (holder.member.name, holder.other.name, local.name) == ("member", "other", "local")


def test_elsewhere_there_is_no_name():
    with names_from_source():
        listed = [Signal(), Signal()]
        negated = ~Signal()
        first, *rest = Signal(), Signal()
        holders = {}
        holders["key"] = Signal()
        in_comprehension = [Signal() for _ in range(1)]
        in_generator = tuple(Signal() for _ in range(1))
    unnamed = [*listed, *negated.operands, first, *rest, holders["key"], *in_comprehension, *in_generator]
    assert {each.name for each in unnamed} == {"$signal"}


def test_callers():
    with names_from_source():
        direct = made()
        through = (lambda: made(src_loc_at=1))()
        collected = made_in_comprehension()
        within = [made() for _ in range(1)]
    assert (direct.name, through.name, collected.name) == ("direct", "through", "collected")
    assert within[0].name == "$signal"


def test_name_that_is_needed_wrong():
    with names_from_source():
        video = ClockDomain()
        with pytest.raises(ValueError, match=r"^Clock domain name must be specified explicitly$"):
            [ClockDomain()]
    assert video.name == "video"


def test_without_the_source_amaranth_decides():
    found: dict[str, Any] = {"ClockDomain": ClockDomain, "Signal": Signal}
    with names_from_source():
        exec("x = Signal()\nvideo = ClockDomain()", found)
    assert (found["x"].name, found["video"].name) == ("x", "video")


def test_names_are_amaranths_again_afterwards():
    before = tracer.get_var_name
    with pytest.raises(ZeroDivisionError), names_from_source():
        raise ZeroDivisionError
    assert tracer.get_var_name is before
