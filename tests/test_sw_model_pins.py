"""The golden model of a profile: lines as pins, and what a hart with the hypervisor extension makes of them."""

import pytest

from hic.rtl.parameters import Parameters, Profile
from hic.sw_model.pins import Pins, pins_of, sgeip, vseip
from hic.sw_model.port import DirectLine, TrapLine

H = Parameters(context_count=8, profile=Profile.RISCV, geilen=3)
NOTHING, TRAP = TrapLine(), TrapLine(valid=True)


def test_guest_up_to_geilen_has_its_bit_of_hgeip_and_others_share_vseip():
    assert pins_of(H, DirectLine(True, 1), NOTHING) == Pins(hgeip=0b0010)
    assert pins_of(H, DirectLine(True, 3), TRAP) == Pins(seip=True, hgeip=0b1000)
    assert pins_of(H, DirectLine(True, 4), NOTHING) == Pins(vseip=True)
    assert pins_of(H, DirectLine(), TRAP) == Pins(seip=True)


def test_without_the_extension_the_guest_is_the_supervisor():
    ms = Parameters(context_count=8, profile=Profile.RISCV_MS)
    assert pins_of(ms, DirectLine(True, 7), NOTHING) == Pins(seip=True)
    assert pins_of(ms, DirectLine(), TRAP) == Pins(meip=True)


def test_without_a_profile_there_is_no_pin():
    assert pins_of(Parameters(), DirectLine(True, 1), TRAP) == Pins()


def test_vgein_selects_which_bit_of_hgeip_is_vseip():
    pins = Pins(hgeip=0b0100)
    assert [vseip(pins, vgein=number) for number in range(4)] == [False, False, True, False]
    assert vseip(pins, vgein=1, hvip_vseip=True)
    assert vseip(Pins(vseip=True), vgein=0)


def test_vgein_0_selects_nothing():
    assert not vseip(Pins(hgeip=0b1), vgein=0)


def test_hgeie_masks_sgeip():
    assert sgeip(Pins(hgeip=0b0100), hgeie=0b1100)
    assert not sgeip(Pins(hgeip=0b0100), hgeie=0b1010)


@pytest.mark.parametrize(("values", "error", "message"), [
    ({"profile": "arm"}, ValueError, r"^profile must be one of none, riscv, riscv-ms, not 'arm'$"),
    ({"profile": 1}, TypeError, r"^profile must be a Profile, not 1$"),
    ({"geilen": 64, "profile": Profile.RISCV}, ValueError, r"^geilen must be from 0 to 63, not 64$"),
    ({"geilen": "1", "profile": Profile.RISCV}, TypeError, r"^geilen must be an integer, not '1'$"),
    ({"geilen": 2}, ValueError, r"^geilen must be 0 with profile none, which has no hgeip, not 2$"),
    ({"geilen": 2, "profile": Profile.RISCV_MS}, ValueError, r"^geilen must be 0 with profile riscv-ms, .* not 2$"),
])
def test_parameters_wrong(values, error, message):
    with pytest.raises(error, match=message):
        Parameters(**values)
