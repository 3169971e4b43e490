"""The hardware: VexRiscv, the controller or a plain PLIC, RAM, a timer and devices, on two Wishbone buses."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import pythondata_cpu_vexriscv
from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hic.rtl.controller import Controller
from hic.rtl.export.verilog import to_verilog
from hic.rtl.parameters import Parameters, Profile
from hic.rtl.plic import Plic

__all__ = ["PARAMETERS", "RAM_BYTES", "Kind", "Soc", "soc_verilog"]

RAM_BYTES = 16 * 1024

PARAMETERS = Parameters(source_count=8, context_count=4, hart_count=1, profile=Profile.RISCV_MS)
"""Of the controller, and as many sources of the PLIC."""

_CPU = "VexRiscv"
_CPU_FILE = Path(pythondata_cpu_vexriscv.data_location) / "VexRiscv_Linux.v"
_PC_PORTS = "module VexRiscv (\n  output retired,\n  output [31:0] retired_pc,\n"


class Kind(StrEnum):
    """The interrupt controller of a system."""

    HIC = "hic"
    """This project's: source 1 is of context 1, which runs; source 2 is the host's."""
    PLIC = "plic"
    """A plain PLIC: context 0 is machine mode, context 1 supervisor mode."""


class Soc(wiring.Component):
    """The system. RAM is at 0, devices at 0xE0000000, the interrupt controller at 0xF0000000.

    Device registers: at 0 the cycle counter; at 4 the timer's compare value (a write clears its interrupt until the
    counter has reached it); at 8 a write of s lowers the wire of source s; at 12 a word that the test bench reads.

    Parameters
    ----------
    kind : Kind
        Its interrupt controller.
    firmware : sequence of int
        Words of RAM, from address 0 on.

    Members
    -------
    raises : In(source_count)
        Bit i: the device of source i + 1 raises its wire, which stays high until software lowers it.
    meip, seip : Out(1)
        External interrupts of machine and supervisor mode, as the CPU gets them.
    wires : Out(source_count)
        The devices' wires.
    word : Out(32)
        The word that software wrote last.
    io_valid, io_write, io_ready : Out(1)
        An access to the interrupt controller; its end.
    io_address : Out(32)
        Its byte address.
    retired : Out(1)
        The CPU completes an instruction.
    retired_pc : Out(32)
        Its address.
    """

    def __init__(self, kind: Kind, firmware: Sequence[int]) -> None:
        if 4 * len(firmware) > RAM_BYTES:
            raise ValueError(f"firmware must have {RAM_BYTES} bytes at most, not {4 * len(firmware)}")
        self._kind, self._firmware = kind, list(firmware)
        n = PARAMETERS.source_count
        super().__init__({
            "raises": In(n), "wires": Out(n), "meip": Out(1), "seip": Out(1), "word": Out(32),
            "io_valid": Out(1), "io_write": Out(1), "io_ready": Out(1), "io_address": Out(32),
            "retired": Out(1), "retired_pc": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fetch, data = _Wishbone("ibus"), _Wishbone("dbus")
        timer_interrupt = Signal()
        m.submodules.cpu = Instance(
            _CPU, i_clk=ClockSignal(), i_reset=ResetSignal(), i_externalResetVector=Const(0, 32),
            i_timerInterrupt=timer_interrupt, i_softwareInterrupt=Const(0),
            # Bit 0 is machine mode's, bit 1 supervisor mode's: firmware writes the masks.
            i_externalInterruptArray=Cat(self.meip, self.seip, Const(0, 30)),
            o_retired=self.retired, o_retired_pc=self.retired_pc,
            **fetch.ports("iBusWishbone"), **data.ports("dBusWishbone"),
        )
        in_ram, in_devices, in_controller = (data.address[26:] == top for top in (0x0, 0xE, 0xF))
        self._ram(m, fetch, data, in_ram)
        device_ack, device_word = self._devices(m, data, in_devices, timer_interrupt)
        ack, word, error = self._controller(m, data, in_controller)
        ram_ack, ram_word = data.ack, data.read
        m.d.comb += [
            data.acknowledged.eq((in_ram & ram_ack) | (in_devices & device_ack) | (in_controller & ack & ~error)),
            data.error.eq((in_controller & ack & error) | (data.asks & ~(in_ram | in_devices | in_controller))),
            data.word.eq(Mux(in_ram, ram_word, Mux(in_devices, device_word, word))),
            fetch.acknowledged.eq(fetch.ack), fetch.word.eq(fetch.read),
        ]
        return m

    def _ram(self, m: Module, fetch: "_Wishbone", data: "_Wishbone", selected: Value) -> None:
        """Each word takes two cycles: that of the address, and that of the word."""
        m.submodules.ram = ram = memory.Memory(shape=32, depth=RAM_BYTES // 4, init=self._firmware)
        writer = ram.write_port(granularity=8)
        for bus, writes in ((fetch, None), (data, writer)):
            reader = ram.read_port(transparent_for=())
            asks = bus.asks if writes is None else bus.asks & selected
            m.d.comb += [reader.addr.eq(bus.address), reader.en.eq(1), bus.read.eq(reader.data)]
            m.d.sync += bus.ack.eq(asks & ~bus.ack)
            if writes is not None:
                m.d.comb += [
                    writes.addr.eq(bus.address), writes.data.eq(bus.written),
                    writes.en.eq(Mux(asks & bus.writes & ~bus.ack, bus.strobe, 0)),
                ]

    def _devices(self, m: Module, bus: "_Wishbone", selected: Value, interrupt: Signal) -> tuple[Value, Value]:
        counter, compare, ack = Signal(32), Signal(32, init=0xFFFF_FFFF), Signal(name="device_ack")
        lowers = Signal(PARAMETERS.source_count)
        m.d.sync += [
            counter.eq(counter + 1), ack.eq(bus.asks & selected & ~ack),
            self.wires.eq((self.wires | self.raises) & ~lowers),
        ]
        with m.If(counter == compare):
            m.d.sync += interrupt.eq(1)
        with m.If(ack & bus.writes), m.Switch(bus.address[:2]):
            with m.Case(1):
                m.d.sync += [compare.eq(bus.written), interrupt.eq(0)]
            with m.Case(2):
                m.d.comb += lowers.eq(1 << bus.written[:4] >> 1)
            with m.Case(3):
                m.d.sync += self.word.eq(bus.written)
        return ack, counter

    def _controller(self, m: Module, bus: "_Wishbone", selected: Value) -> tuple[Value, Value, Value]:
        """The core's bus is Wishbone's classic handshake by other names: ``ready`` is ACK, or ERR with ``error``."""
        core: Controller | Plic
        if self._kind is Kind.HIC:
            core = Controller(PARAMETERS)
            pins = core.hart0
            m.d.comb += [self.meip.eq(pins.meip), self.seip.eq(pins.seip)]
        else:
            core = Plic(source_count=PARAMETERS.source_count, context_count=2)
            m.d.comb += Cat(self.meip, self.seip).eq(core.lines)
        m.submodules.controller = core
        m.d.comb += [
            core.irq.eq(self.wires),
            core.bus.valid.eq(bus.asks & selected), core.bus.write.eq(bus.writes),
            core.bus.address.eq(Cat(Const(0, 2), bus.address)), core.bus.wdata.eq(bus.written),
            core.bus.strobe.eq(bus.strobe),
            self.io_valid.eq(core.bus.valid), self.io_write.eq(bus.writes),
            self.io_ready.eq(core.bus.valid & core.bus.ready), self.io_address.eq(Cat(Const(0, 2), bus.address)),
        ]
        return core.bus.valid & core.bus.ready, core.bus.rdata, core.bus.error


class _Wishbone:
    """A Wishbone B4 classic bus of the CPU, and what answers it."""

    def __init__(self, name: str) -> None:
        self.cycle, self.stb, self.writes = (Signal(name=f"{name}_{each}") for each in ("cyc", "stb", "we"))
        self.address, self.written = Signal(30, name=f"{name}_adr"), Signal(32, name=f"{name}_written")
        self.strobe = Signal(4, name=f"{name}_sel")
        self.acknowledged, self.error = Signal(name=f"{name}_acknowledged"), Signal(name=f"{name}_err")
        self.word = Signal(32, name=f"{name}_word")
        self.ack, self.read = Signal(name=f"{name}_ram_ack"), Signal(32, name=f"{name}_ram_word")

    @property
    def asks(self) -> Value:
        """A word is asked for."""
        return self.cycle & self.stb

    def ports(self, prefix: str) -> dict[str, Value]:
        """The CPU's ports. Burst tags are left open: each word is asked for."""
        outputs = {
            "CYC": self.cycle, "STB": self.stb, "WE": self.writes, "ADR": self.address, "DAT_MOSI": self.written,
            "SEL": self.strobe,
        }
        inputs = {"ACK": self.acknowledged, "ERR": self.error, "DAT_MISO": self.word}
        return {f"o_{prefix}_{name}": value for name, value in outputs.items()} | {
            f"i_{prefix}_{name}": value for name, value in inputs.items()
        }


def soc_verilog(kind: Kind, firmware: Sequence[int]) -> str:
    """Verilog of the system, the CPU's included, with ports for what it retires. The top module is ``soc``."""
    cpu = _CPU_FILE.read_text()
    if cpu.count("module VexRiscv (\n") != 1 or "lastStageIsFiring" not in cpu:
        raise ValueError(f"{_CPU_FILE.name} must be a VexRiscv with lastStagePc and lastStageIsFiring")
    cpu = cpu.replace("module VexRiscv (\n", _PC_PORTS).replace(
        "  assign lastStagePc = ",
        "  assign retired = lastStageIsFiring;\n  assign retired_pc = lastStagePc;\n  assign lastStagePc = ",
    )
    return to_verilog(Soc(kind, firmware), "soc") + "\n" + cpu
