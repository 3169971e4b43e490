"""README, "One interrupt, from register write to guest": the same accesses, at the offsets that it gives."""

from rig import Core, on_core

from hic.rtl.parameters import Cause
from hic.rtl.registers import WINDOW_BYTES

L0, L1, GUEST, SIBLING = range(4)
SOURCE = 5


@on_core(synchronizer=True)
async def test_one_interrupt_from_register_write_to_guest(core: Core) -> None:
    direct, trap = core.direct[0], core.trap[0]

    async def write(page: int, offset: int, value: int) -> None:
        assert not (await core.access(page * WINDOW_BYTES + offset, value)).error
        await core.tick(40)

    # 1. Trigger, tree, what is allowed.
    for page, offset, value in (
        (L0, 0x302014, 1),
        (L0, 0x303004, 3),
        (L0, 0x310080, 1 << SOURCE),
        (L1, 0x310100, 1 << SOURCE),
    ):
        await write(page, offset, value)
    # 2. The guest asks L1, and L1 asks L0.
    for page in (GUEST, L1):
        await write(page, 0x000014, 4)
        await write(page, 0x002000, 1 << SOURCE)
        assert (core.get(trap.cause), core.get(trap.context)) == (Cause.REQUEST, page)
    await write(L0, 0x301014, L1)
    await write(L1, 0x301014, GUEST)
    # 3, 4. The guest runs; the wire rises.
    await write(L0, 0x300100, GUEST)
    core.set(core.dut.irq, 1 << SOURCE - 1)
    assert await core.until(direct.valid, within=10) == 5
    assert (core.get(direct.source), core.get(direct.context)) == (SOURCE, GUEST)
    # 5. It claims and completes.
    assert (await core.access(GUEST * WINDOW_BYTES + 0x200004)).data == SOURCE
    core.set(core.dut.irq, 0)
    await write(GUEST, 0x200004, SOURCE)
    # 6. The sibling asks as well: L1 shares the source, claims it, injects it, and all three complete.
    for page, offset, value in (
        (L1, 0x310180, 1 << SOURCE),
        (SIBLING, 0x000014, 4),
        (SIBLING, 0x002000, 1 << SOURCE),
        (L1, 0x301014, 1 << 31 | GUEST),
    ):
        await write(page, offset, value)
    core.set(core.dut.irq, 1 << SOURCE - 1)
    await core.tick(10)
    assert (core.get(trap.cause), core.get(trap.target), core.get(direct.valid)) == (Cause.INTERRUPT, L1, 0)
    await write(L0, 0x300100, L1)
    assert (await core.access(L1 * WINDOW_BYTES + 0x200004)).data == SOURCE
    for receiver in (GUEST, SIBLING):
        await write(L1, 0x300010, receiver << 16 | SOURCE)
    for page in (L1, GUEST, SIBLING):
        assert core.get(trap.cause) != Cause.INTERRUPT  # still in service: the level is not sampled
        await write(L0, 0x300100, page)
        if page != L1:
            assert core.get(direct.injected)
            assert (await core.access(page * WINDOW_BYTES + 0x200004)).data == SOURCE
        await write(page, 0x200004, SOURCE)
    assert (core.get(trap.cause), core.get(trap.target)) == (Cause.INTERRUPT, L1)
