"""The model of a CPU in hardware, and the plan of what the board does by itself."""

import pytest
from amaranth.sim import Simulator

from hic.fpga.board.plan import Kind, Pace, Plan
from hic.fpga.board.taker import Taker
from hic.rtl.parameters import Cause, Parameters
from hic.rtl.registers import MAP, WINDOW_BYTES
from hic.sw_model.port import BusError
from hic.sw_model.reference import ReferenceController

PARAMETERS = Parameters(source_count=8, context_count=3, hart_count=1)


def run(line, *, claimed=0, refuse=False, sharers=(1, 2), take=10, serve=20, withdrawn=None):
    """Shows the taker one line; returns its accesses, and the cycles of what it did."""
    dut = Taker(PARAMETERS, 0, sharers)
    accesses, times = [], {}

    async def bench(ctx):
        ctx.set(dut.enable, 1)
        ctx.set(dut.take, take)
        ctx.set(dut.serve, serve)
        await ctx.tick().repeat(3)
        kind, fields = line
        port = getattr(dut, kind)
        for name, value in ({"valid": 1} | fields).items():
            ctx.set(getattr(port, name), value)
        for cycle in range(150):
            if cycle == withdrawn:
                ctx.set(port.valid, 0)
            if ctx.get(dut.direct.acknowledge):
                times.setdefault("acknowledge", cycle)
            if ctx.get(dut.serviced):
                times.setdefault("serviced", (cycle, ctx.get(dut.serviced)))
            valid = ctx.get(dut.bus.valid)
            ctx.set(dut.bus.ready, valid)
            ctx.set(dut.bus.rdata, claimed)
            ctx.set(dut.bus.error, refuse)
            if valid:
                access = ["write" if ctx.get(dut.bus.write) else "read", ctx.get(dut.bus.address)]
                accesses.append((*access, ctx.get(dut.bus.wdata) if access[0] == "write" else 0))
                times.setdefault("access", cycle)
                if ctx.get(dut.fault):
                    times["fault"] = cycle
            done = accesses and accesses[-1][:2] != ("read", MAP["CLAIM"].at(0))
            await ctx.tick()
            if times.get("acknowledge") == cycle or done or (valid and not claimed):
                ctx.set(port.valid, 0)
        ctx.set(dut.bus.ready, 0)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return accesses, times


@pytest.mark.parametrize(("take", "serve"), [(0, 0), (10, 20), (30, 5)])
def test_direct_line_is_taken_and_completed_on_time(take, serve):
    accesses, times = run(("direct", {"source": 5, "context": 2}), take=take, serve=serve)
    assert accesses == [("write", 2 * WINDOW_BYTES + MAP["CLAIM"].at(0), 5)]
    assert times["acknowledge"] == take + 1
    assert times["serviced"] == (take + 1 + serve + 1, 5)
    assert times["access"] == take + 1 + serve + 2


def test_line_that_goes_away_is_let_go():
    accesses, times = run(("direct", {"source": 5, "context": 2}), withdrawn=5)
    assert accesses == []
    assert times == {}


def test_shared_source_is_claimed_injected_and_completed():
    accesses, _ = run(("trap", {"cause": Cause.INTERRUPT, "source": 3}), claimed=3)
    assert accesses == [
        ("read", MAP["CLAIM"].at(0), 0),
        ("write", MAP["INJECT"].at(), MAP["INJECT"].pack(source=3, context=1)),
        ("write", MAP["INJECT"].at(), MAP["INJECT"].pack(source=3, context=2)),
        ("write", MAP["CLAIM"].at(0), 3),
    ]


def test_claim_of_nothing_ends_the_trap():
    accesses, _ = run(("trap", {"cause": Cause.INTERRUPT, "source": 3}), claimed=0)
    assert accesses == [("read", MAP["CLAIM"].at(0), 0)]


def test_doorbell_switches_worlds():
    accesses, times = run(("trap", {"cause": Cause.DOORBELL, "context": 2}))
    assert accesses == [("write", MAP["RUNNING"].at(0), 2)]
    assert "acknowledge" not in times


def test_other_traps_are_dismissed():
    fields = {"cause": Cause.REQUEST, "context": 1, "target": 0}
    accesses, _ = run(("trap", fields))
    assert accesses == [("write", MAP["TRAP"].at(0), MAP["TRAP"].pack(**fields))]


def test_refusal_is_a_fault():
    _, times = run(("trap", {"cause": Cause.DOORBELL, "context": 2}), refuse=True)
    assert times["fault"] == times["access"]


@pytest.mark.parametrize(("contexts", "harts", "buttons"), [(3, 1, 1), (5, 2, 2), (8, 2, 6), (8, 3, 0)])
def test_plan_is_accepted_and_routes_as_it_says(contexts, harts, buttons):
    parameters = Parameters(source_count=16, context_count=contexts, hart_count=harts, priority_bits=2)
    plan = Plan(parameters, buttons)
    controller = ReferenceController(parameters)
    for address, value in plan.writes():
        try:
            controller.write(address, value)
        except BusError as error:
            pytest.fail(str(error))
    assert [s.number for s in plan.sources] == list(range(1, len(plan.sources) + 1))
    for source in plan.sources:
        route = MAP["ROUTE"].unpack(controller.read(MAP["ROUTE"].at(source.number)))
        assert route == {"owner": source.owner, "home": 0, "shared": source.shared}
        assert source.shared == (source.kind is Kind.LEVEL)
        enable = controller.read(source.owner * WINDOW_BYTES + MAP["ENABLE"].at(0, 0))
        assert enable >> source.number & 1
    for hart in range(harts):
        assert controller.read(MAP["RUNNING"].at(hart)) == 2 * hart + 1


@pytest.mark.parametrize(("parameters", "buttons", "message"), [
    (Parameters(context_count=2), 1, r"^context_count must be at least 3, not 2$"),
    (Parameters(context_count=8, hart_count=4), 1, r"^context_count must be at least 9, not 8$"),
    (Parameters(source_count=4), 2, r"^source_count must be at least 5, not 4$"),
])
def test_plan_on_too_small_a_controller_wrong(parameters, buttons, message):
    with pytest.raises(ValueError, match=message):
        Plan(parameters, buttons)


@pytest.mark.parametrize("clock_hz", [12_000_000, 25_000_000, 100_000_000])
def test_visible_pace_fits_its_counters(clock_hz):
    pace = Pace.visible(clock_hz)
    assert all(0 < pace.period(kind) < 1 << 24 for kind in (Kind.TIMER, Kind.BURST, Kind.LEVEL))
    assert 0.02 < (1 << pace.stretch_bits) / clock_hz < 0.2
    assert 0.001 < (1 << pace.settle_bits) / clock_hz < 0.02
