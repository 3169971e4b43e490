"""Recordings of a test bench's run: what it did to the design, and what it saw, by which a mutant is held against it.

As long as outputs are in each cycle what they were, a bench does what it did, and finds no fault. It sees of a cycle
the values of pins before the edge that ends it. A replay of its inputs has no Python in it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .run import Design, run

__all__ = ["Recording", "note_start", "recorder"]

_STARTS = "HIC_STARTS"


@dataclass(frozen=True)
class Recording:
    """A recording of a bench, on a design from `recorder`.

    Parameters
    ----------
    directory : Path
        Where it is: ``pins.txt``, with a line for as many cycles as nothing changed in, and ``starts.txt``, with the
        cycle in which each test began, if the bench says so.
    """

    directory: Path

    @property
    def plusarg(self) -> str:
        """Makes a simulation of the design record."""
        return f"+record={self._pins}"

    @property
    def settings(self) -> Mapping[str, str]:
        """Environment variables with which a bench tells when tests begin."""
        return {_STARTS: str(self._starts)}

    def begin(self) -> None:
        """Forgets what was there."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in (self._pins, self._starts):
            path.unlink(missing_ok=True)

    def first_difference(self, design: Design, directory: Path, *plusargs: str) -> int | None:
        """The first cycle in which outputs are not as they were; None if there is no such cycle.

        Raises
        ------
        FileNotFoundError
            Nothing was recorded.
        cosim.run.SimulationFailed
            The replay came to no end.
        """
        if not self._pins.exists():
            raise FileNotFoundError(f"{self._pins} must have been recorded")
        run(design, "hic.cosim.benches.replay", directory, plusargs=(f"+replay={self._pins}", *plusargs))
        cycle = (directory / "replay.txt").read_text()
        return int(cycle) if cycle else None

    def test_at(self, cycle: int) -> str | None:
        """The test that ran in a cycle; None if that is not known."""
        rows = self._starts.read_text().splitlines() if self._starts.exists() else []
        begun = [name for start, name in map(str.split, rows) if int(start) <= cycle]
        return begun[-1] if begun else None

    @property
    def _pins(self) -> Path:
        return self.directory.absolute() / "pins.txt"

    @property
    def _starts(self) -> Path:
        return self.directory.absolute() / "starts.txt"


def note_start(dut: Any, test: str) -> None:
    """Says that a test begins, if it is recorded."""
    if _STARTS in os.environ:
        with Path(os.environ[_STARTS]).open("a") as file:
            file.write(f"{int(dut.replay_cycle.value)} {test}\n")


def recorder(name: str, ports: Mapping[str, tuple[str, int]], inner: str, declared: str, connected: str) -> str:
    """Verilog of a module around another one, that records with ``+record=FILE`` and replays with ``+replay=FILE``.

    A line of the file is a number of cycles, and what inputs and outputs were before the edges that end them. A replay
    ends with ``replay_done``: then ``replay_differs`` says whether outputs were others in ``replay_cycle``.

    Parameters
    ----------
    name : str
        The module's name.
    ports : mapping
        Its ports: "input" or "output", and how many bits. One is ``clk``.
    inner : str
        The module inside, with the same ports.
    declared, connected : str
        Declarations that the module has besides, and how they are connected to the inner one.
    """
    ways = {way: [port for port in ports if ports[port][0] == way and port != "clk"] for way in ("input", "output")}
    bits = {way: sum(ports[port][1] for port in ways[way]) for way in ways}
    inputs, outputs = (f"{{{', '.join(ways[way])}}}" for way in ways)
    head = "".join(f"  {way} [{width - 1}:0] {port},\n" for port, (way, width) in ports.items())
    driven = "".join(f"  wire [{ports[port][1] - 1}:0] _{port};\n" for port in ways["input"])
    pins = "".join(f".{port}({'_' if port in ways['input'] else ''}{port}), " for port in ports)
    return f"""
module {name}(
{head}  output reg [31:0] replay_cycle,
  output reg replay_done,
  output reg replay_differs
);
{declared}
{driven}
  string path;
  integer file = 0, items;
  reg records = 0, replays = 0;
  integer count = 0, next_count;
  reg [{bits["input"] - 1}:0] kept_inputs, next_inputs;
  reg [{bits["output"] - 1}:0] kept_outputs, next_outputs;
  assign {{{", ".join(f"_{port}" for port in ways["input"])}}} = replays ? kept_inputs : {inputs};
  {inner} inner ({pins}{connected});
  initial begin
    replay_cycle = 0;
    replay_done = 0;
    replay_differs = 0;
    if ($value$plusargs("record=%s", path)) begin
      file = $fopen(path, "w");
      records = 1;
    end
    if ($value$plusargs("replay=%s", path)) begin
      file = $fopen(path, "r");
      replays = 1;
      items = $fscanf(file, "%d %h %h", count, kept_inputs, kept_outputs);
    end
  end
  always @(posedge clk) begin
    if (!replay_done) replay_cycle <= replay_cycle + 1;
    if (records) begin
      if (count != 0 && kept_inputs == {inputs} && kept_outputs == {outputs}) count <= count + 1;
      else begin
        if (count != 0) $fwrite(file, "%0d %h %h\\n", count, kept_inputs, kept_outputs);
        count <= 1;
        kept_inputs <= {inputs};
        kept_outputs <= {outputs};
      end
    end
    if (replays && !replay_done) begin
      if (kept_outputs != {outputs}) begin
        replay_done <= 1;
        replay_differs <= 1;
        replay_cycle <= replay_cycle;
      end else if (count > 1) count <= count - 1;
      else begin
        items = $fscanf(file, "%d %h %h", next_count, next_inputs, next_outputs);
        if (items != 3) replay_done <= 1;
        count <= next_count;
        kept_inputs <= next_inputs;
        kept_outputs <= next_outputs;
      end
    end
  end
  final if (records) begin
    $fwrite(file, "%0d %h %h\\n", count, kept_inputs, kept_outputs);
    $fclose(file);
  end
endmodule
"""
