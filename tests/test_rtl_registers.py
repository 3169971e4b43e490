"""The register map, and every other form of it, held against the declaration."""

import asyncio
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peakrdl_cheader.exporter import CHeaderExporter
from systemrdl import RDLCompiler
from systemrdl.node import AddrmapNode, RegNode
from systemrdl.rdltypes import AccessType, OnReadType, OnWriteType

from hic.rtl.export.registers import FORMATS, c_header, markdown, systemrdl
from hic.rtl.parameters import Cause, Parameters, Trigger
from hic.rtl.registers import (
    IDENTITY_VALUE,
    MANAGEMENT_OFFSET,
    MAP,
    WINDOW_BYTES,
    Access,
    Dimension,
    Field,
    Register,
    plic_context_of,
    unit_of,
)
from hic.sw_model.port import BusError, window_address
from hic.sw_model.reference import ReferencePort

ROOT = Path(__file__).parent.parent
SMALLEST = Parameters(source_count=1, context_count=1)
ODD = Parameters(source_count=70, context_count=5, hart_count=3, priority_bits=2)
LARGEST = Parameters(source_count=1023, context_count=256, hart_count=64, priority_bits=8)


# The declaration itself.

def test_elements_are_apart_and_within_the_window():
    taken = [offset for register in MAP.registers for _, offset in register.elements(LARGEST)]
    assert len(taken) == len(set(taken))
    assert all(offset % 4 == 0 and 0 <= offset < WINDOW_BYTES for offset in taken)


def test_fields_are_apart_and_within_the_register():
    for register in MAP.registers:
        masks = [field.mask for field in register.fields]
        assert sum(masks) < 1 << 32
        assert sum(mask.bit_count() for mask in masks) == sum(masks).bit_count(), register.name


def test_every_count_fits_its_field():
    assert MAP["ROUTE"].field("owner").width == (LARGEST.context_count - 1).bit_length()
    assert MAP["INJECT"].field("source").width == LARGEST.source_bits
    assert MAP["ROUTE"].field("home").width == LARGEST.hart_bits
    assert max(Cause) < 1 << MAP["TRAP"].field("cause").width
    assert max(Trigger) < 1 << MAP["TRIGGER"].field("mode").width


@pytest.mark.parametrize("parameters", [
    pytest.param(SMALLEST, id="smallest"), pytest.param(ODD, id="odd"),
    pytest.param(LARGEST, id="largest"),
])
def test_locate_is_the_inverse_of_at(parameters):
    for register in MAP.registers:
        for indices, offset in register.elements(parameters):
            for byte in range(4):
                location = MAP.locate(offset + byte, parameters)
                assert location is not None
                assert (location.register, location.indices) == (register, indices)


@given(st.integers(0, WINDOW_BYTES - 1))
def test_locate_finds_nothing_else(offset):
    elements = {at: (register, indices) for register in MAP.registers for indices, at in register.elements(ODD)}
    location = MAP.locate(offset, ODD)
    expected = elements.get(offset & ~3)
    assert (location and (location.register, location.indices)) == expected


@pytest.mark.parametrize(("window", "by_mode", "units"), [
    (0, False, {0: 0, 1: 1, 2: 2}), (0, True, {1: 0, 3: 1, 5: 2}), (4, False, {0: 0}), (4, True, {1: 0}),
])
def test_unit_of_a_plic_context(window, by_mode, units):
    plic_contexts = Dimension.PLIC.indices(ODD)
    found = {p: unit_of(ODD, window, p, by_mode) for p in plic_contexts}
    assert found == {p: units.get(p) for p in plic_contexts}
    assert {plic_context_of(unit, by_mode): unit for unit in units.values()} == units


def test_offsets_of_an_array_with_one_index():
    for register in MAP.registers:
        if len(register.dimensions) != 1:
            message = rf"^offsets must be of a register with one index, not of {register.name}$"
            with pytest.raises(TypeError, match=message):
                assert register.offsets
        else:
            elements = [offset for _, offset in register.elements(LARGEST)]
            assert set(elements) <= set(register.offsets)
    assert MAP["CLAIM"].at(127) in MAP["CLAIM"].offsets
    assert MAP["THRESHOLD"].at(3) not in MAP["CLAIM"].offsets


def test_vector_base_is_beyond_what_a_plic_driver_touches():
    assert MAP["VECTOR_BASE"].offset >= MANAGEMENT_OFFSET > max(o for _, o in MAP["CLAIM"].elements(LARGEST))


