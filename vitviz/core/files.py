"""Files that appear whole or not at all: written beside, brought to the disk, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from vitviz.core.progress import VitvizError


class Exists(VitvizError):
    """A file that is there already and was not to be replaced."""


@contextmanager
def whole(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """A place to write to, which becomes the file when all went well and vanishes otherwise.

    Exists when there is such a file and it is not to be replaced; VitvizError, in a sentence, for a
    folder that is not there, one without permission, or a full disk.
    """
    target = Path(path)
    check_place(target, overwrite=overwrite)
    try:
        handle, name = mkstemp(dir=target.parent, prefix=".vitviz-", suffix=target.suffix)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            _to_disk(unfinished)
            unfinished.chmod(0o666 & ~_umask())
            unfinished.replace(target)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()
    except OSError as error:
        raise VitvizError(_why(target, error)) from error


def check_place(target: Path, *, overwrite: bool) -> None:
    """Says at once, before any work, that a file cannot be written there."""
    if not target.parent.is_dir():
        raise VitvizError(
            f"{target.name} cannot be saved: there is no folder {target.parent}; make it first"
        )
    if not overwrite and target.exists():
        raise Exists(f"{target} is there already; choose another name, or overwrite it")


def _why(target: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            what = f"no space is left on the disk of {target.parent}; make room there"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            what = f"nothing may be written in {target.parent}; choose a folder of your own"
        case errno.ENAMETOOLONG:
            what = f"its name of {len(target.name)} letters is too long; choose a shorter one"
        case _:
            what = f"{error.strerror or error}; choose another place"
    return f"{target} cannot be saved: {what}"


def _to_disk(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _umask() -> int:
    """The rights that new files do not get; a temporary file has fewer than the user wants."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
