"""Files that appear whole or not at all: written beside, brought to the disk, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from platform import node
from stat import S_ISDIR
from tempfile import TemporaryDirectory, mkstemp

import platformdirs

from vitviz.core.progress import VitvizError
from vitviz.core.storage import StoragePath, place_of


class Exists(VitvizError):
    """A file that is there already and was not to be replaced."""


@contextmanager
def whole(
    path: str | os.PathLike[str], *, overwrite: bool = True, private: bool = False
) -> Iterator[Path]:
    """A place to write to, which becomes the file when all went well and vanishes otherwise.

    With `private` nobody but this user may read it. Exists when there is such a file and it is not to
    be replaced; VitvizError, in a sentence, for a folder that is not there, one without permission, or
    a full disk. A file in a store is written on this machine and put there in one piece.
    """
    target = place_of(path)
    check_place(target, overwrite=overwrite)
    if isinstance(target, StoragePath):
        with _put_there(target) as unfinished:
            yield unfinished
        return
    try:
        handle, name = mkstemp(dir=target.parent, prefix=_prefix(), suffix=target.suffix)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            _to_disk(unfinished)
            unfinished.chmod(0o600 if private else 0o666 & ~_MASK)
            unfinished.replace(target)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()
    except OSError as error:
        raise VitvizError(_why(target, error)) from error


@contextmanager
def _put_there(target: StoragePath) -> Iterator[Path]:
    with TemporaryDirectory(prefix="vitviz-") as folder:
        unfinished = Path(folder, target.name)
        try:
            unfinished.touch()
            yield unfinished
        except OSError as error:
            raise VitvizError(_why(unfinished, error)) from error
        put(unfinished, target)


def put(file: Path, target: StoragePath) -> None:
    """A file of this machine into a store, whole. VitvizError, in a sentence, where that refuses it."""
    try:
        target.put(file)
    except OSError as error:
        raise VitvizError(_why(target, error)) from error


def _prefix() -> str:
    """How an unfinished file is called: hidden, with the computer and the process that writes it."""
    return f".vitviz-{_computer()}-{os.getpid()}-"


@cache
def _computer() -> str:
    return sha256(node().encode()).hexdigest()[:6]


def leftovers(folder: Path) -> list[Path]:
    """Unfinished files, in a folder and those inside, of processes here that were killed."""
    found: list[Path] = []
    if isinstance(folder, StoragePath):  # there nothing is ever half-written
        return found
    for file in folder.rglob(f".vitviz-{_computer()}-*"):
        number = file.name.split("-")[2]
        if number.isdecimal() and not is_running(int(number)) and file.is_file():
            found.append(file)
    return found


def clear_leftovers(folder: Path) -> None:
    """Takes them away, as far as that is possible."""
    with suppress(OSError):
        for file in leftovers(folder):
            with suppress(OSError):
                file.unlink()


def is_running(process: int) -> bool:
    """Whether a process of that number is alive on this computer."""
    if process <= 0:
        return False
    if process == os.getpid():
        return True
    if os.name == "nt":
        return _is_running_on_windows(process)
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_running_on_windows(process: int) -> bool:
    """There os.kill would end the process that is only asked for."""
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined]
    handle = kernel.OpenProcess(0x1000, False, process)
    if handle:
        kernel.CloseHandle(handle)
    return bool(handle)


def check_place(target: Path, *, overwrite: bool) -> None:
    """Says at once, before any work, that a file cannot be written there.

    VitvizError where there is no folder or the name is none; Exists, which is one too, where a file
    is there that shall not be overwritten.
    """
    target = place_of(target)
    try:
        if "\0" in str(target):
            raise ValueError("its name has a zero in it")
        if not isinstance(target, StoragePath) and not target.parent.is_dir():
            raise VitvizError(
                f"{target.name} cannot be saved: there is no folder {target.parent}; make it first"
            )
        if not overwrite and target.exists():
            raise Exists(f"{target} is there already; choose another name, or overwrite it")
    except (OSError, ValueError) as error:  # a name that is too long, or has a zero in it
        raise VitvizError(_why(target, error)) from error


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with ~ as the user's own folder, unless there is a file that is called so."""
    plain = place_of(path)
    try:
        if not str(plain).startswith("~") or plain.exists():
            return plain
        return plain.expanduser()
    except (RuntimeError, OSError, ValueError):  # there is no such user: the name begins with ~
        return plain


LONGEST = 255
"""Bytes of a file's name on the usual disks."""


def fitting_name(stem: str, ending: str) -> str:
    """`stem` with `ending`, the stem shortened where the name would be too long for a disk.

    What was cut is told apart by some digits of its hash, so that two long names stay two.
    """
    if len(os.fsencode(stem + ending)) <= LONGEST:
        return stem + ending
    mark = f"-{sha256(os.fsencode(stem)).hexdigest()[:8]}{ending}"
    while len(os.fsencode(stem + mark)) > LONGEST and stem:
        stem = stem[:-1]
    return stem + mark


def cache_folder() -> Path:
    """Where what can be made again is kept: VITVIZ_CACHE_DIR, or the system's place for caches."""
    chosen = os.environ.get("VITVIZ_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("vitviz", appauthor=False)


def private_folder(folder: Path) -> Path:
    """Makes a folder that nobody but this user can look into.

    PermissionError where others can; any other OSError where it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if hasattr(os, "getuid") and (
        not S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077
    ):
        raise PermissionError(errno.EACCES, f"{folder} is open to others, or another user's")
    return folder


def _why(target: Path, error: OSError | ValueError) -> str:
    if isinstance(target, StoragePath):
        return f"{target} cannot be saved: {_refused(error)}"
    match getattr(error, "errno", None):
        case errno.ENOSPC | errno.EDQUOT:
            what = f"no space is left on the disk of {target.parent}; make room there"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            what = f"nothing may be written in {target.parent}; choose a folder of your own"
        case errno.ENAMETOOLONG:
            what = f"its name of {len(target.name)} letters is too long; choose a shorter one"
        case _:
            what = f"{getattr(error, 'strerror', None) or error}; choose another place"
    shown = target if len(str(target)) < 300 else f"{str(target)[:80]}…"
    return f"{shown} cannot be saved: {what}"


def _refused(error: OSError | ValueError) -> str:
    """Why a store took nothing."""
    said = str(getattr(error, "strerror", None) or error).strip().rstrip(".")
    match error:
        case PermissionError():
            return (
                f"these keys may not write there ({said}); ask for the right, or name another place"
            )
        case FileNotFoundError():
            return (
                f"there is no such bucket or folder ({said}); make it first, or check the address"
            )
        case _:
            return f"{said}; check the address, the keys and the connection"


def _to_disk(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _umask() -> int:
    """The rights that new files do not get; a temporary file has fewer than the user wants."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


_MASK = _umask()  # once: meanwhile the files of other threads would be everybody's