@given(st.sampled_from(MAP.registers), st.data())
def test_pack_and_unpack_are_inverse(register, data):
    values = {field.name: data.draw(st.integers(0, (1 << field.width) - 1)) for field in register.fields}
    assert register.unpack(register.pack(**values)) == values


def test_pack_leaves_the_rest_zero():
    assert MAP["ROUTE"].pack(shared=1) == 1 << 31
    assert MAP["ROUTE"].pack(owner=3, home=2) == 3 | 2 << 16


@pytest.mark.parametrize("value", [-1, 256])
def test_field_value_wrong(value):
    with pytest.raises(ValueError, match=rf"^owner must be from 0 to 255, not {value}$"):
        MAP["ROUTE"].pack(owner=value)


def test_names_wrong():
    with pytest.raises(KeyError, match=r"there is no register 'ROUT'; there are PRIORITY, .*COUNT"):
        MAP["ROUT"]
    with pytest.raises(KeyError, match=r"ROUTE has no field 'own'; it has owner, home, shared"):
        MAP["ROUTE"].pack(own=1)


def test_indices_wrong():
    with pytest.raises(TypeError, match=r"^ALLOW takes 2 indices, not 1$"):
        MAP["ALLOW"].at(1)


def test_resets_are_what_the_golden_model_reads():
    async def read_all() -> dict[tuple[int, str, tuple[int, ...]], int]:
        port = ReferencePort(ODD)
        values = {}
        for context in range(ODD.context_count):
            for register in MAP.registers:
                for indices, offset in register.elements(ODD):
                    try:
                        values[context, register.name, indices] = await port.read(window_address(context, offset))
                    except BusError:
                        continue
        return values

    values = asyncio.run(read_all())
    assert {name for _, name, _ in values} == {register.name for register in MAP.registers}
    for (context, name, indices), value in values.items():
        if name in ("EVENT", "EVENTS", "VIOLATION_ADDRESS", "COUNT", "TRAP"):
            continue  # refused reads before this one are recorded there
        for field in MAP[name].fields:
            if field.init is not None and (name, field.name) != ("TREE", "parent"):
                assert field.get(value) == field.init, (context, name, indices, field.name)


# SystemRDL.

def compile_rdl(text: str, path: Path) -> AddrmapNode:
    path.write_text(text)
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    return compiler.elaborate("hic").top


def rdl_access(node) -> tuple[AccessType, OnReadType | None, OnWriteType | None]:
    return node.get_property("sw"), node.get_property("onread"), node.get_property("onwrite")


RDL_ACCESS = {
    Access.R: (AccessType.r, None, None),
    Access.RW: (AccessType.rw, None, None),
    Access.W: (AccessType.w, None, None),
    Access.RW1C: (AccessType.rw, None, OnWriteType.woclr),
    Access.RC: (AccessType.rw, OnReadType.ruser, OnWriteType.wuser),
}


@pytest.mark.parametrize("parameters", [SMALLEST, Parameters(), ODD], ids=["smallest", "default", "odd"])
def test_systemrdl_compiler_reads_the_same(parameters, tmp_path):
    top = compile_rdl(systemrdl(parameters), tmp_path / "hic.rdl")
    found = {node.absolute_address: node for node in top.descendants(unroll=True) if isinstance(node, RegNode)}
    declared = {
        window_address(context, offset): register
        for context in range(parameters.context_count)
        for register in MAP.registers
        for _, offset in register.elements(parameters)
    }
    assert found.keys() == declared.keys()
    for address, register in declared.items():
        node = found[address]
        assert node.size == 4
        assert register.name in node.get_path()
        assert node.get_property("desc").startswith(register.doc)
        fields = {field.inst_name: field for field in node.fields()}
        assert fields.keys() == {field.name for field in register.fields}
        for field in register.fields:
            read = fields[field.name]
            assert (read.lsb, read.width) == (field.lsb, field.width)
            assert rdl_access(read) == RDL_ACCESS[field.access]
            assert read.get_property("reset") == field.init
            assert read.get_property("desc") == field.doc


