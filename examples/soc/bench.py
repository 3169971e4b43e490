"""A cocotb test: devices raise wires at varying phases, and each interrupt is timed, from wire to completion."""

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge

PERIOD_NS = 10
_READY, _FAULT = 1, 0xDEAD
_LIMIT = 2_000
"""Cycles within which an interrupt is served."""


async def interrupt(dut: Any, source: int, pin: Any, handler: int) -> dict[str, int]:
    """Raises the wire of a source, and returns after how many cycles each step comes.

    Edges count from the one at which the controller can sample the wire. ``pin`` is the cycle in which the CPU can see
    its pin; ``handler`` the one in which the handler's first instruction completes; ``claim`` and ``complete`` those in
    which these accesses are answered; ``fall`` the first after the claim in which the pin is low.
    """
    steps: dict[str, int] = {}
    dut.raises.value = 1 << source - 1
    await RisingEdge(dut.clk)
    dut.raises.value = 0
    await RisingEdge(dut.clk)  # the wire is up
    for cycle in range(_LIMIT):
        if pin.value and "pin" not in steps:
            steps["pin"] = cycle
        if dut.retired.value and int(dut.retired_pc.value) == handler and "handler" not in steps:
            steps["handler"] = cycle
        if dut.io_ready.value:
            name = "complete" if dut.io_write.value else "claim"
            assert name not in steps, f"{name} of source {source} twice"
            steps[name] = cycle
        if "claim" in steps and not pin.value:
            steps.setdefault("fall", cycle)
        assert not ("fall" in steps and pin.value), f"the pin of source {source} asks again, {steps}"
        assert int(dut.word.value) >> 16 != _FAULT, f"the firmware reports {int(dut.word.value):#x}"
        if "complete" in steps:
            assert list(steps) == ["pin", "handler", "claim", "fall", "complete"], steps
            return steps
        await RisingEdge(dut.clk)
    raise AssertionError(f"source {source} is not served within {_LIMIT} cycles: {steps}")


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def test_interrupts_are_served(dut: Any) -> None:
    """Each source's are served by its own mode, once; their times go into ``latency.json``."""
    random = Random(int(os.environ["HIC_SEED"]))
    handlers = json.loads(os.environ["SOC_HANDLERS"])
    dut.raises.value = 0
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, "ns", impl="gpi").start()
    await ClockCycles(dut.clk, 4)
    dut.rst.value = 0
    for _ in range(20_000):
        if int(dut.word.value) == _READY:
            break
        await ClockCycles(dut.clk, 10)
    assert int(dut.word.value) == _READY, f"the firmware is not ready, and reports {int(dut.word.value):#x}"
    await ClockCycles(dut.clk, 2_000)
    times: dict[str, list[dict[str, int]]] = {"guest": [], "host": []}
    for _ in range(int(os.environ["SOC_INTERRUPTS"])):
        for source, mode, pin in ((1, "guest", dut.seip), (2, "host", dut.meip)):
            times[mode].append(await interrupt(dut, source, pin, handlers[mode]))
            # Back in the guest's loop, at any phase of it.
            await ClockCycles(dut.clk, 150 + random.randrange(97))
            assert not dut.seip.value
            assert not dut.meip.value
    Path("latency.json").write_text(json.dumps(times))
