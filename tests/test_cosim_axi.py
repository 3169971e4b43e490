"""The AXI4-Lite bridge in front of a small memory, with cocotbext-axi."""

from pathlib import Path

import pytest
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, connect, flipped

from hic.cosim.run import Design, run
from hic.rtl.bus.axi4lite import AXI4Lite, AXI4LiteSignature
from hic.rtl.export.verilog import to_verilog
from hic.rtl.interfaces import BusSignature

ADDRESS_BITS = 12
TESTS = (
    "test_write_read", "test_strobes", "test_refusal", "test_channel_order", "test_stalled_response", "test_fairness",
    "test_stress", "test_response_stable",
)


class SlowMemory(wiring.Component):
    """64 words at 0, each access 1 to 4 cycles long by its address; from 0x200 on, refused."""

    bus: In(BusSignature(ADDRESS_BITS))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        m.submodules.memory = memory = Memory(shape=32, depth=64, init=[])
        writer, reader = memory.write_port(granularity=8), memory.read_port(domain="comb")
        waited = Signal(2)
        refused = bus.address >= 0x200
        done = bus.valid & (waited == bus.address[2:4])
        m.d.sync += waited.eq(Mux(bus.valid & ~done, waited + 1, 0))
        m.d.comb += [
            writer.addr.eq(bus.address[2:]),
            reader.addr.eq(bus.address[2:]),
            writer.data.eq(bus.wdata),
            writer.en.eq(Mux(done & bus.write & ~refused, bus.strobe, 0)),
            bus.ready.eq(done),
            bus.error.eq(refused),
            bus.rdata.eq(Mux(refused | bus.write, 0, reader.data)),
        ]
        return m


class MemoryAXI4Lite(wiring.Component):
    """The memory behind the bridge."""

    axi: In(AXI4LiteSignature(ADDRESS_BITS))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = AXI4Lite(ADDRESS_BITS)
        m.submodules.memory = memory = SlowMemory()
        connect(m, flipped(self.axi), bridge.axi)
        connect(m, bridge.bus, memory.bus)
        return m


@pytest.mark.parametrize("variant", ["idle", "backpressure"])
@pytest.mark.parametrize("test", TESTS)
def test_axi(test: str, variant: str, tmp_path: Path) -> None:
    design = Design(to_verilog(MemoryAXI4Lite(), "memory_axi", prefixes={"axi": "s_axi"}), top="memory_axi")
    run(design, "hic.cosim.benches.axi", tmp_path, settings={"HIC_SEED": "1", "HIC_VARIANT": variant}, test=test)


@pytest.mark.parametrize(("value", "error"), [("12", TypeError), (2, ValueError)])
def test_address_bits_wrong(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^address_bits must be .*, not "):
        AXI4Lite(value)
