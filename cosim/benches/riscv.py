"""Directed tests of the harts' pins: a hart that has nothing but these pins, and claims by its window.

Contexts are those of ``directed``. The scoreboard holds every pin against the golden model in each cycle.
"""

from dataclasses import fields
from random import Random
from typing import Any

from hic.cosim.benches.directed import Bench, directed
from hic.rtl.parameters import PIN_CYCLES, Profile, Trigger
from hic.rtl.registers import MAP
from hic.sw_model.pins import Pins, pins_of, vseip
from hic.sw_model.port import window_address


def pins(bench: Bench, hart: int) -> Pins:
    """The pins of a hart, as it samples them at the last clock edge."""
    names = [f"hart{hart}_{each.name}" for each in fields(Pins)]
    ports = {name: getattr(bench.dut, name) for name in names if hasattr(bench.dut, name)}
    return Pins(**{name.partition("_")[2]: int(port.value) for name, port in ports.items()})


def asks_guest(bench: Bench, hart: int, context: int) -> bool:
    """A hart that runs this context, with its number in hstatus.VGEIN, has an external interrupt for it."""
    found = pins(bench, hart)
    if bench.parameters.profile == Profile.RISCV_MS:
        return bool(found.seip)
    return vseip(found, vgein=context if context <= bench.parameters.geilen else 0)


def asks_host(bench: Bench, hart: int) -> bool:
    """A hart has an external interrupt for the hypervisor."""
    found = pins(bench, hart)
    return bool(found.meip if bench.parameters.profile == Profile.RISCV_MS else found.seip)


async def cycles_until(bench: Bench, condition: Any, value: bool, limit: int = 100) -> int:
    """Cycles until a pin is so."""
    for cycle in range(limit):
        if condition() == value:
            return cycle
        await bench.port.advance(1)
    raise AssertionError(f"a pin is not {value} within {limit} cycles")


@directed
async def test_pin_rises_a_cycle_after_the_line_and_has_fallen_when_the_claim_is_answered(bench: Bench) -> None:
    await bench.route(2, 0)
    await bench.run_on(4)
    for source, context, asks in (
        (1, 4, lambda: asks_guest(bench, 0, 4)), (2, 0, lambda: asks_host(bench, 0)),
    ):
        await bench.port.settle()
        await bench.port.drive(source, 1)
        rises = await cycles_until(bench, asks, True)
        # The first edge after the wire has risen samples it; the pin is seen at the edge after that which makes it.
        assert rises == bench.parameters.pin_to_line_cycles + PIN_CYCLES + 1
        await bench.port.drive(source, 0)
        assert await bench.claim(context) == source
        if not context:
            await bench.port.advance(1)  # a trap line falls in the cycle after the record, its pin in the next one
        for _ in range(40):
            assert not asks()
            await bench.port.advance(1)
        await bench.complete(context, source)
        await bench.port.settle()
        assert not asks()


@directed
async def test_each_guest_has_its_own_pin(bench: Bench) -> None:
    for context in (1, 2, 3, 4):
        await bench.route(context, context)
    for context in (1, 2, 3, 4):
        await bench.run_on(context)
        await bench.pulse(context)
        line = await bench.port.direct(0) if await bench.shown(0) else None
        assert line is not None
        assert pins(bench, 0) == pins_of(bench.parameters, line, await bench.port.trap(0))
        assert asks_guest(bench, 0, context)
        others = {other for other in (1, 2, 3, 4) if asks_guest(bench, 0, other)}
        if context <= bench.parameters.geilen:
            assert others == {context}  # VGEIN selects it, and no other number does
        assert await bench.claim(context) == context
        await bench.complete(context, context)


@directed
async def test_world_switch_never_lends_a_pin(bench: Bench) -> None:
    await bench.route(1, 2)
    await bench.run_on(2)
    await bench.pulse(1)
    assert await bench.shown(0) == 1
    for _ in range(20):
        for context in (4, 0, 3, 2):
            assert asks_guest(bench, 0, 2)
            await bench.driver.write(0, "RUNNING", 0, context=context)
            # The answer of the write is here: whom the hart enters now has no event.
            if context == 2:
                await cycles_until(bench, lambda: asks_guest(bench, 0, 2), True)
                break
            for _ in range(30):
                assert not asks_guest(bench, 0, context)
                await bench.port.advance(1)
            await cycles_until(bench, lambda: asks_host(bench, 0), True)  # the doorbell of context 2
            await bench.driver.write(0, "RUNNING", 0, context=2)
            await cycles_until(bench, lambda: asks_guest(bench, 0, 2), True)
    assert await bench.claim(2) == 1
    await bench.complete(2, 1)


