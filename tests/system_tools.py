"""Marks of tests that need a program which the package index does not have.

README's two commands need none of them: they judge the project's output, and no feature needs them. Where one is
missing its tests are skipped, and the summary says how to get it. Continuous integration installs both (.ci/run).
"""

import shutil

import pytest

__all__ = ["needs_dtc", "needs_icarus"]


def _needs(program: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is missing; apt install {package}")


needs_dtc = _needs("dtc", "device-tree-compiler")
needs_icarus = _needs("iverilog", "iverilog")
