"""The table of ports: read in signatures and docstrings."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hic.rtl.export.ports import CLOCK_AND_RESET, Port, member_meaning, port_table, ports_of
from hic.rtl.export.verilog import FlatPorts


class LineSignature(wiring.Signature):
    """A line.

    Members
    -------
    valid, last : Out(1)
        The sender has ``data``. More is
        said here.
    ready : In(1)
        The receiver takes
        it.

    References
    ----------
    Nobody : else
        Has anything to say.
    """

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "last": Out(1), "ready": In(1), "unheard": Out(3)})


class Block(wiring.Component):
    """A block.

    Members
    -------
    wires : In(5)
        Wires; bit i is wire i + 1.
    line{h}, other{h}_{k} : Out(LineSignature())
        Line of hart h.

    All others are not described.
    """

    def __init__(self) -> None:
        super().__init__({"wires": In(5), "line0": Out(LineSignature()), "line1": In(LineSignature()).array(2)})

    def elaborate(self, platform: object) -> Module:
        return Module()


def test_member_meaning():
    assert member_meaning(LineSignature, "valid") == member_meaning(LineSignature, "last") == "The sender has data."
    assert member_meaning(LineSignature, "ready") == "The receiver takes it."
    assert member_meaning(LineSignature, "Nobody") == member_meaning(Port, "name") == ""
    assert member_meaning(Block, "wires") == "Wires; bit i is wire i + 1."
    assert member_meaning(Block, "other10_2") == "Line of hart 10."


def test_ports():
    ports = [*ports_of(FlatPorts(Block(), {"line1": "l"}, frozenset({"wires"})), (LineSignature, Block))]
    assert tuple(ports[:2]) == CLOCK_AND_RESET
    assert ports[2] == Port(
        name="line0_valid", is_input=False, width=1, meaning="The sender has data.", group="Line of hart 0."
    )
    assert [(port.name, port.is_input, port.width, port.meaning) for port in ports[5:8]] == [
        ("line0_unheard", False, 3, ""),
        ("l_0_valid", True, 1, "The sender has data."),
        ("l_0_last", True, 1, "The sender has data."),
    ]
    assert {port.group for port in ports[6:]} == {"Line of hart 1."}


def test_table():
    def port(name: str, group: str = "") -> Port:
        return Port(name=name, is_input=name == "a", width=10, meaning="Some." if name < "c" else "", group=group)

    assert port_table([port("a"), port("bb", "Group."), port("c", "Group."), port("d")]) == """\
Port  Direction  Width  Meaning
a     input         10  Some.

Group.
bb    output        10  Some.
c     output        10

d     output        10
"""
