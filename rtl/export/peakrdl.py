"""The SystemRDL description by way of PeakRDL: IP-XACT, and HTML pages. Needs the extra ``descriptions``."""

import tempfile
from importlib.metadata import version
from pathlib import Path

from peakrdl_html import HTMLExporter
from peakrdl_ipxact import IPXACTExporter
from systemrdl.compiler import RDLCompiler
from systemrdl.node import AddrmapNode

from ..distribution import DISTRIBUTION
from ..parameters import Parameters
from .registers import systemrdl

__all__ = ["html", "ipxact"]


def _compiled(parameters: Parameters, directory: Path) -> AddrmapNode:
    path = directory / "hic.rdl"
    path.write_text(systemrdl(parameters))
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    return compiler.elaborate("hic").top


def ipxact(parameters: Parameters) -> str:
    """IP-XACT of a configuration: a component with a memory map, without ports.

    Arrays are those of ``systemrdl``. The reset of a field is left out where it depends on configuration or index.

    References
    ----------
    IEEE 1685-2014, section 6.10 (memory maps).
    """
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        exporter = IPXACTExporter(vendor=DISTRIBUTION, library="interrupt", version=version(DISTRIBUTION))
        exporter.export(_compiled(parameters, directory), str(directory / "hic.xml"))
        return (directory / "hic.xml").read_text()


def html(parameters: Parameters, directory: Path) -> None:
    """HTML pages of a configuration, ``index.html`` and what it loads, in a directory that is empty or not there."""
    with tempfile.TemporaryDirectory() as name:
        # Without links to the source, whose address the exporter would ask Git for.
        HTMLExporter(generate_source_links=False).export(_compiled(parameters, Path(name)), str(directory))
