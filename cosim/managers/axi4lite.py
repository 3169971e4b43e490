"""AXI4-Lite, with the channels of cocotbext-axi."""

import logging
from collections.abc import Mapping
from random import Random
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiResp
from cocotbext.axi.axil_channels import (
    AxiLiteARSource,
    AxiLiteARTransaction,
    AxiLiteAWSource,
    AxiLiteAWTransaction,
    AxiLiteBSink,
    AxiLiteRSink,
    AxiLiteWSource,
    AxiLiteWTransaction,
)

from .manager import STALLS, Access, Answer, Bus, ForeignResponse, Response

__all__ = ["AXI4Lite", "is_error"]


def is_error(response: int) -> bool:
    """True if BRESP or RRESP is SLVERR. Raises ForeignResponse if it is not OKAY either."""
    if response not in (AxiResp.OKAY, AxiResp.SLVERR):
        raise ForeignResponse(f"a response must be OKAY (0) or SLVERR (2), not {response}")
    return response == int(AxiResp.SLVERR)


class _Patient:
    """A source of cocotbext-axi that sleeps while its transaction waits for READY, instead of looking in each cycle."""

    async def _run(self: Any) -> None:
        edge, ready = RisingEdge(self.clock), RisingEdge(self.ready)
        while True:
            await edge
            if self.valid.value and not self.ready.value:
                await ready  # and is taken at the edge after that
            elif not self.queue.empty() and not self.pause:
                self.bus.drive(self.queue.get_nowait())
                self.dequeue_event.set()
                self.valid.value = 1
                self.active = True
            else:
                self.valid.value = 0
                self.active = not self.queue.empty()
                if not self.active:
                    self.idle_event.set()
                    self.active_event.clear()
                    await self.active_event.wait()


class _AddressSource(_Patient, AxiLiteAWSource):
    """Write addresses."""


class _DataSource(_Patient, AxiLiteWSource):
    """Written data."""


class _ReadSource(_Patient, AxiLiteARSource):
    """Read addresses."""


class AXI4Lite(Bus):
    """An AXI4-Lite port; each of its channels stalls by itself."""

    PREFIX = "s_axi"
    PINS = (
        "awvalid", "wvalid", "awaddr", "wdata", "wstrb", "arvalid", "araddr", "bvalid", "rvalid",
    )

    def drive(self) -> None:
        dut = self._dut
        logging.getLogger(f"cocotb.{dut._name}.s_axi").setLevel(logging.WARNING)
        bus, clock = AxiLiteBus.from_prefix(dut, self.PREFIX), (dut.clk, dut.rst)
        self._aw, self._w = _AddressSource(bus.write.aw, *clock), _DataSource(bus.write.w, *clock)
        self._ar = _ReadSource(bus.read.ar, *clock)
        self._b, self._r = AxiLiteBSink(bus.write.b, *clock), AxiLiteRSink(bus.read.r, *clock)
        self._channels = (self._aw, self._w, self._b, self._ar, self._r)

    def pause(self, random: Random | None) -> None:
        super().pause(None)
        if random is not None:
            self._stalls = [cocotb.start_soon(self._stall(channel, random)) for channel in self._channels]

    async def _stall(self, channel: Any, random: Random) -> None:
        """Half of the time: for a few cycles, and now and then for as long as an access takes."""
        while True:
            channel.pause = not channel.pause
            await ClockCycles(self._dut.clk, random.choice(STALLS))

    def stall(self, is_stalled: bool) -> None:
        for channel in self._channels:
            channel.pause = is_stalled

    def hold(self, channel: str, is_held: bool) -> None:
        """Keeps one channel (aw, w, b, ar, r) waiting, until it is let go."""
        {"aw": self._aw, "w": self._w, "b": self._b, "ar": self._ar, "r": self._r}[channel].pause = is_held

    async def read(self, address: int) -> Answer:
        await self._ar.send(AxiLiteARTransaction(araddr=address, arprot=0))
        answer = await self._r.recv()
        return Answer(int(answer.rdata), is_error(int(answer.rresp)))

    async def write(self, address: int, value: int, strobe: int) -> Answer:
        await self._aw.send(AxiLiteAWTransaction(awaddr=address, awprot=0))
        await self._w.send(AxiLiteWTransaction(wdata=value, wstrb=strobe))
        return Answer(0, is_error(int((await self._b.recv()).bresp)))

    def clear(self) -> None:
        for channel in self._channels:
            channel.clear()

    def restart(self) -> None:
        self.responding = (False, False)

    def watch(self, values: Mapping[str, int]) -> tuple[list[Access], list[Response]]:
        has_address, has_data, *write = (values[pin] for pin in self.pins[:5])
        is_asked, address, *responding = (values[pin] for pin in self.pins[5:])
        requests, responses, before = list[Access](), list[Response](), self.responding
        if has_address and has_data:
            requests.append(Access(True, *write))
        if is_asked:
            requests.append(Access(False, address))
        written, has_read = (bool(now) and not was for now, was in zip(responding, before, strict=True))
        self.responding = bool(responding[0]), bool(responding[1])
        dut = self._dut
        if written:
            responses.append(Response(True, 0, is_error(int(dut.s_axi_bresp.value))))
        if has_read:
            responses.append(Response(False, int(dut.s_axi_rdata.value), is_error(int(dut.s_axi_rresp.value))))
        return requests, responses
