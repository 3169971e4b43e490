"""The pins of a RISC-V hart: each is its line, a cycle later."""

from typing import Any

import pytest
from rig import put, simulate

from hic.rtl.parameters import PIN_CYCLES, Parameters, Profile
from hic.rtl.profile.riscv import RiscvPins
from hic.sw_model.pins import pins_of
from hic.sw_model.port import DirectLine, TrapLine

HYPERVISOR = Parameters(source_count=7, context_count=6, profile=Profile.RISCV, geilen=2)
SHARED = Parameters(source_count=7, context_count=6, profile=Profile.RISCV)
SUPERVISOR = Parameters(source_count=7, context_count=6, profile=Profile.RISCV_MS)


def high(ctx: Any, dut: RiscvPins) -> dict[str, int]:
    """The pins that are 1."""
    return {name: value for name in dut.pins.signature.members if (value := ctx.get(getattr(dut.pins, name)))}


def show(ctx: Any, dut: RiscvPins, context: int, *, trap: int = 0) -> None:
    """The direct line has an event of this context, if it is not 0."""
    put(ctx, dut, direct_valid=int(context > 0), direct_context=context, trap_valid=trap)


def test_hypervisor_extension_has_a_bit_of_hgeip_or_vseip_for_a_guest_and_seip_for_traps() -> None:
    dut = RiscvPins(HYPERVISOR)

    async def bench(ctx: Any) -> None:
        assert high(ctx, dut) == {}
        for context, expected in (
            (1, {"hgeip": 0b010}), (2, {"hgeip": 0b100}), (3, {"vseip": 1}), (5, {"vseip": 1}), (0, {}),
        ):
            before = high(ctx, dut)
            show(ctx, dut, context)
            assert high(ctx, dut) == before  # a pin comes from a flip-flop
            await ctx.tick().repeat(PIN_CYCLES)
            assert high(ctx, dut) == expected
        show(ctx, dut, 2, trap=1)
        await ctx.tick()
        assert high(ctx, dut) == {"hgeip": 0b100, "seip": 1}
        show(ctx, dut, 0, trap=1)
        await ctx.tick()
        assert high(ctx, dut) == {"seip": 1}

    simulate(dut, bench)


def test_without_the_extension_a_trap_is_meip_and_an_event_seip() -> None:
    dut = RiscvPins(SUPERVISOR)

    async def bench(ctx: Any) -> None:
        for context, trap, expected in ((5, 0, {"seip": 1}), (0, 1, {"meip": 1}), (1, 1, {"meip": 1, "seip": 1})):
            show(ctx, dut, context, trap=trap)
            await ctx.tick()
            assert high(ctx, dut) == expected

    simulate(dut, bench)


@pytest.mark.parametrize("parameters", [HYPERVISOR, SHARED, SUPERVISOR], ids=["hgeip", "vseip", "riscv-ms"])
def test_pins_are_those_of_the_golden_model(parameters: Parameters) -> None:
    dut = RiscvPins(parameters)

    async def bench(ctx: Any) -> None:
        for context in range(parameters.context_count):
            for trap in (0, 1):
                show(ctx, dut, context, trap=trap)
                await ctx.tick()
                expected = pins_of(parameters, DirectLine(context > 0, context), TrapLine(bool(trap)))
                model = {name: int(value) for name, value in vars(expected).items() if value}
                assert high(ctx, dut) == model

    simulate(dut, bench)


def test_configuration_without_a_profile_wrong() -> None:
    with pytest.raises(ValueError, match=r"^profile must be another than none: it has no pins$"):
        RiscvPins(Parameters())
