"""The address decoder against the register map, which says the same in software."""

from random import Random
from typing import Any

from rig import simulate

from hic.rtl.access.decoder import PLIC_BYTES, Decoder
from hic.rtl.parameters import Parameters
from hic.rtl.registers import MAP, WINDOW_BYTES

LARGEST = Parameters(source_count=1023, context_count=256, hart_count=64)


def decode(offsets: list[int]) -> list[tuple[list[str], bool]]:
    """Names of the registers that are hit, and whether the offset lies in the PLIC part."""
    dut, result = Decoder(), list[tuple[list[str], bool]]()

    async def bench(ctx: Any) -> None:
        for offset in offsets:
            ctx.set(dut.offset, offset)
            hits = [register.name for register in MAP.registers if ctx.get(dut.hit[register.name])]
            result.append((hits, bool(ctx.get(dut.is_plic))))

    simulate(dut, bench, clock=False)
    return result


def test_first_and_last_element_of_every_register() -> None:
    for register in MAP.registers:
        elements = [offset for _, offset in register.elements(LARGEST)]
        for hits, is_plic in decode([elements[0], elements[0] + 3, elements[-1]]):
            assert hits == [register.name]
            assert is_plic == (register.offset < PLIC_BYTES)


def test_at_most_one_register_anywhere() -> None:
    """The decoder knows no configuration: it may hit an index that does not exist, but nothing that is another's."""
    random = Random(1)
    offsets = [random.randrange(WINDOW_BYTES) for _ in range(1500)]
    offsets += [each + near for register in MAP.registers for each in (register.offset,) for near in (-4, 4, 8)]
    offsets = [offset for offset in offsets if offset >= 0]
    for offset, (hits, is_plic) in zip(offsets, decode(offsets), strict=True):
        place = MAP.locate(offset, LARGEST)
        assert len(hits) <= 1
        assert is_plic == (offset < PLIC_BYTES)
        if place is not None:
            assert hits == [place.register.name]


def test_reserved_offsets_hit_nothing() -> None:
    reserved = [0x1F8000, 0x200008, 0x2FFFF8, 0x300024, 0x300500, 0x307000, 0x330000, WINDOW_BYTES - 4]
    assert decode(reserved) == [([], offset < PLIC_BYTES) for offset in reserved]
