"""Arrays from numpy's .npz: sizes are checked before anything is built, and nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from vitviz.core.progress import BadModel

PACKED_AT_MOST = 64
"""How many times larger than the file its arrays may be: weights hardly shrink when compressed."""


def read_npz_arrays(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Each array by its name. BadModel for objects, damage, and shapes that the bytes cannot fill."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            whole = sum(entry.file_size for entry in entries)
            if whole > PACKED_AT_MOST * path.stat().st_size + 2**20:
                raise BadModel(
                    f"{path.name} would unpack to {whole / 2**20:,.0f} MB; weights hardly shrink, so "
                    "it is something else and not opened"
                )
            for entry in entries:
                yield entry.filename.removesuffix(".npy"), _array(archive, entry, path.name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise BadModel(
            f"{path.name} is cut short or no .npz file ({error}); download it again"
        ) from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Tensor:
    shown = f"{name}: {entry.filename[:80]}"
    with archive.open(entry) as file:
        try:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, is_fortran, dtype = read(file)
        except (ValueError, TypeError, SyntaxError, RecursionError, TokenError) as error:
            raise BadModel(f"{shown} is no array that can be read; save it again") from error
        if dtype.hasobject:
            raise BadModel(
                f"{name} holds more than arrays, and unpickling it could run any program; save "
                "its arrays alone with numpy.savez"
            )
        count = 1
        for side in shape:
            count *= int(side)
        if min(shape, default=0) < 0 or count * dtype.itemsize > entry.file_size:
            raise BadModel(
                f"{shown} says it has the shape {_shape(shape)} and only {entry.file_size:,} bytes "
                "are there; download it again"
            )
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise BadModel(f"{shown} holds {dtype}, which are no weights; save it as float32")
        content = file.read(count * dtype.itemsize)
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    return torch.from_numpy(np.array(array, dtype.newbyteorder("="), order="C"))


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape[:6])) or "()"