def test_peakrdl_makes_a_header_of_it(tmp_path):
    top = compile_rdl(systemrdl(Parameters()), tmp_path / "hic.rdl")
    CHeaderExporter().export(top, str(tmp_path / "peak.h"), reuse_typedefs=False)
    (tmp_path / "both.cpp").write_text(
        '#include <cstddef>\n#include "peak.h"\n#include "hic.h"\n'
        "static_assert(offsetof(hic_t, window) == 0 && offsetof(hic_t, window[1]) == HIC_WINDOW(0u, 1), \"\");\n"
        "static_assert(offsetof(hic_t, window[0].VECTOR_BASE) == HIC_VECTOR_BASE_OFFSET, \"\");\n"
        "static_assert(offsetof(hic_t, window[0].ENABLE[1]) == HIC_ENABLE(1, 0), \"\");\n"
        "static_assert(offsetof(hic_t, window[0].THRESHOLD_CLAIM[1].CLAIM) == HIC_CLAIM(1), \"\");\n"
        "static_assert(offsetof(hic_t, window[0].ROUTE) == HIC_ROUTE(1), \"\");\n"
        "static_assert(offsetof(hic_t, window[0].ALLOW) == HIC_ALLOW(0, 0), \"\");\n"
    )
    (tmp_path / "hic.h").write_text(c_header(Parameters()))
    subprocess.run(["g++", "-std=c++17", "-fsyntax-only", "both.cpp"], cwd=tmp_path, check=True)


# C header.

def test_c_header_says_the_same(tmp_path):
    text = c_header(ODD)
    (tmp_path / "hic.h").write_text(text)
    constants = re.findall(r"^#define (\w+) ", text, re.MULTILINE)
    assert len(constants) == len(set(constants))
    expected = {"HIC_WINDOW_BYTES": WINDOW_BYTES, "HIC_WINDOW(16u, 2)": 16 + 2 * WINDOW_BYTES}
    expected |= {"HIC_MANAGEMENT_OFFSET": MANAGEMENT_OFFSET, "HIC_IDENTITY_VALUE": IDENTITY_VALUE}
    expected |= {f"HIC_CAUSE_{cause.name}": cause.value for cause in Cause}
    expected |= {f"HIC_TRIGGER_{trigger.name}": trigger.value for trigger in Trigger}
    for register in MAP.registers:
        expected[f"HIC_{register.name}_OFFSET"] = register.offset
        if register.dimensions:
            for indices, offset in register.elements(ODD):
                expected[f"HIC_{register.name}({', '.join(map(str, indices))})"] = offset
        for field in register.fields:
            expected[f"HIC_{register.name}_{field.name.upper()}_SHIFT"] = field.lsb
            expected[f"HIC_{register.name}_{field.name.upper()}_MASK"] = field.mask
    assert set(constants) <= expected.keys(), "a macro that the test does not know"
    prints = "".join(f'    std::printf("%lld\\n", (long long)({name}));\n' for name in expected)
    (tmp_path / "print.cpp").write_text(f'#include <cstdio>\n#include "hic.h"\nint main() {{\n{prints}}}\n')
    subprocess.run(["g++", "-Wall", "-Wextra", "-Werror", "print.cpp", "-o", "print"], cwd=tmp_path, check=True)
    done = subprocess.run(["./print"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert dict(zip(expected, map(int, done.stdout.split()), strict=True)) == expected


# The committed forms.

@pytest.mark.parametrize(("path", "form"), [("docs/registers.md", markdown), ("software/hic_regs.h", c_header)])
def test_committed_form_is_fresh(path, form):
    assert (ROOT / path).read_text() == form(Parameters()), "run: make generated"


@pytest.mark.parametrize("name", FORMATS)
def test_export_is_deterministic(name):
    assert FORMATS[name](ODD) == FORMATS[name](ODD)


def test_markdown_has_every_register_and_field():
    text = markdown(ODD)
    for register in MAP.registers:
        section = text.split(f"\n## {register.name}\n", 1)[1].split("\n## ", 1)[0]
        assert f"`0x{register.offset:06x}`" in section
        for field in register.fields:
            assert f"| {field.name} | {field.access.value} |" in section


def test_quotes_survive_in_systemrdl(tmp_path, monkeypatch):
    odd = Register(
        name="ODD", offset=0, dimensions=((Dimension.HART, 8),), doc='A "quoted" \\ text.',
        fields=(Field(name="flag", lsb=3, width=1, access=Access.RW, doc='"', init=1),),
    )
    monkeypatch.setattr("hic.rtl.export.registers.MAP", type(MAP)((odd,)))
    top = compile_rdl(systemrdl(ODD), tmp_path / "hic.rdl")
    node = top.find_by_path("window[1].ODD[2]")
    assert node.absolute_address == WINDOW_BYTES + 16
    assert '"quoted"' in node.get_property("desc")
