"""Rules of doorbells and notices, at the controller's ports."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value

from ..interfaces import Operation
from ..parameters import Cause
from ..timing import Limits
from .checker import any_of, recent
from .contract import ContractChecker
from .reference import Reference

__all__ = ["DoorbellRules"]

_WALK = 3
"""Cycles from the walker's look at a context to its doorbell."""


class DoorbellRules(ContractChecker):
    """Rules ``doorbell_once`` and ``bounded_doorbell``.

    ``doorbell_once``: a doorbell rings for a context that does not run, has something to hear of, and has run since its
    last one; if the source's event waits for such a context, it rings within K cycles. ``bounded_doorbell``: the notice
    of that doorbell, and that of a refused access, is on its trap line within K cycles, or what comes before it.

    A context that has enabled other sources, too, counts as one that has something to hear of.
    """

    RULES = ("doorbell_once", "bounded_doorbell")

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, bus, trace = self._parameters, self.bus, self.trace
        (ref,) = self._start(m)
        harts, contexts = range(p.hart_count), range(p.context_count)
        takers = self._takers(ref)
        # Writes after which a line may lose a notice, or what came before it: the next is posted within K.
        moves = ref.writes & any_of((
            *(ref.element(name, h) for name in ("RUNNING", "TRAP") for h in harts),
            *(ref.element(name, c) for name in ("EVENTS", "TREE") for c in contexts),
            *(thresholds for _, _, thresholds in ref.unit_accesses(0)),
        ))
        rings, wrong, silent, late, noted, missing = [], [], [], [], [], []
        for c in contexts:
            home, is_about = Signal(p.hart_bits, name=f"home{c}"), trace.context == c
            with m.If(ref.writes & ref.element("TREE", c) & bus.strobe[2]):
                m.d.sync += home.eq(bus.wdata[16:22])
            refuses = is_about & (trace.operation == Operation.REFUSE)
            refused = Signal(name=f"refused{c}")
            m.d.sync += refused.eq((refused & ~moves) | refuses)
            notices = {Cause.VIOLATION: refused}
            if c:
                runs = any_of(running == c for running in ref.running)
                begins = ref.writes & bus.strobe[0] & (bus.wdata[: p.context_bits] == c) & any_of(
                    ref.element("RUNNING", h) for h in harts
                )
                is_rung = is_about & (trace.operation == Operation.DOORBELL)
                rung, bell = Signal(name=f"rung{c}"), Signal(name=f"bell{c}")
                m.d.sync += [rung.eq((rung & ~begins) | is_rung), bell.eq((bell & ~moves) | is_rung)]
                event, injection = self._waits(ref, c)
                has_reason = (event | injection | self._others(m, ref, c)) & ~runs
                rings.append(is_rung)
                wrong.append(is_rung & (runs | rung | ~(has_reason | recent(m, has_reason, _WALK, f"has_reason{c}"))))
                due = event & ~runs & ~rung
                silent.append(self._expired(m, due, f"ring{c}"))
                late.append(silent[-1] & ~is_rung)
                notices[Cause.DOORBELL] = due | bell
            for cause, is_set in notices.items():
                since, name = is_set & ~moves, f"{cause.name.lower()}{c}"
                is_shown = self._shows(ref, c, Array(takers)[ref.parent[c]], home, cause)
                was_shown = Signal(name=f"showed_{name}")
                m.d.sync += was_shown.eq(since & (was_shown | is_shown))
                noted.append(self._expired(m, since, name))
                missing.append(noted[-1] & ~is_shown & ~was_shown)
        self.rule(m, "doorbell_once", when=any_of((*rings, *silent)), then=~any_of((*wrong, *late)))
        self.rule(m, "bounded_doorbell", when=any_of(noted), then=~any_of(missing))
        return m

    def _expired(self, m: Module, since: Value, name: str) -> Value:
        """It has been so for K cycles: whatever happened, or those with bus and harts idle all the time."""
        limits, trace = Limits(self._parameters), self.trace
        is_idle = ~self.bus.valid & ~Cat(trace.acknowledged).any()
        age = Signal(range(limits.doorbell_hostile + 1), name=f"age_{name}")
        calm = Signal(name=f"calm_{name}")
        # It begins in the cycle after its event or access.
        m.d.sync += [
            age.eq(Mux(since, Mux(age == limits.doorbell_hostile, age, age + 1), 0)),
            calm.eq(Mux(age.any(), calm & is_idle, is_idle)),
        ]
        is_calm = calm & is_idle & (age >= limits.doorbell - 1)
        return since & (is_calm | (age >= limits.doorbell_hostile - 1))

    def _waits(self, ref: Reference, context: int) -> tuple[Value, Value]:
        """The source's event, or an injection of it, waits for a context to hear of it."""
        c, p = context, self._parameters
        is_audible = ref.enabled[c] & ref.allowed[c] & (ref.priority[c] > ref.threshold[c])
        below = any_of(
            (running == d) & (ref.last[c] >= d) for d in range(c + 1, p.context_count) for running in ref.running
        )
        return (
            is_audible & ref.pending & ~ref.in_service & (ref.target == c) & ~below,
            is_audible & ref.injected[c],
        )

    def _others(self, m: Module, ref: Reference, context: int) -> Value:
        """The context has enabled other sources, too."""
        p, bus = self._parameters, self.bus
        enabled = Signal(32, name=f"enable{context}")
        for _, enables, _ in ref.unit_accesses(context):
            with m.If(ref.writes & enables):
                for i in range(4):
                    with m.If(bus.strobe[i]):
                        m.d.sync += enabled[8 * i : 8 * i + 8].eq(bus.wdata[8 * i : 8 * i + 8])
        return (enabled & p.source_mask & ~(1 << ref.number)).any()

    def _takers(self, ref: Reference) -> list[Value]:
        """By context: the nearest, from it upwards, that can take a trap."""
        found: list[Value] = [Const(0, self._parameters.context_bits)]
        for c in range(1, self._parameters.context_count):
            can = any_of((running >= c) & (running <= ref.last[c]) for running in ref.running)
            found.append(Mux(can, c, Array(found)[ref.parent[c]]))
        return found

    def _shows(self, ref: Reference, context: int, target: Value, home: Value, cause: Cause) -> Value:
        """The trap line where a notice belongs shows it, or what comes before it, or masks it."""
        may_take = Cat(ref.is_within(running, target) for running in ref.running)
        at_home = may_take.bit_select(home, 1)
        found = []
        for h, threshold in enumerate(ref.host_threshold):
            line, is_lowest = getattr(self, f"trap{h}"), may_take[h] & ~may_take[:h].any()
            is_earlier = (line.context < context) | ((line.context == context) & (line.cause <= cause))
            is_good = line.valid & ((line.cause == Cause.INTERRUPT) | is_earlier)
            found.append(Mux(at_home, home == h, is_lowest) & (is_good | (threshold == self._parameters.priority_max)))
        return any_of(found)
