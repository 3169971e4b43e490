"""The diagrams of docs/integration.md: handshakes of the bus, of the lines, and of reset."""

from hic.rtl.parameters import Cause, Parameters, Trigger
from hic.rtl.registers import MAP, WINDOW_BYTES

from .bench import Bench, Scene
from .recording import Recording, Row

__all__ = ["PARAMETERS", "SCENES", "TITLES", "two_sources_of_a_guest"]

PARAMETERS = Parameters(source_count=8, context_count=4, hart_count=1)
"""The controller of all diagrams, with its synchroniser."""

_GUEST, _OTHER = 1, 2
_CLAIM = MAP["CLAIM"].at(0)


def _give(source: int, context: int, priority: int) -> list[tuple[int, str, tuple[int, ...], int]]:
    """Accesses that make a source's level an event for a context, which has enabled it."""
    enabled = ((1 << source + 1) - 2) if context else 1 << source
    allow = [(0, "ALLOW", (context, 0), enabled)] if context else []
    return [
        *allow,
        (0, "TRIGGER", (source,), Trigger.LEVEL_HIGH),
        (0, "ROUTE", (source,), MAP["ROUTE"].pack(owner=context)),
        (context, "PRIORITY", (source,), priority),
        (context, "ENABLE", (0, 0), enabled),
    ]


async def two_sources_of_a_guest(bench: Bench) -> None:
    """Sources 1 and 2 belong to context 1, which runs on hart 0."""
    await bench.set_up([
        *_give(1, _GUEST, 2), *_give(2, _GUEST, 1),
        (_GUEST, "VECTOR_BASE", (), 0x1000), (0, "RUNNING", (0,), _GUEST),
    ])


def _hex(value: int) -> str:
    return f"0x{value:x}"


def _name(value: int) -> str:
    return Cause(value).name


def _direct(bench: Bench, *names: str) -> list[Row]:
    line = bench.top.direct0
    return [
        Row(label="direct0_valid", signal=line.valid),
        *(Row(label=f"direct0_{name}", signal=getattr(line, name), text=_hex if name == "vector" else str,
              valid=line.valid) for name in names),
    ]


def _write_rows(bench: Bench) -> list[Row]:
    axi = bench.axi
    return [
        Row(label="s_axi_awvalid", signal=axi.awvalid),
        Row(label="s_axi_awaddr", signal=axi.awaddr, text=_hex, valid=axi.awvalid),
        Row(label="s_axi_awready", signal=axi.awready),
        Row(label="s_axi_wvalid", signal=axi.wvalid),
        Row(label="s_axi_wdata", signal=axi.wdata, text=_hex, valid=axi.wvalid),
        Row(label="s_axi_wready", signal=axi.wready),
        Row(label="s_axi_bvalid", signal=axi.bvalid),
        Row(label="s_axi_bresp", signal=axi.bresp, text=str, valid=axi.bvalid),
        Row(label="s_axi_bready", signal=axi.bready),
    ]


def _read_rows(bench: Bench) -> list[Row]:
    axi = bench.axi
    return [
        Row(label="s_axi_arvalid", signal=axi.arvalid),
        Row(label="s_axi_araddr", signal=axi.araddr, text=_hex, valid=axi.arvalid),
        Row(label="s_axi_arready", signal=axi.arready),
        Row(label="s_axi_rvalid", signal=axi.rvalid),
        Row(label="s_axi_rdata", signal=axi.rdata, text=_hex, valid=axi.rvalid),
        Row(label="s_axi_rresp", signal=axi.rresp, text=str, valid=axi.rvalid),
        Row(label="s_axi_rready", signal=axi.rready),
    ]


async def axi_write(bench: Bench) -> Recording:
    """A write of PRIORITY, whose response the manager takes a cycle late."""
    axi, recording = bench.axi, bench.record(*_write_rows(bench))
    bench.set(axi.bready, 0)
    await bench.tick()
    for signal, value in (
        (axi.awaddr, _GUEST * WINDOW_BYTES + MAP["PRIORITY"].at(1)), (axi.wdata, 5), (axi.wstrb, 15),
        (axi.awvalid, 1), (axi.wvalid, 1),
    ):
        bench.set(signal, value)
    recording.mark("a", "s_axi_awvalid")
    await bench.until(axi.awready)
    recording.mark("b", "s_axi_awready")
    await bench.tick()
    bench.set(axi.awvalid, 0)
    bench.set(axi.wvalid, 0)
    await bench.until(axi.bvalid)
    recording.mark("c", "s_axi_bvalid")
    await bench.tick()
    bench.set(axi.bready, 1)
    recording.mark("d", "s_axi_bready")
    await bench.tick(3)
    return recording


