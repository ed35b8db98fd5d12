"""One batch writes to a folder, or several that share it by shards of one number."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import Timeout

from vitviz.core.progress import VitvizError
from vitviz.folders.run_lock import lock_of

_NAME = re.compile(r"\.batch-(\d+)-of-(\d+)\.lock")


class FolderLock:
    """Held while a batch runs, and let go by the system when its process ends, however that happens.

    VitvizError, on entering, where another batch does the same pictures: the same shard, or shards of
    another number, which overlap with these.
    """

    def __init__(self, folder: Path, shard: tuple[int, int]) -> None:
        at, parts = shard
        self._folder, self._shard = folder, shard
        self._lock = lock_of(folder / f".batch-{at}-of-{parts}.lock")

    def __enter__(self) -> Self:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise VitvizError(self._busy("the same pictures")) from None
        for file in self._folder.iterdir():
            found = _NAME.fullmatch(file.name)
            other = (int(found[1]), int(found[2])) if found else self._shard
            if other[1] != self._shard[1] and _is_held(file):
                self._lock.release()
                raise VitvizError(
                    self._busy(f"shard {other[0]}/{other[1]}, which has some of these")
                )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()  # its file stays: whoever waits for it has it open already

    def _busy(self, what: str) -> str:
        return (
            f"another batch is writing {what} to {self._folder}; wait for it, stop it, or name another "
            "folder with --out"
        )


def _is_held(file: Path) -> bool:
    lock = lock_of(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
