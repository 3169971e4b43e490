"""One run of all measurements: generates the designs, simulates them, and puts the results together."""

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hic.rtl.parameters import Parameters

from ..run import Design, run
from ..testbench import parameters_to_environment
from .pins import TOP, around_controller, around_plic
from .verdicts import judge

__all__ = ["Campaign", "measure", "measure_yardstick"]

_POLL_S = 0.1
_CONTROLLER, _PLIC = "controller", "plic"

Progress = Callable[[str, float], object]


@dataclass(frozen=True)
class Campaign:
    """A controller to be measured.

    Parameters
    ----------
    parameters : Parameters
        The controller's, and of the PLIC as far as it has them.
    seed : int
        Decides all that is random.
    plic : bool
        A plain PLIC is measured too.
    """

    parameters: Parameters
    seed: int = 1
    plic: bool = False


def measure(campaign: Campaign, directory: Path, progress: Progress = lambda text, part: None) -> dict[str, Any]:
    """Measures, and judges by the contract's limits.

    Parameters
    ----------
    campaign : Campaign
        The controller.
    directory : Path
        Where simulations run.
    progress : callable
        Called with what is being measured, and the part of all that is done, 0 to 1.

    Raises
    ------
    BuildFailed, SimulationFailed
        A simulation cannot be built; or it stopped, as the controller did something else than the measurement expects.
    """
    found = _simulated(_CONTROLLER, campaign, directory / _CONTROLLER, progress)
    p = campaign.parameters
    results: dict[str, Any] = {
        "configuration": {
            "sources": p.source_count, "contexts": p.context_count, "harts": p.hart_count,
            "priority_bits": p.priority_bits,
        },
        "seed": campaign.seed,
        **found,
    }
    results["verdicts"] = [verdict.to_dict() for verdict in judge(results, p)]
    if campaign.plic:
        results["plic"] = measure_yardstick(campaign, directory, progress)
    return results


def measure_yardstick(
    campaign: Campaign, directory: Path, progress: Progress = lambda text, part: None
) -> dict[str, Any]:
    """Measures a plain PLIC of the same size alone. Parameters and exceptions are those of `measure`."""
    return _simulated(_PLIC, campaign, directory / _PLIC, progress)


def _simulated(kind: str, campaign: Campaign, directory: Path, progress: Progress) -> dict[str, Any]:
    """Results of a simulation in a process of its own, for cocotb's runner changes the environment of its process."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("progress.json", "measured.json"):
        (directory / name).unlink(missing_ok=True)
    progress(f"{kind}: generating and building", 0.0)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        future = pool.submit(_simulate, kind, campaign, directory)
        while wait([future], _POLL_S).not_done:
            try:
                text, part = json.loads((directory / "progress.json").read_text())
            except FileNotFoundError:
                continue
            progress(f"{kind}: {text}", part)
        future.result()
    found: dict[str, Any] = json.loads((directory / "measured.json").read_text())
    return found


def _simulate(kind: str, campaign: Campaign, directory: Path) -> None:
    parameters = campaign.parameters
    if kind == _CONTROLLER:
        from hic.rtl.export.generate import TOP as INNER
        from hic.rtl.export.generate import generate

        verilog = around_controller(parameters).around(INNER, generate(parameters))
        bench = "hic.cosim.benches.measure"
    else:
        from hic.rtl.export.verilog import to_verilog
        from hic.rtl.plic import PlicAXI4Lite

        plic = PlicAXI4Lite(
            source_count=parameters.source_count, context_count=parameters.context_count,
            priority_bits=parameters.priority_bits,
        )
        verilog = around_plic(parameters).around("plic", to_verilog(plic, "plic", prefixes={"axi": "s_axi"}))
        bench = "hic.cosim.benches.measure_plic"
    settings = {"HIC_SEED": str(campaign.seed), **parameters_to_environment(parameters)}
    run(Design(verilog, top=TOP), bench, directory, settings=settings, seed=campaign.seed)
