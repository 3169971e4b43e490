"""The golden model of a profile: what the lines of a hart are as interrupt pins, and what the hart makes of these.

Sections cited are of the RISC-V Privileged Architecture 1.13.
"""

from dataclasses import dataclass

from hic.rtl.parameters import Parameters, Profile

from .port import DirectLine, TrapLine

__all__ = ["Pins", "pins_of", "sgeip", "vseip"]


@dataclass(frozen=True)
class Pins:
    """The external interrupt pins of a hart. Those that a profile does not have are 0. Bit c of ``hgeip`` is context c.
    """

    meip: int = 0
    seip: int = 0
    vseip: int = 0
    hgeip: int = 0


def pins_of(parameters: Parameters, direct: DirectLine, trap: TrapLine) -> Pins:
    """The pins that ask for what these lines show.

    On the golden model both are of the same time. On the RTL pins are of the lines ``PIN_CYCLES`` before.
    """
    match parameters.profile:
        case Profile.RISCV:
            has_bit = direct.valid and direct.context <= parameters.geilen
            return Pins(
                seip=int(trap.valid), vseip=int(direct.valid and not has_bit),
                hgeip=1 << direct.context if has_bit else 0,
            )
        case Profile.RISCV_MS:
            return Pins(meip=int(trap.valid), seip=int(direct.valid))
        case _:
            return Pins()


def vseip(pins: Pins, *, vgein: int, hvip_vseip: bool = False) -> bool:
    """Bit VSEIP of hip: a VS-level external interrupt is pending ("Hypervisor Interrupt Registers").

    Parameters
    ----------
    pins : Pins
        Of the hart.
    vgein : int
        hstatus.VGEIN: the guest external interrupt of the virtual hart that runs; 0 if it has none.
    hvip_vseip : bool
        Bit VSEIP of hvip, which the hypervisor sets.
    """
    return hvip_vseip or bool(pins.vseip or (vgein and pins.hgeip >> vgein & 1))


def sgeip(pins: Pins, *, hgeie: int) -> bool:
    """Bit SGEIP of hip: a guest external interrupt is pending that the hypervisor asked for ("hgeip and hgeie")."""
    return bool(pins.hgeip & hgeie)
