"""A board in the simulator, behind a pseudo-terminal: to a host it is a board on a serial line."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from .run import Design, SimulationFailed, run

__all__ = ["DEVICE", "DIVISOR", "LIGHTS", "serve"]

DEVICE, DIVISOR = "HIC_DEVICE", "HIC_DIVISOR"
"""Environment variables: where the simulation links its pseudo-terminal to, and its cycles per bit."""

LIGHTS = "lights.txt"
"""File in which a run leaves what the board's lights showed: a line each time that they changed."""

_START_S = 60


@contextmanager
def serve(design: Design, directory: Path, *, divisor: int) -> Iterator[str]:
    """Runs a board in the simulator; gives the name of its serial device while it runs.

    Simulated time passes only while the board has a request to answer.

    Parameters
    ----------
    design : Design
        The board, with ports ``clk``, ``rst``, ``rx``, ``tx``: RTL or netlist.
    directory : Path
        Where the run leaves its log, and LIGHTS.
    divisor : int
        Clock cycles per bit that the board was made for.

    Raises
    ------
    BuildFailed
        As ``run``.
    SimulationFailed
        The simulation did not start, or stopped early.
    """
    directory.mkdir(parents=True, exist_ok=True)
    device = directory.absolute() / "uart"
    device.unlink(missing_ok=True)
    design.build()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            run, design, "hic.cosim.benches.board", directory, settings={DEVICE: str(device), DIVISOR: str(divisor)}
        )
        try:
            end = time.monotonic() + _START_S
            while not device.is_symlink():
                if running.done() or time.monotonic() > end:
                    raise SimulationFailed(f"the board in {directory} did not start; see {directory / 'sim.log'}")
                time.sleep(0.02)
            yield str(device.readlink())
        finally:
            device.unlink(missing_ok=True)
            running.result()
