"""The shared block RAM and the LUT RAM: who is granted, and when data is there."""

from typing import Any

from rig import put, simulate

from hic.rtl.state.ram import LutRam, SharedRam


def ask(ctx: Any, user: Any, address: int, data: int | None = None) -> None:
    """The user wants this cycle: to read, or with ``data`` to write."""
    put(ctx, user, use=1, address=address, write=data is not None, write_data=data or 0)


def drop(ctx: Any, *users: Any) -> None:
    for user in users:
        ctx.set(user.use, 0)


def test_shared_ram_reads_or_writes_in_each_cycle() -> None:
    dut = SharedRam(8, 5, ("only",))

    async def bench(ctx: Any) -> None:
        for address in range(5):  # one write in each cycle
            ask(ctx, dut.only, address, 0x10 + address)
            assert ctx.get(dut.only.granted)
            await ctx.tick()
        for address in range(5):  # one read in each cycle
            ask(ctx, dut.only, address)
            await ctx.tick()
            assert ctx.get(dut.data) == 0x10 + address

    simulate(dut, bench)


def test_shared_ram_grants_by_rank() -> None:
    dut = SharedRam(8, 4, ("first", "second", "third"))
    users = dut.first, dut.second, dut.third

    async def bench(ctx: Any) -> None:
        for address, user in enumerate(users):
            ask(ctx, user, address, 0x30 + address)
        for first, user in enumerate(users):
            assert [ctx.get(each.granted) for each in users] == [i == first for i in range(3)]
            await ctx.tick()
            drop(ctx, user)
        assert not any(ctx.get(each.granted) for each in users)
        # A write that is not granted changes nothing, and the granted read has the RAM's only address.
        ask(ctx, dut.first, 2)
        ask(ctx, dut.second, 0, 0xFF)
        await ctx.tick()
        assert ctx.get(dut.data) == 0x32
        drop(ctx, dut.second)
        ask(ctx, dut.first, 0)
        await ctx.tick()
        assert ctx.get(dut.data) == 0x30

    simulate(dut, bench)


def test_lut_ram_reads_at_once_and_writes_by_rank() -> None:
    dut = LutRam(8, 4, readers=("here", "there"), writers=("first", "second"))

    async def bench(ctx: Any) -> None:
        ctx.set(dut.here_address, 1)
        ctx.set(dut.there_address, 2)
        put(ctx, dut, first_write=1, first_write_address=1, first_write_data=0xA1)
        put(ctx, dut, second_write=1, second_write_address=2, second_write_data=0xB2)
        assert (ctx.get(dut.first_granted), ctx.get(dut.second_granted)) == (1, 0)
        assert (ctx.get(dut.write), ctx.get(dut.write_address), ctx.get(dut.write_data)) == (1, 1, 0xA1)
        assert ctx.get(dut.here_data) == 0  # as it was before
        await ctx.tick()
        assert (ctx.get(dut.here_data), ctx.get(dut.there_data)) == (0xA1, 0)
        ctx.set(dut.first_write, 0)
        assert ctx.get(dut.second_granted)
        await ctx.tick()
        ctx.set(dut.second_write, 0)
        assert (ctx.get(dut.here_data), ctx.get(dut.there_data), ctx.get(dut.write)) == (0xA1, 0xB2, 0)
        ctx.set(dut.here_address, 2)
        assert ctx.get(dut.here_data) == 0xB2

    simulate(dut, bench)