async def axi_read(bench: Bench) -> Recording:
    """A read that is served, then one that is refused: RUNNING belongs to the host."""
    await bench.write("PRIORITY", 1, value=5)
    recording = bench.record(*_read_rows(bench))
    axi = bench.axi
    await bench.tick()
    for letters, page, register, index in (("abc", 0, "PRIORITY", 1), ("def", _GUEST, "RUNNING", 0)):
        bench.set(axi.araddr, page * WINDOW_BYTES + MAP[register].at(index))
        bench.set(axi.arvalid, 1)
        recording.mark(letters[0], "s_axi_arvalid")
        await bench.until(axi.arready)
        recording.mark(letters[1], "s_axi_arready")
        await bench.tick()
        bench.set(axi.arvalid, 0)
        await bench.until(axi.rvalid)
        recording.mark(letters[2], "s_axi_rvalid")
        await bench.tick()
    await bench.tick()
    return recording


async def core_access(bench: Bench) -> Recording:
    """A write and a read at the core's bus."""
    bus = bench.core.bus
    recording = bench.record(
        Row(label="bus_valid", signal=bus.valid),
        Row(label="bus_write", signal=bus.write),
        Row(label="bus_address", signal=bus.address, text=_hex, valid=bus.valid),
        Row(label="bus_wdata", signal=bus.wdata, text=_hex, valid=bus.valid & bus.write),
        Row(label="bus_ready", signal=bus.ready),
        Row(label="bus_rdata", signal=bus.rdata, text=_hex, valid=bus.ready & ~bus.write),
        Row(label="bus_error", signal=bus.error),
    )

    async def follow(letters: str) -> None:
        await bench.until(bus.valid)
        recording.mark(letters[0], "bus_valid")
        await bench.until(bus.ready)
        recording.mark(letters[1], "bus_ready")
        await bench.tick()

    axi = bench.axi
    bench.set(axi.awaddr, MAP["PRIORITY"].at(1))
    bench.set(axi.araddr, MAP["PRIORITY"].at(1))
    bench.set(axi.wdata, 5)
    bench.set(axi.wstrb, 15)
    for letters, requests in (("ab", (axi.awvalid, axi.wvalid)), ("cd", (axi.arvalid,))):
        for each in requests:
            bench.set(each, 1)
        await follow(letters)
        for each in requests:
            bench.set(each, 0)
    await bench.tick(2)
    return recording


async def direct_line(bench: Bench) -> Recording:
    """Two events for the guest that runs; the hart acknowledges the first."""
    await two_sources_of_a_guest(bench)
    line, irq = bench.top.direct0, bench.top.irq
    recording = bench.record(
        Row(label="irq[0] (source 1)", signal=irq[0]),
        Row(label="irq[1] (source 2)", signal=irq[1]),
        *_direct(bench, "source", "context", "vector", "injected"),
        Row(label="direct0_acknowledge", signal=line.acknowledge),
    )
    await bench.tick()
    bench.set(irq, 0b01)
    recording.mark("a", "irq[0] (source 1)")
    await bench.tick()
    bench.set(irq, 0b11)
    await bench.until(line.valid)
    recording.mark("b", "direct0_valid")
    await bench.tick(2)
    bench.set(line.acknowledge, 1)
    recording.mark("c", "direct0_acknowledge")
    await bench.tick()
    bench.set(line.acknowledge, 0)
    await bench.until(line.valid)
    recording.mark("d", "direct0_valid")
    await bench.tick(3)
    return recording


async def trap_line(bench: Bench) -> Recording:
    """An event for the host, which claims it over the bus."""
    await bench.set_up(_give(3, 0, 1))
    trap, axi = bench.top.trap0, bench.axi
    recording = bench.record(
        Row(label="irq[2] (source 3)", signal=bench.top.irq[2]),
        Row(label="trap0_valid", signal=trap.valid),
        *(Row(label=f"trap0_{name}", signal=getattr(trap, name), text=text, valid=trap.valid)
          for name, text in (("cause", _name), ("source", str), ("target", str), ("context", str))),
        *_read_rows(bench)[:5],
    )
    await bench.tick()
    bench.set(bench.top.irq, 1 << 2)
    recording.mark("a", "irq[2] (source 3)")
    await bench.until(trap.valid)
    recording.mark("b", "trap0_valid")
    await bench.tick(2)
    bench.set(axi.araddr, _CLAIM)
    bench.set(axi.arvalid, 1)
    recording.mark("c", "s_axi_arvalid")
    await bench.until(axi.arready)
    await bench.tick()
    bench.set(axi.arvalid, 0)
    await bench.until(axi.rvalid)
    recording.mark("d", "s_axi_rvalid")
    await bench.until(trap.valid, 0)
    recording.mark("e", "trap0_valid")
    await bench.tick(3)
    return recording


