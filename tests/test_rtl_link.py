"""The serial link's frames, as the host makes and reads them."""

import zlib
from random import Random

import pytest

from hic.rtl.link import BOARD, ESCAPE, FLAG, LinkOperation, Request, Response, Status, Unframer, frame
from hic.rtl.registers import Access

BODIES = [Random(seed).randbytes(10) for seed in range(50)] + [bytes([FLAG] * 10), bytes([ESCAPE] * 10), bytes(10)]


def test_frame_is_as_rfc_1662_says():
    body = bytes(range(10))
    assert frame(body) == b"\x7e" + body + zlib.crc32(body).to_bytes(4, "little") + b"\x7e"
    assert frame(b"\x7e\x7d" * 5).startswith(b"\x7e\x7d\x5e\x7d\x5d\x7d\x5e")


def test_frames_come_back_in_any_pieces():
    stream = b"".join(map(frame, BODIES))
    for size in (1, 3, 7, len(stream)):
        unframer = Unframer()
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert [body for piece in pieces for body in unframer.feed(piece)] == BODIES
        assert unframer.dropped == 0


@pytest.mark.parametrize("garbage", [
    b"\x00", b"noise", b"\x7d", b"\x7e\x7d\x7e", frame(bytes(10))[:-2], frame(bytes(10))[3:], frame(b"123456789"),
    frame(b"12345678901"), b"\x7e" + bytes(14),
])
def test_resynchronises_after_garbage(garbage):
    unframer = Unframer()
    assert list(unframer.feed(garbage + frame(BODIES[0]))) == [BODIES[0]]
    assert unframer.dropped >= 1


def test_every_single_bit_error_is_found():
    good = frame(BODIES[1])
    for bit in range(8 * len(good)):
        corrupt = bytearray(good)
        corrupt[bit // 8] ^= 1 << bit % 8
        unframer = Unframer()
        assert BODIES[1] not in [*unframer.feed(bytes(corrupt[1:-1]) + b"\x7e")] or bit // 8 in (0, len(good) - 1)
        assert list(unframer.feed(frame(BODIES[2]))) == [BODIES[2]]


def test_messages_come_back():
    request = Request(7, LinkOperation.WRITE, 0x8000_0010, 0xDEAD_BEEF, 0b0101)
    assert request.encode().hex(" ") == "07 52 10 00 00 80 ef be ad de"
    assert Request.decode(request.encode()) == request
    response = Response(255, Status.REFUSED, 1, 0x0102_0304)
    assert response.encode().hex(" ") == "ff 01 01 00 00 00 04 03 02 01"
    assert Response.decode(response.encode()) == response


def test_unknown_codes_wrong():
    with pytest.raises(ValueError, match=r"^15 is not a valid LinkOperation$"):
        Request.decode(b"\0\x0f" + bytes(8))
    with pytest.raises(ValueError, match=r"^9 is not a valid Status$"):
        Response.decode(b"\0\x09" + bytes(8))


def test_board_registers_do_not_overlap():
    offsets = [register.offset for register in BOARD.registers]
    assert offsets == sorted(set(offsets))
    for register in BOARD.registers:
        taken = 0
        for field in register.fields:
            assert not taken & field.mask, register.name
            taken |= field.mask
            assert isinstance(field.access, Access)
        assert taken < 1 << 32
