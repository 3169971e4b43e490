"""Builds the firmware: C to words of RAM and addresses of functions, by the C compiler in the wheel `ziglang`."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from hic.rtl.registers import MAP

from .hardware import Kind

__all__ = ["Firmware", "FirmwareError", "build"]

_HERE = Path(__file__).parent
_FLAGS = (
    "-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+a", "-nostdlib", "-ffreestanding", "-O2",
    "-fno-sanitize=all", "-Wall", "-Wextra", "-Werror", "-Wl,-T,link.ld", "-Wl,--build-id=none",
)


class FirmwareError(Exception):
    """The compiler is missing or refused the source."""


class Firmware(NamedTuple):
    """A program: words of RAM from address 0 on, and the addresses of its functions."""

    words: list[int]
    symbols: dict[str, int]


def build(kind: Kind, directory: Path) -> Firmware:
    """Compiles the firmware for a system.

    Parameters
    ----------
    kind : Kind
        The system's interrupt controller.
    directory : Path
        For the compiler's output.

    Raises
    ------
    FirmwareError
        The compiler is not installed, or refused the source.
    """
    defines = ["-DPLIC"] if kind is Kind.PLIC else [
        f"-DHIC_{name}={MAP[name].offset:#x}u" for name in ("TRIGGER", "ALLOW", "ROUTE", "RUNNING")
    ] + [f"-DHIC_ALLOW_STRIDE={MAP['ALLOW'].dimensions[0][1]:#x}u"]
    elf = directory.absolute() / f"firmware-{kind}.elf"
    command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *defines, "firmware.c", "-o", str(elf)]
    done = subprocess.run(command, cwd=_HERE, capture_output=True, text=True)
    if done.returncode:
        raise FirmwareError(f"ziglang must be installed and accept firmware.c: pip install -e '.[soc]'\n{done.stderr}")
    return _read_elf(elf.read_bytes())


def _read_elf(image: bytes) -> Firmware:
    """Loadable segments and symbols of a 32-bit little-endian ELF file (System V ABI, chapters 4 and 5)."""
    program_at, section_at = struct.unpack_from("<II", image, 28)
    program_size, program_count, section_size, section_count = struct.unpack_from("<HHHH", image, 42)
    memory = bytearray()
    for i in range(program_count):
        kind, offset, address, _, size, room = struct.unpack_from("<6I", image, program_at + i * program_size)
        if kind == 1 and size:  # PT_LOAD
            memory.extend(bytes(max(0, address + room - len(memory))))
            memory[address : address + size] = image[offset : offset + size]
    symbols = {}
    sections = [struct.unpack_from("<10I", image, section_at + i * section_size) for i in range(section_count)]
    for _, kind, _, _, offset, size, link, *_ in sections:
        if kind == 2:  # SHT_SYMTAB
            names = sections[link][4]
            for at in range(offset, offset + size, 16):
                name, value = struct.unpack_from("<II", image, at)
                symbols[image[names + name : image.index(b"\0", names + name)].decode()] = value
    memory.extend(bytes(-len(memory) % 4))
    return Firmware(list(struct.unpack(f"<{len(memory) // 4}I", memory)), symbols)
