"""Files in a store (s3://, gs://, memory://) as paths, by fsspec; file:// is an ordinary path.

A store has neither locks nor appending, and its files are put there whole. What a store is reached
with (keys, endpoint) is what its package finds: its own files, or fsspec's FSSPEC_S3_... variables.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path, PosixPath, WindowsPath
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from vitviz.core.progress import VitvizError

if TYPE_CHECKING or sys.platform != "win32":
    _SystemPath = PosixPath
else:
    _SystemPath = WindowsPath

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+-]+):[/\\]+(?=[^/\\])")
_OBJECTS = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"))
"""Stores without folders, in which a file that is put is there whole or not at all."""
_CHANGED = ("ETag", "etag", "md5Hash", "version_id", "mtime", "LastModified", "updated", "created")
"""Where a store says that a file was replaced, best first."""
_AT_ONCE = 64 * 1024 * 1024
"""Bytes that are read, or put, in one request."""


class StoragePath(_SystemPath):
    """A file or folder in a store, as far as `Path` has the methods that a folder's work needs.

    Its text is the address. What is asked of a store that does not answer is a VitvizError; opening
    and writing raise OSError as a disk does.
    """

    def __str__(self) -> str:
        """The address, or a part of one."""
        plain = super().__str__().replace("\\", "/")
        found = _ADDRESS.match(plain)
        if found is None:  # a part of an address: what lies below a folder
            return plain
        slashes = ":///" if found[1] == "local" else "://"
        return f"{found[1]}{slashes}{plain[found.end() :]}"

    __fspath__ = __str__

    @property
    def scheme(self) -> str:
        """Which store, such as "s3"."""
        return str(self).partition(":")[0]

    @property
    def key(self) -> str:
        """What the store calls it."""
        inside = str(self).partition("://")[2]
        return f"/{inside}" if self.scheme == "memory" else inside

    @property
    def store(self) -> Any:
        """fsspec's file system. VitvizError where its package is not installed."""
        return _store(self.scheme)

    def info(self) -> dict[str, Any]:
        """What the store knows of it. FileNotFoundError; VitvizError where the store does not say."""
        with _answered(self):
            found: dict[str, Any] = self.store.info(self.key)
            return found

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is such a file or folder. VitvizError where the store does not say."""
        try:
            return bool(self.info())
        except FileNotFoundError:
            return False

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file. VitvizError where the store does not say."""
        try:
            return self.info().get("type") == "file"
        except FileNotFoundError:
            return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there are files in it. VitvizError where the store does not say."""
        try:
            return self.info().get("type") == "directory"
        except FileNotFoundError:
            return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Its kind and size; when it changed is not among them (`file_state`)."""
        found = self.info()
        kind = stat.S_IFDIR if found.get("type") == "directory" else stat.S_IFREG
        return os.stat_result((kind | 0o644, 0, 0, 1, 0, 0, int(found.get("size") or 0), 0, 0, 0))

    def open(  # type: ignore[override]  # one way to open, where Path has seven
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """The file, to be read: small ones in one request. OSError where it cannot be, or to write."""
        if set(mode) - set("rbt"):
            raise OSError(errno.ENOTSUP, "files in a store are put there whole, not written to")
        with _readable(self):
            if (self.store.info(self.key).get("size") or 0) <= _AT_ONCE:
                file: IO[bytes] = io.BytesIO(self.store.cat_file(self.key))
            else:
                file = self.store.open(self.key, "rb")
        return file if "b" in mode else io.TextIOWrapper(file, encoding, errors, newline)

    def read_bytes(self) -> bytes:
        """All of it. OSError."""
        with self.open("rb") as file:
            found: bytes = file.read()
            return found

    def read_text(
        self, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> str:
        """All of it as text. OSError."""
        with self.open("r", encoding=encoding, errors=errors, newline=newline) as file:
            found: str = file.read()
            return found

    def iterdir(self) -> Generator[Self, None, None]:
        """Files and folders in it, as they are now. VitvizError."""
        with _answered(self):
            self.store.invalidate_cache(self.key)
            keys = self.store.ls(self.key, detail=False)
        yield from map(self._at, keys)

    def glob(self, pattern: str, **_: Any) -> Iterator[Self]:  # type: ignore[override]
        """Files and folders of a pattern, as they are now, in order. VitvizError."""
        with _answered(self):
            self.store.invalidate_cache(self.key)
            keys = self.store.glob(f"{self.key}/{pattern}")
        return map(self._at, sorted(keys))

    def walked(self) -> list[Self]:
        """All files in it and in the folders inside, as they are now, in no order."""
        with _answered(self):
            self.store.invalidate_cache(self.key)
            keys = self.store.find(self.key)
        return [self._at(key) for key in keys]

    def put(self, file: Path, *, new: bool = False) -> None:
        """Puts a file of this machine there, whole. FileExistsError where it shall be `new` and there
        is one; OSError where the store refuses.
        """
        with _readable(self):
            if self.scheme not in _OBJECTS:
                self.store.makedirs(self.parent.key, exist_ok=True)
                if not new:
                    beside = self.with_name(f".vitviz-{os.getpid()}-{self.name}").key
                    self.store.put_file(str(file), beside)
                    self.store.mv(beside, self.key)
                    return
            if file.stat().st_size <= _AT_ONCE:
                how = {"mode": "create"} if new else {}
                self.store.pipe_file(self.key, file.read_bytes(), **how)
            else:
                self.store.put_file(str(file), self.key)

    def get(self, file: Path) -> None:
        """Copies it to a file of this machine. OSError."""
        with _readable(self):
            self.store.get_file(self.key, str(file))

    def unlink(self, missing_ok: bool = False) -> None:
        """Takes the file away. FileNotFoundError, OSError."""
        with _readable(self):
            try:
                self.store.rm_file(self.key)
            except FileNotFoundError:
                if not missing_ok:
                    raise

    def remove(self) -> None:
        """The folder and all that is in it, as far as that is possible."""
        with suppress(OSError, VitvizError), _readable(self):
            self.store.rm(self.key, recursive=True)

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Only where a store has folders; elsewhere one is there with the first file in it."""
        if self.scheme not in _OBJECTS:
            with _readable(self):
                self.store.makedirs(self.key, exist_ok=exist_ok)

    def resolve(self, strict: bool = False) -> Self:
        """Itself: an address says all."""
        return self

    def _at(self, key: str) -> Self:
        return type(self)(f"{self.scheme}:///{key.lstrip('/')}")


def place_of(path: str | os.PathLike[str]) -> Path:
    """The path that was named: on this machine, or in a store where it is an address.

    VitvizError for a store that nobody knows, or whose package is not installed.
    """
    if isinstance(path, StoragePath):
        return path
    found = _ADDRESS.match(os.fspath(path))
    if found is None or found[1].lower() in ("http", "https", "hf-hub"):
        return Path(path)
    scheme, rest = found[1].lower(), os.fspath(path)[found.end() :].replace("\\", "/")
    if scheme == "file":
        local = unquote(rest)
        return Path(local if re.match(r"[A-Za-z]:", local) else f"/{local}")
    _store(scheme)
    return StoragePath(f"{scheme}:///{rest}")


def file_state(file: Path) -> tuple[int, ...]:
    """What changes when a file is replaced; () where it cannot be asked."""
    try:
        if isinstance(file, StoragePath):
            found = file.info()
            said = next((str(found[name]) for name in _CHANGED if found.get(name)), "")
            digest = int.from_bytes(sha256(said.encode()).digest()[:6])
            return int(found.get("size") or 0), digest
        known = file.stat()
    except OSError:
        return ()
    return known.st_size, known.st_mtime_ns


def _store(scheme: str) -> Any:
    """The file system of a scheme, made once. VitvizError where there is none."""
    needs = "addresses such as s3:// need fsspec and the store's own package"
    how = "pip install 'vitviz[cloud]', or copy the files to this machine"
    try:
        import fsspec
    except ImportError:
        raise VitvizError(f"{needs}, which are not installed; {how}") from None
    if scheme not in fsspec.available_protocols():
        raise VitvizError(
            f"{scheme}:// is no store that is known; name a folder, or an address such as s3:// or gs://"
        )
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise VitvizError(f"{scheme}:// cannot be read: {_words(error)}; {how}") from None
    except (
        Exception
    ) as error:  # whatever a store's package raises: their kinds are not ours to list
        raise VitvizError(
            f"{scheme}:// cannot be reached ({_words(error)}); check the keys and the connection"
        ) from error


@contextmanager
def _answered(path: StoragePath) -> Iterator[None]:
    """What a store refuses to say is a sentence; that there is no such file is said as by a disk."""
    try:
        with _readable(path):
            yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if isinstance(error, PermissionError) or error.errno in (errno.EACCES, errno.EPERM):
            raise VitvizError(
                f"{path} may not be read with these keys ({_words(error)}); ask for the right to, or "
                "sign in as somebody who has it"
            ) from error
        raise VitvizError(
            f"{path} cannot be reached ({_words(error)}); check the keys and the connection"
        ) from error


@contextmanager
def _readable(path: StoragePath) -> Iterator[None]:
    """What a store's package raises as what a disk would."""
    try:
        yield
    except (OSError, VitvizError):
        raise
    except Exception as error:  # as above
        raise OSError(errno.EIO, _words(error), str(path)) from error


def _words(error: BaseException) -> str:
    text = str(getattr(error, "strerror", None) or error).strip().rstrip(".")
    return text.splitlines()[0][:160] if text else type(error).__name__
