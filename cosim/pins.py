"""Judges the harts' pins by the golden model of their profile, cycle by cycle (docs/riscv.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from hic.rtl.parameters import Parameters, Profile
from hic.sw_model.pins import Pins, pins_of
from hic.sw_model.port import DirectLine

from .monitor import Sample

__all__ = ["PinJudge"]


class PinJudge:
    """Each pin is what the golden model makes of the lines of the cycle before, and asks nobody but whom it is for.

    Parameters
    ----------
    parameters : Parameters
        The configuration.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self.reset()

    def reset(self) -> None:
        """As after a reset: all lines and pins were 0."""
        harts = self._parameters.hart_count if self._parameters.has_pins else 0
        self._expected = [Pins()] * harts
        self._direct = [DirectLine()] * harts

    def step(self, sample: Sample, running: Sequence[int]) -> Iterator[tuple[str, str]]:
        """Faults of a cycle: the kind, as ``FaultKind`` has it, and the text.

        Parameters
        ----------
        sample : Sample
            The cycle. From the sample before to the cycle before this one nothing has changed.
        running : sequence of int
            By hart: the context that runs at the beginning of the cycle.
        """
        for hart, expected in enumerate(self._expected):
            found, line = sample.pins[hart], self._direct[hart]
            for name in (each.name for each in fields(Pins)):
                has, should = getattr(found, name), getattr(expected, name)
                if has != should:
                    kind = "late" if has & should == has else "spurious" if not should else "misrouted"
                    yield kind, f"{name} of hart {hart} is {has:b}, not {should:b}"
            is_guests = found.seip if self._parameters.profile == Profile.RISCV_MS else found.vseip or found.hgeip
            if is_guests and line.context != running[hart]:
                yield "misrouted", f"hart {hart} runs context {running[hart]}, and a pin is of context {line.context}"
            self._direct[hart] = sample.direct[hart].line
            self._expected[hart] = pins_of(self._parameters, sample.direct[hart].line, sample.traps[hart])

    def is_settled(self, sample: Sample) -> bool:
        """The pins will stay as they are while the lines do."""
        return list(sample.pins) == self._expected
