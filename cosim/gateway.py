"""Events that the gateways must accept in each cycle, predicted from the pins (docs/architecture.md, section 3)."""

from hic.rtl.parameters import SYNCHRONIZER_CYCLES, Parameters, Trigger
from hic.sw_model.reference import ReferenceController

__all__ = ["GatewayModel"]


class GatewayModel:
    """Predicts events from wires. Exact to the cycle.

    Parameters
    ----------
    parameters : Parameters
        The configuration.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._delay = SYNCHRONIZER_CYCLES if parameters.synchronizer else 0
        self.reset()

    def reset(self) -> None:
        """As after a reset of the controller: cycle -1 was quiet, with all wires 0."""
        self._cycle = -1
        self._pins = [0] * (self._delay + 2)
        self._by_trigger = dict.fromkeys(Trigger, 0)
        self._quiet = (-1, 0)

    def step(self, cycle: int, pins: int) -> tuple[int, int]:
        """The wires as the triggers see them in this cycle and in the one before.

        Pins do not change between the last step and the cycle before this one.
        """
        depth = len(self._pins)
        passed = min(cycle - self._cycle, depth)
        if passed:
            self._pins = ([pins] + [self._pins[0]] * (passed - 1) + self._pins)[:depth]
        self._pins[0] = pins
        self._cycle = cycle
        return self._pins[self._delay], self._pins[self._delay + 1]

    @property
    def is_settled(self) -> bool:
        """True if the triggers have seen what is on the pins now."""
        return len(set(self._pins)) == 1

    def look(self, golden: ReferenceController) -> None:
        """Takes the triggers from the golden model."""
        self._by_trigger = dict.fromkeys(Trigger, 0)
        for source, trigger in enumerate(golden.trigger):
            self._by_trigger[trigger] |= 1 << source

    def configure(self, cycle: int, source: int) -> None:
        """A source's trigger was written: the new one does not look at the wire in the first cycle."""
        self._quiet = (cycle + 1, 1 << source)

    def trigger_of(self, source: int) -> Trigger:
        """The trigger of a source as it was taken from the golden model."""
        return next(trigger for trigger, sources in self._by_trigger.items() if sources >> source & 1)

    def events(self, golden: ReferenceController, wires: int, before: int) -> int:
        """Sources with an event in a cycle, from the state at its beginning. Those that will merge are included."""
        by_trigger = self._by_trigger
        levels = by_trigger[Trigger.LEVEL_HIGH] & wires | by_trigger[Trigger.LEVEL_LOW] & ~wires
        rising, falling = by_trigger[Trigger.EDGE_RISING], by_trigger[Trigger.EDGE_FALLING]
        edges = rising & wires & ~before | falling & before & ~wires
        quiet_cycle, quiet = self._quiet
        events = (levels & ~golden.pending & ~golden.in_service | edges) & golden.all_sources
        return events & ~quiet if self._cycle == quiet_cycle else events
