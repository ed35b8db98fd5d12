"""Files spoilt as transfers, disks and people with bad intentions spoil them; the same for one seed."""

from __future__ import annotations

import numpy as np


def mutated(data: bytes, draw: np.random.Generator, others: list[bytes]) -> tuple[bytes, str]:
    """A file with one thing wrong, and what that is."""
    kinds = (flipped, cut, zeroed, repeated, swapped_header, grown_numbers, spliced)
    kind = kinds[int(draw.integers(len(kinds)))]
    return kind(bytearray(data), draw, others), kind.__name__


def flipped(data: bytearray, draw: np.random.Generator, _: list[bytes]) -> bytes:
    """Some bits are others."""
    for at in draw.integers(0, len(data), int(draw.integers(1, 30))):
        data[at] ^= 1 << int(draw.integers(8))
    return bytes(data)


def cut(data: bytearray, draw: np.random.Generator, _: list[bytes]) -> bytes:
    """The end is missing, or a piece of the middle."""
    first, last = sorted(int(each) for each in draw.integers(0, len(data), 2))
    return bytes(data[:first] if draw.random() < 0.5 else data[:first] + data[last:])


def zeroed(data: bytearray, draw: np.random.Generator, _: list[bytes]) -> bytes:
    """A block is zeros, as after a power cut."""
    at = int(draw.integers(0, len(data)))
    size = min(int(draw.integers(1, 600)), len(data) - at)
    data[at : at + size] = bytes(size)
    return bytes(data)


def repeated(data: bytearray, draw: np.random.Generator, _: list[bytes]) -> bytes:
    """A chunk comes several times."""
    first, last = sorted(int(each) for each in draw.integers(0, len(data), 2))
    last = min(last, first + 4096)
    return bytes(data[:last] + data[first:last] * int(draw.integers(1, 6)) + data[last:])


def swapped_header(data: bytearray, draw: np.random.Generator, others: list[bytes]) -> bytes:
    """It begins as a file of another kind does."""
    size = int(draw.integers(4, 64))
    return others[int(draw.integers(len(others)))][:size] + bytes(data[size:])


def grown_numbers(data: bytearray, draw: np.random.Generator, _: list[bytes]) -> bytes:
    """A size or an offset near the beginning is huge."""
    at = int(draw.integers(0, min(len(data), 200)))
    data[at : at + 4] = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")[
        int(draw.integers(3))
    ][: len(data) - at]
    return bytes(data)


def spliced(data: bytearray, draw: np.random.Generator, others: list[bytes]) -> bytes:
    """The second half is another file's."""
    other = others[int(draw.integers(len(others)))]
    return bytes(data[: len(data) // 2]) + other[len(other) // 2 :]
