"""A controller of any size at its corners: the first and the last source, context and hart, under the scoreboard.

Contexts: 0 the host; the last three are an L1 VMM, an L2 VMM that is its guest, and the guest of that.
"""

import json
from pathlib import Path
from typing import Any

import cocotb

from hic.cosim.testbench import Testbench, parameters_from_environment
from hic.rtl.parameters import Cause, Trigger
from hic.rtl.registers import MAP
from hic.sw_model.driver import Driver
from hic.sw_model.port import window_address


@cocotb.test
async def test_corners(dut: Any) -> None:
    p = parameters_from_environment()
    bench = Testbench(dut, p)
    port, driver = bench.port, Driver(bench.port)
    await bench.reset()
    ready = port.now
    bottom, hart = p.context_count - 1, p.hart_count - 1
    l1, l2 = bottom - 2, bottom - 1
    last = p.source_count
    sources = sorted({1, min(31, last), min(32, last), max(1, last - 1), last})

    # The tree, from the top: 0, l1, l2, bottom.
    for context in (l1, l2):
        await driver.write(0, "TREE", context, last=bottom)
    for page, context in ((0, l1), (l1, l2), (l2, bottom)):
        await driver.write_set(page, "ALLOW", context, sources=set(sources))
    for source in sources:
        await driver.write(0, "TRIGGER", source, mode=Trigger.EDGE_RISING)
        await driver.write(bottom, "PRIORITY", source, priority=p.priority_max)
        await driver.write(0, "ROUTE", source, owner=bottom)
    await driver.write_set(bottom, "ENABLE", 0, sources=set(sources))
    await driver.write(l2, "PRIORITY", last, priority=1)
    await driver.write_set(l2, "ENABLE", 0, sources={last})
    await driver.write(0, "RUNNING", hart, context=bottom)

    async def trap(cause: Cause) -> Any:
        for _ in range(200):
            await port.advance(16)
            line = await port.trap(hart)
            if line.valid and line.cause is cause:
                return line
        raise AssertionError(f"trap line {hart} does not show {cause}: it shows {line}")

    # Direct: the last source, in the last context, on the last hart, at its latency; then all, the lowest number first.
    await port.advance(bench.limits.quiet)
    await port.drive(last, 1)
    latency = 0
    while not (line := await port.direct(hart)).valid:
        await port.advance(1)
        latency += 1
    assert (line.context, line.source, latency) == (bottom, last, p.pin_to_line_cycles + 1)  # seen at the next edge
    assert (await port.acknowledge(hart)).source == last
    await port.drive(last, 0)
    await driver.write(bottom, "CLAIM", 0, source=last)
    await bench.pulse(*sources)
    for source in sources:
        await port.advance(bench.limits.quiet)
        assert (await port.acknowledge(hart)).source == source
        await driver.write(bottom, "CLAIM", 0, source=source)

    # Shared: it traps, its manager claims and injects, the guest is done.
    await driver.write(0, "ROUTE", last, owner=bottom, shared=1)
    await bench.pulse(last)
    shown = await trap(Cause.INTERRUPT)
    assert (shown.target, shown.source) == (l2, last)
    await driver.write(0, "RUNNING", hart, context=l2)
    await port.advance(bench.limits.quiet)
    assert await driver.read(l2, "CLAIM", 0) == last
    await driver.write(l2, "INJECT", source=last, context=bottom)
    await driver.write(l2, "CLAIM", 0, source=last)
    await driver.write(0, "RUNNING", hart, context=bottom)
    await port.advance(bench.limits.quiet)
    assert (await port.direct(hart)).source == last
    assert await driver.read(bottom, "CLAIM", 0) == last
    await driver.write(bottom, "CLAIM", 0, source=last)

    # Doorbell: its VMM runs, and the guest does not.
    await driver.write(0, "ROUTE", last, owner=bottom)
    for context in (l2, bottom):  # they have made requests
        await port.write(window_address(0, MAP["EVENTS"].at(context)), 0xF)
    await driver.write(0, "RUNNING", hart, context=l2)
    await bench.pulse(last)
    shown = await trap(Cause.DOORBELL)
    assert (shown.target, shown.context) == (l2, bottom)
    await driver.write(0, "RUNNING", hart, context=bottom)
    await port.advance(bench.limits.quiet)
    assert (await port.acknowledge(hart)).source == last
    await driver.write(bottom, "CLAIM", 0, source=last)

    await port.advance(bench.limits.settled())
    bench.monitor.stop()
    bench.scoreboard.finish()
    assert not bench.scoreboard.golden.in_service
    Path("corners.json").write_text(json.dumps({
        "ready_cycles": ready, "latency_cycles": latency - 1, "cycles": port.now, "records": bench.scoreboard.records,
    }))
