"""Pin-to-line latency, measured by the monitor; the waveform of the run is measured again outside."""

import json
from pathlib import Path
from random import Random
from typing import Any

import cocotb

from hic.cosim.latency import LatencyMonitor
from hic.cosim.testbench import Testbench, parameters_from_environment, seed_from_environment
from hic.rtl.parameters import Trigger
from hic.sw_model.driver import Driver

_TRIGGERS = (Trigger.EDGE_RISING, Trigger.EDGE_FALLING, Trigger.EDGE_RISING, Trigger.LEVEL_HIGH, Trigger.MESSAGE)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def test_latency(dut: Any) -> None:
    parameters, random = parameters_from_environment(), Random(seed_from_environment())
    bench = Testbench(dut, parameters)
    monitor = LatencyMonitor(parameters.synchronizer, parameters.context_bits)
    bench.monitor.subscribe(monitor)
    await bench.reset()
    driver = Driver(bench.port)
    sources = range(1, parameters.source_count + 1)
    everything = set(sources)
    await driver.write_set(0, "ALLOW", 1, sources=everything)
    for source in sources:
        await driver.write(0, "TRIGGER", source, mode=_TRIGGERS[source % len(_TRIGGERS)])
        await driver.write(0, "ROUTE", source, owner=source % 2)
        await driver.write(source % 2, "PRIORITY", source, priority=random.randint(1, parameters.priority_max))
    for context in (0, 1):
        await driver.write_set(context, "ENABLE", 0, sources={s for s in sources if s % 2 == context})
    await driver.write(0, "RUNNING", 0, context=1)

    async def lower(source: int) -> None:
        """A device that is served mostly lowers its level; else the level makes an event again."""
        if source and _TRIGGERS[source % len(_TRIGGERS)] is Trigger.LEVEL_HIGH and random.random() < 0.8:
            await bench.port.drive(source, 0)

    for _ in range(100):
        for source in random.sample(sources, random.choice((1, 1, 1, 3))):
            if _TRIGGERS[source % len(_TRIGGERS)] is Trigger.MESSAGE:
                await driver.write(0, "MESSAGE", source=source)
            else:
                await bench.port.drive(source, bench.port.wires >> source & 1 ^ 1)
        await bench.port.advance(random.choice((1, 20, 150)))
        if random.random() < 0.7:
            await bench.port.settle()
            taken = (await bench.port.acknowledge(0)).source
            await lower(taken)
            if taken:
                await driver.write(1, "CLAIM", 0, source=taken)
            taken = await driver.read(0, "CLAIM", 0)
            await lower(taken)
            await driver.write(0, "CLAIM", 0, source=taken)
            await bench.port.advance(400)
    await bench.finish()
    Path("legs.json").write_text(json.dumps(monitor.finish().to_dict()))
