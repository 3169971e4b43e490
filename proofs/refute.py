"""Searching for counterexamples to a block's rules, with another netlist in the place of one of its modules."""

import re
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from .account import account
from .netlist import Port, body_of, plain, ports_of
from .proof import Engine, Harness, Proof
from .prove import PREPARE, TO_SMT, write_harness
from .tools import ContradictionError, ProofToolError, run_solver, run_yosys

__all__ = ["refute"]

_OTHER, _ORIGINAL = "other", "original"
"""Modules, where one is in the place of another."""


def refute(proof: Proof, module: str, netlist: Path, replacement: str, directory: Path) -> list[str]:
    """Searches for a counterexample to all rules of a block, one of whose modules is another: names of those violated.

    The search is as deep as that of `prove`; that nothing was found is no proof. Rules that are proven by k-induction
    are asked about that too: "no induction" means that they are not proven any more, however late they are violated, if
    ever. "no surroundings" means that the block makes it impossible to keep its own assumptions.

    Parameters
    ----------
    proof : Proof
        Of any rule of the block.
    module : str
        One of its modules: the path from the component, such as ``arbiter``; empty for the component itself.
    netlist : Path
        RTLIL, with processes and memories made into cells.
    replacement : str
        The module of it that takes the place. Its reset is never asked for, and its registers begin with 0. Outputs
        that it does not have, as nobody looks at them there, are those of the block's own module.
    directory : Path
        For the tools' files. It is made.

    Raises
    ------
    ProofToolError
        A tool is missing, or failed; or the replacement has a port that the block's module has not.
    """
    directory.mkdir(parents=True, exist_ok=True)
    harness, place = Harness(proof, every=True), f"top.dut.{module}".rstrip(".")
    block, other = write_harness(harness, directory), _write_other(netlist, directory)
    ports = ports_of(body_of(block, place))
    wanted, names = (_by_name(each) for each in (ports, ports_of(body_of(other, replacement))))
    unlike = {name for base, name in names.items() if base not in wanted} - {"rst"}
    if unlike:
        those, its = ", ".join(sorted(unlike)), ", ".join(port.name for port in ports)
        raise ProofToolError(f"{replacement} must have the ports of {place} alone ({its}), not {those}")
    renamed = {name: wanted[base] for base, name in names.items() if wanted.get(base, name) != name}
    # Neither a wire inside nor another port may have the name.
    renames = [f"rename {name} renamed{i};" for i, name in enumerate(renamed)]
    renames += [f"rename renamed{i} {name};" for i, name in enumerate(renamed.values())]
    run_yosys(
        directory,
        f"read_rtlil netlist.il; hierarchy -top {replacement}; delete -input {replacement}/w:rst; cd {replacement};"
        f"connect -set rst 1'0; rename -hide w:*; {''.join(renames)} cd ..;"
        f"setundef -init -zero; rename {replacement} {_OTHER}; write_rtlil other.il", "other",
    )
    missing = {wanted[base] for base in wanted.keys() - names.keys()}
    (directory / "both.v").write_text(_both(ports, place, missing))
    swap = f"rename {place} {_ORIGINAL}; read_rtlil other.il; read_verilog both.v"
    run_yosys(directory, f"read_rtlil top.il; {swap}; {PREPARE}; {TO_SMT}", "smt")
    return _refuted(proof, harness, directory)


def _by_name(ports: Sequence[Port]) -> dict[str, str]:
    """Names of ports by what they have in common in all netlists: without numbers, and in the order of these."""
    named: dict[str, str] = {}
    count: Counter[str] = Counter()
    for port in sorted(ports, key=lambda port: [int(number) for number in re.findall(r"\$(\d+)", port.name)]):
        base = plain(port.name)
        named[f"{base}#{count[base]}"] = port.name
        count[base] += 1
    return named


def _write_other(netlist: Path, directory: Path) -> str:
    """Writes what is to be in a place as ``netlist.il``, and gives it."""
    # A mutant may have parted a register from its wire, and so from its initial value. All begin with 0.
    other = re.sub(r"^  attribute \\init \d+'[0x]+\n", "", netlist.read_text(), flags=re.MULTILINE)
    (directory / "netlist.il").write_text(other)
    return other


def _refuted(proof: Proof, harness: Harness, directory: Path) -> list[str]:
    try:
        found = run_solver(directory, "bmc", "-t", str(proof.depth), "--dump-vcd", "counterexample.vcd")
    except ContradictionError:
        return ["no surroundings"]
    if found.passed:
        is_induction = proof.engine is Engine.INDUCTION
        holds = not is_induction or run_solver(directory, "induction", "-i", "-t", str(proof.depth)).passed
        return [] if holds else ["no induction"]
    steps = account(directory / "counterexample.vcd", harness.component, harness.checker)
    return re.findall(r"rule (\S+) is violated", steps[-1]) or ["counterexample"]


def _both(ports: Sequence[Port], module: str, missing: Set[str]) -> str:
    """Verilog of what has the ports of a module: another in its place, but for ports that this does not have."""
    declared = [f"{port.way} [{port.width - 1}:0] \\{port.name} " for port in ports]
    pins = {port: f".\\{port.name} (\\{port.name} )" for port in ports}
    ends = {_OTHER: [pins[port] for port in ports if port.name not in missing | {"rst"}]}
    if missing:
        ends[_ORIGINAL] = [pins[port] for port in ports if port.way == "input" or port.name in missing]
    instances = [f"  {each} {each}_instance ({', '.join(its)});\n" for each, its in ends.items()]
    return f"module \\{module} ({', '.join(declared)});\n{''.join(instances)}endmodule\n"