@directed
async def test_threshold_and_priority_decide_over_a_pin(bench: Bench) -> None:
    await bench.driver.write(4, "PRIORITY", 3, priority=2)
    await bench.run_on(4)
    await bench.pulse(1)
    await bench.port.settle()
    assert asks_guest(bench, 0, 4)
    await bench.driver.write(4, "THRESHOLD", 0, threshold=1)
    assert not asks_guest(bench, 0, 4)
    await bench.port.settle()
    assert not asks_guest(bench, 0, 4)
    await bench.pulse(3)
    await bench.port.settle()
    assert asks_guest(bench, 0, 4)
    assert await bench.claim(4) == 3
    await bench.port.settle()
    assert not asks_guest(bench, 0, 4)
    await bench.complete(4, 3)
    await bench.driver.write(4, "THRESHOLD", 0, threshold=0)
    await bench.port.settle()
    assert asks_guest(bench, 0, 4)
    assert await bench.claim(4) == 1


@directed
async def test_shared_source_asks_its_manager_then_each_guest(bench: Bench) -> None:
    await bench.route(1, 2, shared=True)
    await bench.run_on(1, 3)
    await bench.pulse(1)
    await bench.port.settle()
    assert asks_guest(bench, 0, 1)  # the virtual VMM runs: its pin is that of a guest of the host
    assert not asks_guest(bench, 1, 3)
    assert await bench.claim(1) == 1
    for guest in (2, 3):
        await bench.driver.write(1, "INJECT", source=1, context=guest)
    await bench.complete(1, 1)
    await bench.port.settle()
    assert not asks_guest(bench, 0, 1)
    assert asks_guest(bench, 1, 3)
    await bench.driver.write(0, "RUNNING", 0, context=2)
    await bench.port.settle()
    assert asks_guest(bench, 0, 2)
    for hart, guest in enumerate((2, 3)):
        assert await bench.claim(guest) == 1
        assert not asks_guest(bench, hart, guest)
        await bench.complete(guest, 1)
    await bench.run_on(1)
    await bench.pulse(1)
    await bench.port.settle()
    assert asks_guest(bench, 0, 1)  # both have completed: the next event


@directed
async def test_pin_is_low_two_cycles_after_an_acknowledge(bench: Bench) -> None:
    await bench.run_on(4)
    await bench.pulse(1)
    await bench.port.settle()
    assert asks_guest(bench, 0, 4)
    await bench.port.acknowledge(0)
    # The edge that has taken the acknowledge has passed: the line is low after it, the pin after the next.
    assert await cycles_until(bench, lambda: asks_guest(bench, 0, 4), False) <= PIN_CYCLES + 1
    for _ in range(40):
        assert not asks_guest(bench, 0, 4)
        await bench.port.advance(1)
    await bench.complete(4, 1)


@directed
async def test_notice_is_low_once_a_read_follows_its_dismissal(bench: Bench) -> None:
    for _ in range(2):
        await bench.route(1, 2)
        await bench.run_on(4)
        await bench.pulse(1)
        await cycles_until(bench, lambda: asks_host(bench, 0), True)
        trap = await bench.driver.read(0, "TRAP", 0)
        await bench.port.write(window_address(0, MAP["TRAP"].at(0)), trap)
        assert await bench.driver.read(0, "TRAP", 0) == 0
        for _ in range(40):
            assert not asks_host(bench, 0)
            await bench.port.advance(1)
        await bench.port.write(window_address(0, MAP["EVENTS"].at(2)), 0xF)
        await bench.run_on(2)
        await cycles_until(bench, lambda: asks_guest(bench, 0, 2), True)
        assert await bench.claim(2) == 1
        await bench.complete(2, 1)


@directed
async def test_hart_that_takes_each_rise_of_a_pin_never_claims_nothing(bench: Bench) -> None:
    """A level-sensitive pin asks once for each event, whatever the phase of the wire against the claim."""
    random = Random(1)
    await bench.driver.write(0, "TRIGGER", 2, mode=Trigger.LEVEL_HIGH)
    await bench.run_on(4)
    for _ in range(100):
        source = random.choice((1, 2))
        if source == 1:
            await bench.pulse(1)
        else:
            await bench.port.drive(2, 1)
        await bench.port.advance(random.randrange(12))
        await cycles_until(bench, lambda: asks_guest(bench, 0, 4), True)
        assert await bench.claim(4) == source
        if source == 2:
            await bench.port.drive(2, 0)
            await bench.port.advance(3)  # the synchroniser has seen it when the completion samples the level again
        await bench.complete(4, source)
        await bench.port.advance(random.randrange(12))
        assert not asks_guest(bench, 0, 4)
