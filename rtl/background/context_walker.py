"""The context walker: brings rows up to date, rings doorbells, posts notices, a context in each cycle."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..bits import first_of
from ..delivery.arbiter import is_above
from ..delivery.routing import Routing
from ..delivery.row_port import RowPort
from ..delivery.trap_line import TrapLine
from ..parameters import Cause, Parameters
from ..state.contexts import Contexts, Flag
from ..state.counters import Counters

__all__ = ["ContextWalker"]


class ContextWalker(wiring.Component):
    """Visits the contexts in the order of their numbers, for ever, in five stages.

    0. Its row is asked for, its words are read. 1. The row's flags are refreshed; ``reach``, the nearest ancestor or
    self that can take a trap, follows from that of the parent, which comes earlier in the order. 2. An enabled event,
    or the best injection, waits: a doorbell is due. 3. The doorbell rings; the hart on whose line a notice belongs is
    found. 4. The notice is posted, unless that line holds one of a lower context.

    A context whose state changes while it is in the stages is visited again, with those behind it: what was read before
    the change decides nothing. After a world switch the walk begins anew (once a round), and that hart gets notices
    again from the contexts that are visited in a round that began after it.

    Same cycle: the pipeline's records and flags come first, then the service timer's; the walker comes back.

    Latency: a doorbell rings, or a notice is posted, within V + 8 cycles if no access comes in between. Throughput: a
    context in each cycle in which neither the pipeline nor the injection searcher uses the rows.

    Parameters
    ----------
    parameters : Parameters
        Configuration of the controller.
    contexts, counters, routing, rows, trap
        Blocks to drive.

    Members
    -------
    is_ready : In(1)
        The memories are swept.
    running : In(context_bits).array(hart_count)
        The context that runs on each hart.
    switched : In(hart_count)
        RUNNING of the hart is written in this cycle.
    disturbs, disturbed : In(1), In(context_bits)
        State of a context changes in this cycle; with ``switched`` it is the one that the hart begins to run.
    disturbs2, disturbed2 : In(1), In(context_bits)
        The same, by another block.
    disturbs_all : In(1)
        State of any context changes in this cycle.
    holds, hold_low, hold_high : In(1), In(context_bits), In(context_bits)
        The contexts above ``hold_low`` up to ``hold_high`` are being moved; they are passed over.
    is_blocked : In(1)
        No doorbell may ring in this cycle.
    withdraws : In(hart_count)
        The pipeline withdraws the notice of a hart.
    rings, rung : Out(1), Out(context_bits)
        A doorbell rings for a context.
    searches, searched : Out(1), Out(context_bits)
        The best injection of a context has to be searched.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        contexts: Contexts,
        counters: Counters,
        routing: Routing,
        rows: RowPort,
        trap: Sequence[TrapLine],
    ) -> None:
        self._parameters = p = parameters
        self._contexts, self._counters, self._routing, self._rows = contexts, counters, routing, rows
        self._trap = trap
        super().__init__(
            {
                "is_ready": In(1),
                "running": In(p.context_bits).array(p.hart_count),
                "switched": In(p.hart_count),
                "disturbs": In(1),
                "disturbed": In(p.context_bits),
                "disturbs2": In(1),
                "disturbed2": In(p.context_bits),
                "disturbs_all": In(1),
                "holds": In(1),
                "hold_low": In(p.context_bits),
                "hold_high": In(p.context_bits),
                "is_blocked": In(1),
                "withdraws": In(p.hart_count),
                "rings": Out(1),
                "rung": Out(p.context_bits),
                "searches": Out(1),
                "searched": Out(p.context_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, tables, rows = self._parameters, self._contexts, self._rows
        harts, last = p.hart_count, p.context_count - 1

        # 0: the context's words.
        pointer = Signal(p.context_bits)
        waits, missed, missed_context = Signal(), Signal(), Signal(p.context_bits)
        stages = range(1, 5)
        valid = {i: Signal(name=f"valid{i}") for i in stages}
        context = {i: Signal(p.context_bits, name=f"context{i}") for i in range(5)}
        flags = {i: Signal.like(tables.flags.walk_data, name=f"flags{i}") for i in range(1, 4)}
        home = {i: Signal(p.hart_bits, name=f"home{i}") for i in range(1, 4)}
        parent, runs, below, injects = Signal(p.context_bits), Signal(), Signal(), Signal()
        is_held = self.holds & (context[0] > self.hold_low) & (context[0] <= self.hold_high)
        # Contexts that have been moved: their ``reach`` means nothing until the walk has come by their VMM.
        is_stale, stale_low, stale_high = Signal(), Signal(p.context_bits), Signal(p.context_bits)
        mutes = {i: Signal(name=f"mutes{i}") for i in range(5)}
        m.d.comb += mutes[0].eq(is_stale & (context[0] > stale_low) & (context[0] <= stale_high))
        m.d.comb += [context[0].eq(Mux(missed, missed_context, pointer)), rows.walk_context.eq(context[0])]
        best = tables.best.walk_data
        visits = Signal()
        m.d.comb += [
            visits.eq(rows.walk_granted & self.is_ready & ~waits),
            self.searches.eq(visits & best.stale),
            self.searched.eq(context[0]),
        ]

        # A stage whose context changes is void; the context is visited again, once in a round. If any context changes
        # all stages are, and the walk goes back. While a doorbell waits, those behind it are visited again.
        second = {i: Signal(name=f"second{i}") for i in range(5)}
        m.d.comb += second[0].eq(missed)
        goes_back = Signal()
        keeps = {i: Signal(name=f"keeps{i}") for i in range(5)}
        changed = {}
        subtree = {i: Signal(p.context_bits, name=f"subtree{i}") for i in range(5)}
        m.d.comb += subtree[0].eq(tables.last.walk_data)
        for i in range(5):
            changed[i] = Signal(name=f"changed{i}")
            m.d.comb += changed[i].eq(
                (self.disturbs & (self.disturbed == context[i]))
                | (self.disturbs2 & (self.disturbed2 == context[i]))
                # The context that a hart begins to run is of the subtree.
                | (self.switched.any() & (self.disturbed >= context[i]) & (self.disturbed <= subtree[i]))
            )
            is_valid = valid[i] if i else visits & ~is_held
            is_behind = waits if i < 3 else Const(0)
            # The same context may be in two stages, if it is visited again: it rings once.
            has_rung = self.rings & (context[i] == self.rung) if i < 3 else Const(0)
            m.d.comb += keeps[i].eq(is_valid & ~changed[i] & ~self.disturbs_all & ~is_behind & ~has_rung)
        for i in stages:
            if i == 4:
                m.d.sync += valid[i].eq(keeps[3] & ~waits)
            elif i == 3:
                m.d.sync += valid[i].eq(keeps[2] | (keeps[3] & waits))
            else:
                m.d.sync += valid[i].eq(keeps[i - 1])
            with m.If(~waits if i == 3 else 1):
                m.d.sync += [
                    context[i].eq(context[i - 1]),
                    subtree[i].eq(subtree[i - 1]),
                    mutes[i].eq(mutes[i - 1]),
                    second[i].eq(second[i - 1]),
                ]
        # Harts that get no notice from a visit: one before a switch of theirs, or before its VMMs were visited anew.
        is_late = Signal(harts)
        lates = {i: Signal(harts, name=f"lates{i}") for i in range(5)}
        is_early = missed & (missed_context >= pointer)
        m.d.comb += lates[0].eq(is_late | is_early.replicate(harts))
        for i in stages:
            with m.If(waits if i == 3 else 0):
                m.d.sync += lates[i].eq(lates[i] | self.switched)
            with m.Else():
                m.d.sync += lates[i].eq(lates[i - 1] | self.switched)
        restart = Signal()
        m.d.comb += goes_back.eq(self.disturbs_all | waits)
        with m.If(restart):
            m.d.sync += [pointer.eq(0), missed.eq(0)]
        with m.Elif(goes_back):
            # The oldest one comes first; a second visit does not count.
            for i in (1, 2):
                with m.If(valid[i] & ~second[i]):
                    m.d.sync += pointer.eq(context[i])
            with m.If(self.disturbs_all):
                for i in (3, 4):
                    with m.If(valid[i] & ~second[i]):
                        m.d.sync += pointer.eq(context[i])
        with m.Elif(visits):
            with m.If(missed):
                m.d.sync += missed.eq(0)
            with m.Else():
                m.d.sync += pointer.eq(Mux(pointer == last, 0, pointer + 1))
        for i in range(1, 5):
            with m.If(valid[i] & changed[i] & ~second[i] & ~self.disturbs_all & ~restart):
                m.d.sync += [missed.eq(1), missed_context.eq(context[i])]
        with m.If(self.holds):
            m.d.sync += [
                is_stale.eq(1),
                stale_low.eq(Mux(is_stale & (stale_low < self.hold_low), stale_low, self.hold_low)),
                stale_high.eq(Mux(is_stale & (stale_high > self.hold_high), stale_high, self.hold_high)),
            ]
        with m.Elif(keeps[0] & ~missed & (pointer == stale_low)):
            m.d.sync += is_stale.eq(0)
        m.d.sync += [
            flags[1].eq(tables.flags.walk_data),
            home[1].eq(tables.home.walk_data),
            parent.eq(tables.parent.walk_data),
            runs.eq(rows.runs.any()),
            below.eq(rows.below.any()),
            injects.eq(is_above(best.key, tables.threshold.walk_data)),
        ]

        # 1: who can take a trap.
        above, own = Signal(p.context_bits), Signal(p.context_bits)
        m.d.comb += [
            tables.reach.walk_address.eq(parent),
            above.eq(Mux(context[1] == 0, 0, tables.reach.walk_data)),
            own.eq(Mux((context[1] == 0) | runs | below, context[1], above)),
            tables.reach.walk_write.eq(valid[1]),
            tables.reach.walk_write_address.eq(context[1]),
            tables.reach.walk_write_data.eq(own),
        ]
        above2, own2, may_ring, is_due = Signal(p.context_bits), Signal(p.context_bits), Signal(), Signal()
        m.d.sync += [
            above2.eq(above),
            own2.eq(own),
            flags[2].eq(flags[1]),
            home[2].eq(home[1]),
            may_ring.eq(~below),
            is_due.eq((context[1] != 0) & ~runs & ((flags[1] & Flag.RUNG) == 0)),
        ]
        injects2 = Signal()
        m.d.sync += injects2.eq(injects)

        stuck2, stuck3 = Signal(p.source_bits), Signal(p.source_bits)
        stuck1 = Signal(p.source_bits)
        m.d.sync += [stuck1.eq(tables.stuck.walk_data), stuck2.eq(stuck1)]

        # 2: a doorbell is due.
        rings, shows, cause, target = Signal(), Signal(), Signal(3), Signal(p.context_bits)
        rings_now = is_due & (injects2 | (self._routing.event_waits & may_ring))
        events = flags[2][:4]
        is_stuck = ~rings_now & ((events & ~Flag.STUCK) == 0)
        with m.If(~waits):
            m.d.sync += [
                rings.eq(rings_now),
                shows.eq(rings_now | (events.any() & ((flags[2] & Flag.DISMISSED) == 0))),
                cause.eq(
                    Mux(
                        rings_now | events[0],
                        Cause.DOORBELL,
                        Mux(events[1], Cause.REQUEST, Mux(events[2], Cause.VIOLATION, Cause.STUCK)),
                    )
                ),
                target.eq(Mux(is_stuck, own2, above2)),
                flags[3].eq(flags[2]),
                home[3].eq(home[2]),
                stuck3.eq(stuck2),
            ]

        # 3: it rings; the hart of the notice.
        counters = self._counters
        # Every change of a context makes it wait in that cycle, but for the move of a row.
        ring = valid[3] & rings & ~waits & ~self.disturbs_all
        m.d.comb += [
            # Its place in the stages is kept.
            waits.eq(valid[3] & rings & (self.is_blocked | ~counters.walker_ready)),
            tables.flags.walk_write.eq(ring),
            tables.flags.walk_write_address.eq(context[3]),
            tables.flags.walk_write_data.eq((flags[3] | Flag.DOORBELL | Flag.RUNG) & ~Const(Flag.DISMISSED, 6)),
            self.rings.eq(ring),
            self.rung.eq(context[3]),
            counters.walker_bump.eq(ring),
            counters.walker_context.eq(context[3]),
            counters.walker_counter.eq(1),
        ]
        m.d.comb += tables.last.target_address.eq(target)
        reach = Cat((running >= target) & (running <= tables.last.target_data) for running in self.running)
        chosen, shows4, notice = Signal(harts), Signal(), Signal(self._trap[0].notice.shape())
        m.d.sync += [
            chosen.eq(first_of(reach, home[3])),
            shows4.eq(shows),
            notice.valid.eq(1),
            notice.cause.eq(cause),
            notice.target.eq(target),
            notice.context.eq(context[3]),
            notice.source.eq(Mux(cause == Cause.STUCK, stuck3, 0)),
        ]

        # 4: the notice. Elsewhere it is withdrawn.
        for h, line in enumerate(self._trap):
            shown = line.notice
            is_about = shown.context == context[4]
            m.d.comb += [
                line.next_notice.eq(notice),
                line.post.eq(
                    keeps[4]
                    & ~mutes[4]
                    & shows4
                    & chosen[h]
                    & ~lates[4][h]
                    & ~self.switched[h]
                    & (~shown.valid | (context[4] <= shown.context))
                ),
                line.withdraw.eq(self.withdraws[h] | (keeps[4] & is_about & ~(shows4 & chosen[h]))),
            ]

        # World switches: the walk begins anew, once all contexts have passed the last stage since it last did.
        restarted, rows_done = Signal(), Signal()
        m.d.comb += [
            restart.eq(self.switched.any() & ~restarted),
            rows_done.eq(keeps[1] & (context[1] == last)),
        ]
        with m.If(restart):
            m.d.sync += restarted.eq(1)
        with m.Elif(keeps[4] & (context[4] == last)):
            m.d.sync += restarted.eq(0)
        for h in range(harts):
            with m.If(self.switched[h]):
                m.d.sync += is_late[h].eq(~restart)
            with m.Elif(rows_done):
                m.d.sync += is_late[h].eq(0)
        return m
