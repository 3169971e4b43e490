"""The whole board in simulation, used by the host's software over a pseudo-terminal."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from serial import Serial

from hic.cli import main
from hic.cosim.board import LIGHTS as LIGHTS_FILE
from hic.cosim.board import serve
from hic.cosim.run import Design
from hic.cosim.scenario import run_on_rtl
from hic.fpga import simulated
from hic.fpga.board.lights import LIGHTS
from hic.rtl.link import BOARD, BOARD_BASE, LinkOperation, Request, frame
from hic.rtl.parameters import Trigger
from hic.rtl.registers import MAP
from hic.sw_model.comparison import differences
from hic.sw_model.driver import Driver
from hic.sw_model.machine import run_scenario
from hic.sw_model.port import BusError
from hic.sw_model.reference import ReferencePort
from hic.sw_model.scenario import load_scenario
from hic.sw_model.uart import Link, LinkError, UartPort


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("board")


@pytest.fixture(scope="module")
def device(directory: Path) -> Iterator[str]:
    design = Design(simulated.board_verilog(), top=simulated.TOP)
    with serve(design, directory, divisor=simulated.DIVISOR) as device:
        yield device


@pytest.fixture
def port(device: str) -> Iterator[UartPort]:
    with UartPort.open(device) as port:
        asyncio.run(port.reset())
        yield port


def at(name: str, *indices: int) -> int:
    return BOARD_BASE + BOARD[name].at(*indices)


@pytest.mark.check
def test_port_finds_the_configuration(port):
    assert port.parameters == simulated.PARAMETERS


@pytest.mark.check
def test_board_tells_about_itself(port):
    values = {name: port.link.read(at(name)) for name in ("CLOCK", "DIVISOR", "GENERATORS", "BUILD", "CONTROL")}
    assert values == {"CLOCK": 25_000_000, "DIVISOR": 4, "GENERATORS": 6, "BUILD": 0, "CONTROL": 0}


@pytest.mark.check
def test_registers_keep_what_is_written_and_refuse_what_they_must(port):
    link = port.link
    for name, value in (("TAKE", 77), ("SERVE", 88)):
        before = link.read(at(name))
        link.write(at(name), value)
        assert link.read(at(name)) == value
        with pytest.raises(BusError):
            link.write(at(name), 1, strobe=0b0111)
        assert link.read(at(name)) == value
        link.write(at(name), before)
    for address in (at("CLOCK"), at("DIRECT", 0), at("LATENCY", 1, 0), at("LATENCY", 7, 0), at("PERIOD", 7), 5 << 22):
        with pytest.raises(BusError):
            link.write(address, 1)
    for address in (at("LATENCY", 7, 0), at("DIRECT", 2), 0x7000_0000, 0xFFFF_FFFC):
        with pytest.raises(BusError):
            link.read(address)


@pytest.mark.check
def test_board_runs_without_software_at_the_promised_latency(port):
    link = port.link
    link.write(at("CONTROL"), BOARD["CONTROL"].pack(run=1, reset=1))
    link.request(LinkOperation.WAIT, data=60_000)
    link.write(at("CONTROL"), 0)
    link.request(LinkOperation.WAIT, data=1_000)
    results = [[link.read(at("LATENCY", s, w)) for w in range(32)] for s in range(1, 7)]
    for number, (count, total, least, most, *_) in enumerate(results[:5], 1):
        assert count >= 10, f"source {number}"
        assert count == sum(results[number - 1][16:])
        assert count * least <= total <= count * most
    latency = simulated.PARAMETERS.pin_to_line_cycles
    assert min(result[2] for result in results) == latency
    assert results[0][2] == results[4][2] == latency  # a timer's guest that runs, and the shared source
    assert results[5][:4] == [0, 0, 0xFFFF, 0]  # nobody presses the button
    counts = {c: link.read((c << 22) + MAP["COUNT"].at(c, 1)) for c in (1, 2, 3, 4)}
    assert counts[1] > 10
    assert counts[4] > 10
    assert counts[2] == counts[3] == 0  # only the sharers get injections
    assert sum(link.read(MAP["COUNT"].at(c, 3)) for c in range(1, 5)) > 10  # doorbells
    assert link.read(MAP["EVENTS"].at(0)) == 0  # the takers have done nothing that is refused


@pytest.mark.check
def test_corrupt_frame_changes_nothing(port, device):
    link = port.link
    link.write(at("TAKE"), 1)
    dropped = link.read(at("DROPPED"))
    good = frame(Request(200, LinkOperation.WRITE, at("TAKE"), 0x55, 15).encode())
    random = Random(1)
    corrupt = []
    for _ in range(40):
        piece = bytearray(good)
        match random.randrange(3):
            case 0:
                piece[random.randrange(1, len(piece) - 1)] ^= 1 << random.randrange(8)
            case 1:
                del piece[random.randrange(1, len(piece) - 1)]
            case 2:
                piece.insert(random.randrange(1, len(piece) - 1), random.randrange(256))
        corrupt.append(bytes(piece))
    with Serial(device, timeout=0.1) as line:
        line.write(b"".join(corrupt))
        line.flush()
        assert line.read(1) == b""
    again = Link(Serial(device, timeout=0.05), device)
    assert again.read(at("TAKE")) == 1
    assert again.read(at("DROPPED")) - dropped >= 40
    again.write(at("TAKE"), 20)
    again.close()


@pytest.mark.check
def test_lights_show_what_they_are_named_for(port, directory):
    """One after the other: a direct line, a trap, a doorbell, and a frame that is dropped."""
    driver = Driver(port)

    async def lit(*, ever: bool = False) -> set[str]:
        await port.advance(1_000)
        lines = (directory / LIGHTS_FILE).read_text().split()
        values = [int(line, 2) for line in (lines[before:] if ever else lines[-1:])]
        return {name for i, name in enumerate(LIGHTS) if any(value >> i & 1 for value in values)} - {"alive", "link"}

    async def event(owner: int, *, shared: int, running: int) -> None:
        await port.reset()
        await driver.write(0, "TRIGGER", 1, mode=Trigger.LEVEL_HIGH)
        await driver.write(0, "ROUTE", 1, owner=owner, shared=shared)
        await driver.write_set(0, "ALLOW", 1, sources={1})
        for context in (0, 1):
            await driver.write(context, "PRIORITY", 1, priority=1)
            await driver.write_set(context, "ENABLE", 0, sources={1})
        await driver.write(0, "RUNNING", 0, context=running)
        await port.drive(1, 1)

    async def show() -> list[set[str]]:
        found = [await lit()]
        for case in ({"owner": 1, "shared": 0, "running": 1}, {"owner": 1, "shared": 1, "running": 1},
                     {"owner": 1, "shared": 0, "running": 0}):
            await event(**case)
            found.append(await lit())
        return found

    before = 0
    assert asyncio.run(show()) == [set(), {"direct"}, {"trap"}, {"doorbell"}]
    asyncio.run(port.reset())
    asyncio.run(lit())
    before = len((directory / LIGHTS_FILE).read_text().split())
    port.link._line.write(b"\x7enonsense\x7e")
    assert asyncio.run(lit(ever=True)) == {"fault"}


class LossyLine:
    """A serial line that spoils some of what crosses it, in both directions."""

    def __init__(self, device: str) -> None:
        self._line = Serial(device, timeout=0.02)
        self._random = Random(7)

    @property
    def in_waiting(self) -> int:
        return self._line.in_waiting

    def read(self, size: int = 1, /) -> bytes:
        return self._spoil(self._line.read(size))

    def write(self, data: bytes, /) -> int | None:
        return self._line.write(self._spoil(data))

    def close(self) -> None:
        self._line.close()

    def _spoil(self, data: bytes) -> bytes:
        return bytes(byte ^ 0x10 if self._random.random() < 0.004 else byte for byte in data)


@pytest.mark.check
def test_every_request_is_carried_out_once_on_a_lossy_line(port, device):
    """Messages and claims have effects, so that a lost or doubled request would show in the counter of claims."""
    count = 60
    link = Link(LossyLine(device), device, timeout_s=0.5)
    link.write(MAP["PRIORITY"].at(1), 1)
    link.write(MAP["ENABLE"].at(0, 0), 0b10)
    before = link.read(MAP["COUNT"].at(0, 0))
    for _ in range(count):
        link.write(MAP["MESSAGE"].at(), 1)
        assert link.read(MAP["CLAIM"].at(0)) == 1
        link.write(MAP["CLAIM"].at(0), 1)
    assert link.read(MAP["COUNT"].at(0, 0)) - before == count
    assert link.repeated >= 5
    link.close()


@pytest.mark.check
@pytest.mark.parametrize(("name", "length_us"), [
    ("hello", 3_000), ("nested", 3_000), pytest.param("across-l1", 4_000, marks=pytest.mark.check),
])
def test_same_deliveries_as_on_the_model(port, name, length_us):
    scenario = replace(load_scenario(name), length_ns=1000 * length_us)
    result = asyncio.run(run_scenario(scenario, port))
    model = asyncio.run(run_scenario(scenario, ReferencePort(scenario.parameters)))
    assert result.deliveries == model.deliveries
    assert result.interrupts > 10
    assert result.totals == model.totals
    assert not result.totals.faults
    assert port.link.repeated == 0


@pytest.mark.check
def test_all_three_backends_agree(port, tmp_path):
    scenario = replace(load_scenario("nested"), length_ns=3_000_000, seed=7)
    model = asyncio.run(run_scenario(scenario, ReferencePort(scenario.parameters)))
    rtl = run_on_rtl(scenario, tmp_path)
    board = asyncio.run(run_scenario(scenario, port))
    assert board.deliveries == model.deliveries, "lines have settled when a request reaches them"
    assert differences(scenario, model, rtl.result) == []
    assert board.totals == model.totals
    assert len(model.deliveries) > 10
    other = asyncio.run(run_scenario(replace(scenario, seed=8), ReferencePort(scenario.parameters)))
    assert other.deliveries != model.deliveries


@pytest.mark.check
def test_status_shows_what_the_board_has_measured(port, device):
    """The command, on a demonstration that it begins anew: the scenario's port has stopped it."""
    stopped = json.loads(CliRunner().invoke(main, ["fpga", "status", "--device", device, "--json"]).stdout)
    assert stopped["running"] is False
    assert {each["count"] for each in stopped["latencies"]} == {0}
    text = CliRunner().invoke(main, ["fpga", "status", "--device", device]).stdout
    assert "25 MHz, 8 sources x 5 contexts x 2 harts; the demonstration is stopped" in " ".join(text.split())
    again = json.loads(CliRunner().invoke(main, ["fpga", "status", "--device", device, "--restart", "--json"]).stdout)
    assert again["running"] is True
    port.link.request(LinkOperation.HELLO)
    port.link.request(LinkOperation.WAIT, data=60_000)
    found = json.loads(CliRunner().invoke(main, ["fpga", "status", "--device", device, "--json"]).stdout)
    assert (found["build"], found["clock_hz"], len(found["latencies"])) == (0, 25_000_000, 6)
    timer = found["latencies"][0]
    assert timer["minimum"] == simulated.PARAMETERS.pin_to_line_cycles
    assert timer["count"] >= 10
    assert sum(timer["histogram"][b] for b in range(timer["minimum"].bit_length(), 16)) >= 10
    table = CliRunner().invoke(main, ["fpga", "status", "--device", device]).stdout
    assert "4-7: " in table
    anew = json.loads(CliRunner().invoke(main, ["fpga", "status", "--device", device, "--restart", "--json"]).stdout)
    assert anew["latencies"][0]["count"] < timer["count"]
    outcome = CliRunner().invoke(main, ["fpga", "status", "--device", "/dev/none"])
    assert outcome.exit_code == 2
    assert outcome.output.startswith("hic: device must be a serial line that can be opened, not '/dev/none'")


