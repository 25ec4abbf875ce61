"""Mutations of real DNS messages, from a seed that is printed."""

import os
import random
import struct
from collections.abc import Iterator, Sequence

SEED = int(os.environ.get("SOAWATCH_FUZZ_SEED", "20261120"))
TIMES = int(os.environ.get("SOAWATCH_FUZZ_TIMES", "1"))
"""How many times as many packets as by default."""

ODD = (b"\0", b"\1", b"\x3f", b"\x40", b"\x7f", b"\x80", b"\xc0", b"\xff", b"\xc0\x0c", b"\xc0\0", b"\xff\xff", b"\0\0")


def dice() -> random.Random:
    """What it throws can be thrown again: SOAWATCH_FUZZ_SEED, printed with every failure."""
    print(f"SOAWATCH_FUZZ_SEED={SEED}")
    return random.Random(SEED)


def mutants(seeds: Sequence[bytes], count: int, die: random.Random, keep: int = 0) -> Iterator[bytes]:
    """``count`` messages, each made of one or two of ``seeds``; the first ``keep`` octets stay as they are."""
    for _ in range(count * TIMES):
        yield mutate(die.choice(seeds), seeds, die, keep)


def mutate(wire: bytes, others: Sequence[bytes], die: random.Random, keep: int = 0) -> bytes:
    """One message with a few things wrong, some of them from ``others``."""
    mutant = bytearray(wire)
    for _ in range(die.choice((1, 1, 1, 2, 3, 8))):
        _mutate(mutant, others, die, keep)
    return bytes(mutant[:65535])


def generated(count: int, die: random.Random) -> Iterator[bytes]:
    """Headers that promise something, and noise that may keep it."""
    for _ in range(count * TIMES):
        counts = [die.choice((0, 1, 1, 2, 5, 65535)) for _ in range(4)]
        tail = b"".join(
            die.choice((die.randbytes(die.randrange(12)), die.choice(ODD))) for _ in range(die.randrange(20))
        )
        yield struct.pack("!HHHHHH", die.getrandbits(16), die.getrandbits(16) | 0x8000, *counts) + tail


def _mutate(wire: bytearray, seeds: Sequence[bytes], die: random.Random, keep: int) -> None:
    where = die.randrange(keep, len(wire)) if len(wire) > keep else keep
    match die.randrange(8):
        case 0:
            wire[where : where + 1] = die.randbytes(1)
        case 1:
            odd = die.choice(ODD)
            wire[where : where + len(odd)] = odd
        case 2:
            del wire[where:]
        case 3:
            del wire[where : where + die.randrange(1, 9)]
        case 4:
            wire[where:where] = die.randbytes(die.randrange(1, 9))
        case 5:
            wire[where:where] = wire[where : where + die.randrange(1, 40)]
        case 6:
            other = die.choice(seeds)
            wire[where:] = other[min(where, len(other)) :]
        case _:
            wire[where : where + 1] = bytes((wire[where] ^ 1 << die.randrange(8),)) if where < len(wire) else b""