async def notice(bench: Bench) -> Recording:
    """A guest's access is refused; the host reads TRAP and writes the value back."""
    await bench.set_up([])
    trap, axi = bench.top.trap0, bench.axi
    recording = bench.record(
        *_read_rows(bench)[:2], *_read_rows(bench)[3:6:2],
        Row(label="s_axi_awvalid", signal=axi.awvalid),
        Row(label="s_axi_wdata", signal=axi.wdata, text=_hex, valid=axi.awvalid),
        Row(label="s_axi_bvalid", signal=axi.bvalid),
        Row(label="trap0_valid", signal=trap.valid),
        *(Row(label=f"trap0_{name}", signal=getattr(trap, name), text=text, valid=trap.valid)
          for name, text in (("cause", _name), ("target", str), ("context", str))),
    )
    await bench.tick()
    recording.mark("a", "s_axi_arvalid")
    await bench.read("RUNNING", 0, page=_GUEST)
    await bench.until(trap.valid)
    recording.mark("b", "trap0_valid")
    await bench.tick()
    value = (await bench.read("TRAP", 0)).data
    recording.mark("c", "s_axi_awvalid")
    await bench.write("TRAP", 0, value=value)
    await bench.tick(2)
    return recording


async def dark(bench: Bench) -> Recording:
    """Beside an event on the line another context writes its threshold, then the guest writes its own."""
    await two_sources_of_a_guest(bench)
    line, axi = bench.top.direct0, bench.axi
    bench.set(bench.top.irq, 1)
    await bench.tick(20)
    threshold = {page * WINDOW_BYTES + MAP["THRESHOLD"].at(0): f"THRESHOLD of {page}" for page in (_GUEST, _OTHER)}
    recording = bench.record(
        Row(label="s_axi_awvalid", signal=axi.awvalid),
        Row(label="s_axi_awaddr", signal=axi.awaddr, text=threshold.__getitem__, valid=axi.awvalid),
        Row(label="s_axi_bvalid", signal=axi.bvalid),
        *_direct(bench, "source"),
    )
    await bench.tick()
    recording.mark("a", "s_axi_awvalid")
    await bench.write("THRESHOLD", 0, page=_OTHER, value=1)
    await bench.tick()
    axi_write = [(axi.awaddr, _GUEST * WINDOW_BYTES + MAP["THRESHOLD"].at(0)), (axi.wdata, 1), (axi.wstrb, 15)]
    for signal, value in (*axi_write, (axi.awvalid, 1), (axi.wvalid, 1)):
        bench.set(signal, value)
    recording.mark("b", "s_axi_awvalid")
    await bench.until(line.valid, 0)
    recording.mark("c", "direct0_valid")
    await bench.until(axi.awready)
    await bench.tick()
    bench.set(axi.awvalid, 0)
    bench.set(axi.wvalid, 0)
    await bench.until(line.valid)
    recording.mark("d", "direct0_valid")
    await bench.tick(3)
    return recording


async def reset(bench: Bench) -> Recording:
    """Reset while an event is on the line, and an access that the manager makes at once afterwards."""
    await two_sources_of_a_guest(bench)
    top, axi = bench.top, bench.axi
    bench.set(top.irq, 1)
    await bench.tick(20)
    recording = bench.record(
        Row(label="rst", signal=bench.rst),
        Row(label="ready", signal=top.ready),
        *_direct(bench, "source"),
        *_read_rows(bench)[:5],
    )
    await bench.tick()
    bench.set(bench.rst, 1)
    recording.mark("a", "rst")
    await bench.tick(3)
    bench.set(bench.rst, 0)
    recording.mark("b", "rst")
    bench.set(axi.araddr, MAP["PRIORITY"].at(1))
    bench.set(axi.arvalid, 1)
    await bench.tick(3)
    recording.cut()
    await bench.tick(PARAMETERS.context_count * (PARAMETERS.source_count + 1) - 4)
    recording.resume()
    await bench.until(top.ready)
    recording.mark("c", "ready")
    await bench.until(axi.arready)
    await bench.tick()
    bench.set(axi.arvalid, 0)
    await bench.until(axi.rvalid)
    recording.mark("d", "s_axi_rvalid")
    await bench.tick(2)
    return recording


SCENES: dict[str, Scene] = {
    "axi-write": axi_write,
    "axi-read": axi_read,
    "core-access": core_access,
    "direct-line": direct_line,
    "trap-line": trap_line,
    "notice": notice,
    "dark": dark,
    "reset": reset,
}

TITLES = {
    "axi-write": "A write over AXI4-Lite",
    "axi-read": "A read over AXI4-Lite, and one that is refused",
    "core-access": "A write and a read at the core's bus",
    "direct-line": "Two events on a direct line, and an acknowledge",
    "trap-line": "An event of the host on its trap line, and its claim",
    "notice": "A notice on the trap line, and its dismissal",
    "dark": "A line stays valid beside another context's write, and is low for its own",
    "reset": "A reset, and the first access after it",
}