@pytest.mark.check
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_simulated_board_ends_with_its_command(number, device, tmp_path):
    """It is built already, for the other tests; its simulation's log ends with the result of a test that has passed."""
    words = [sys.executable, "-m", "hic", "fpga", "simulate", "-o", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as command:
        first = command.stdout.readline()
        assert re.fullmatch(r"hic run hello --backend uart:/dev/pts/\d+\n", first)
        link = Link(Serial(first.strip().rpartition(":")[2], timeout=0.05), "the board")
        assert link.read(at("CLOCK")) == 25_000_000
        link.close()
        command.send_signal(number)
        assert command.wait(timeout=30) == 0
    assert "PASS=1" in (tmp_path / "sim.log").read_text()


@pytest.mark.check
def test_device_wrong(tmp_path):
    with pytest.raises(LinkError, match=r"^device must be a serial line that can be opened, not '/dev/none' "):
        UartPort.open("/dev/none")


class Silence:
    """A serial line with nobody at the other end."""

    in_waiting = 0

    def read(self, size: int = 1, /) -> bytes:
        return b""

    def write(self, data: bytes, /) -> int | None:
        return len(data)


@pytest.mark.check
def test_silent_device_wrong():
    with pytest.raises(LinkError, match=r"^/dev/x must answer within 0\.01 s, but did not in 5 attempts: is the board"):
        Link(Silence(), "/dev/x", timeout_s=0.01)
