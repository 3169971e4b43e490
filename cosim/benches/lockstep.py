"""Random lockstep: ``HIC_RECORDS`` records from seed ``HIC_SEED``, with a reset now and then."""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import cocotb

from hic.cosim.stimulus import RandomStimulus
from hic.cosim.testbench import Testbench, bus_from_environment, parameters_from_environment, seed_from_environment


@cocotb.test
async def test_random(dut: Any) -> None:
    parameters, seed = parameters_from_environment(), seed_from_environment()
    random = Random(seed)
    pauses_by = random if os.environ.get("HIC_VARIANT") == "backpressure" else None
    bench = Testbench(dut, parameters, pauses_by=pauses_by, bus=bus_from_environment())
    records = int(os.environ["HIC_RECORDS"])
    while bench.scoreboard.records < records and not bench.scoreboard.faults:
        await bench.reset()
        await RandomStimulus(bench, random).run(min(random.choice((200, 1_000, 4_000)), records))
        if not bench.scoreboard.faults:
            await bench.settle()
    bench.coverage.save(Path("coverage.json"))
    summary = {"seed": seed, "records": bench.scoreboard.records, "coverage": bench.coverage.ratio}
    Path("lockstep.json").write_text(json.dumps(summary))
    dut._log.info("lockstep %s %s", parameters, summary)
    await bench.finish()
