"""The observation port: records in the cycle in which they happen, numbered without a gap."""

from typing import Any

from rig import put, simulate

from hic.rtl.interfaces import Operation
from hic.rtl.parameters import Parameters
from hic.rtl.trace import Trace

PARAMETERS = Parameters(source_count=5, context_count=4, hart_count=3)


def test_order_counts_all_records_before() -> None:
    dut = Trace(PARAMETERS)

    async def bench(ctx: Any) -> None:
        order = 0
        for accepted, acknowledged, operation in (
            (0, 0, Operation.NONE), (0b10110, 0, Operation.NONE), (0, 0b101, Operation.NONE), (0, 0, Operation.CLAIM),
            (0b11111, 0b111, Operation.REFUSE), (0, 0, Operation.NONE), (1, 0b010, Operation.READ),
        ):
            put(ctx, dut, accepted=accepted, operation=operation)
            for h in range(3):
                ctx.set(dut.acknowledged[h], acknowledged >> h & 1)
            assert ctx.get(dut.port.accepted) == accepted << 1  # by source number
            assert ctx.get(dut.port.acknowledged) == acknowledged
            assert ctx.get(dut.port.operation) == operation
            assert ctx.get(dut.port.order) == order
            await ctx.tick()
            order += accepted.bit_count() + acknowledged.bit_count() + (operation != Operation.NONE)
        assert ctx.get(dut.port.order) == order == 18

    simulate(dut, bench)


def test_record_passes_through() -> None:
    dut = Trace(PARAMETERS)

    async def bench(ctx: Any) -> None:
        put(ctx, dut, operation=Operation.WRITE, source=5, context=3, value=0x3FFFFC)
        assert (ctx.get(dut.port.source), ctx.get(dut.port.context), ctx.get(dut.port.value)) == (5, 3, 0x3FFFFC)

    simulate(dut, bench)
