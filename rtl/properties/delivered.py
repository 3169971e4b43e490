"""Rules of the contract about the lines, at the controller's ports."""

from amaranth.hdl import Cat, Module

from ..interfaces import Operation
from ..parameters import Cause
from .checker import any_of, at_most_one, changed, recent
from .contract import ContractChecker
from .reference import Reference

__all__ = ["LineRules"]


class LineRules(ContractChecker):
    """Rules ``isolation``, ``exclusive``, ``no_spurious``, ``clean_switch``, ``no_duplicate`` and ``claim_order``."""

    RULES = (
        "isolation", "exclusive", "no_spurious", "trap_isolation", "trap_no_spurious", "clean_switch", "no_duplicate",
        "claim_order",
    )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p = self._parameters
        (ref,) = self._start(m)
        harts = range(p.hart_count)
        is_shown, right, spurious = [], [], []
        for h in harts:
            line, running = getattr(self, f"direct{h}"), ref.running[h]
            event, injection = ref.shown[h], ref.shown_injection[h]
            is_shown.append(event | injection)
            right.append(
                ~is_shown[h] | ((line.context == running) & (running != 0) & (injection | (ref.target == running)))
            )
            eligible = ref.of(ref.enabled, running) & ref.of(ref.allowed, running) & (
                ref.of(ref.priority, running) > ref.of(ref.threshold, running)
            )
            waits = (ref.pending & ~ref.in_service) | injection
            has_injection = ref.injected.bit_select(running, 1) | event
            spurious.append(is_shown[h] & ~(eligible & waits & has_injection))
        self.rule(m, "isolation", when=Cat(is_shown).any(), then=Cat(right).all())
        self.rule(m, "no_spurious", when=Cat(is_shown).any(), then=~Cat(spurious).any())

        on_trap, right, spurious = [], [], []
        for h in harts:
            line, threshold = getattr(self, f"trap{h}"), ref.host_threshold[h]
            on_trap.append(line.valid & (line.cause == Cause.INTERRUPT) & (line.source == ref.number))
            right.append(~on_trap[h] | ((line.target == ref.target) & (line.context == ref.target)))
            own = ref.host_enabled[h] & (ref.priority[0] > threshold)
            guest = ref.of(ref.enabled, ref.target) & (
                ref.of(ref.priority, ref.target) > ref.of(ref.threshold, ref.target)
            ) & (ref.of(ref.priority, ref.target) > threshold)
            eligible = (own & (ref.target == 0)) | (guest & (ref.target != 0))
            spurious.append(on_trap[h] & ~(eligible & ref.pending & ~ref.in_service))
        self.rule(m, "trap_isolation", when=Cat(on_trap).any(), then=Cat(right).all())
        self.rule(m, "trap_no_spurious", when=Cat(on_trap).any(), then=~Cat(spurious).any())

        # After a world switch the trap lines of other harts may lag for that long.
        switches = ref.writes & any_of(ref.element("RUNNING", h) for h in harts)
        lags = recent(m, switches, 8 + p.context_count + p.hart_count, "switched")
        events = Cat(ref.shown)
        self.rule(
            m, "exclusive", when=Cat(events, *on_trap).any(),
            then=at_most_one(events) & (lags | at_most_one(Cat(events, *on_trap))),
        )
        switched, clean = [], []
        for h in harts:
            line = getattr(self, f"direct{h}")
            moves = changed(m, ref.running[h], f"running{h}")
            after = moves | recent(m, moves, 8, f"moved{h}")
            switched.append(after & line.valid)
            clean.append(~line.valid | (line.context == ref.running[h]))
        self.rule(m, "clean_switch", when=Cat(switched).any(), then=Cat(clean).all())

        takers = Cat(each.any() for each in ref.claims_event)
        self.rule(
            m, "no_duplicate", when=takers.any(), then=at_most_one(takers) & ref.pending & ~ref.in_service,
        )
        self._claims(m, ref)
        return m

    def _claims(self, m: Module, ref: Reference) -> None:
        bus, p = self.bus, self._parameters
        running = [(each == ref.page) & (ref.page != 0) for each in ref.running]
        claims = bus.valid & bus.ready & ~bus.write & ~bus.error & (bus.rdata == ref.number) & any_of(
            ref.element("CLAIM", unit) for unit in range(2 * p.hart_count)
        )
        is_injection = self.trace.value[0]
        eligible = ref.of(ref.enabled, ref.page) & (ref.of(ref.priority, ref.page) != 0) & Cat(running).any()
        guest = eligible & (
            (is_injection & ref.injected.bit_select(ref.page, 1))
            | (~is_injection & ref.pending & ~ref.in_service & (ref.target == ref.page))
        )
        host = ref.pending & ~ref.in_service & (ref.target == 0) & Cat(ref.host_enabled).any() & ref.priority[0].any()
        was_claim = self.trace.operation == Operation.CLAIM
        self.rule(
            m, "claim_order", when=claims,
            then=was_claim & (self.trace.source == ref.number) & (((ref.page == 0) & host) | ((ref.page != 0) & guest)),
        )


