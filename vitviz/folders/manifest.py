"""What a batch has finished, line by line, so that it goes on where it stopped."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self, TextIO

from vitviz.core.files import leftovers, put, whole
from vitviz.core.progress import VitvizError
from vitviz.core.storage import StoragePath, file_state
from vitviz.folders.folder_lock import FolderLock

_PUT_EVERY = 10.0
"""Seconds between two puts of a manifest in a store, longer where one takes long."""


class BatchManifest:
    """A file beside the results: its first line says what was ordered, each further line one picture.

    A line is written when all files of a picture are whole; one that was cut short or is damaged is not
    counted, and its picture made again. One batch writes to a folder, or several that share it by
    shards; with `anew` what was finished before is forgotten.

    In a store, where nothing can be appended, it is put whole every ten seconds and at the end: a
    process that is killed makes again what it finished since.
    """

    def __init__(
        self,
        folder: Path,
        shard: tuple[int, int],
        settings: Mapping[str, Any],
        *,
        anew: bool = False,
    ) -> None:
        at, parts = shard
        name = "manifest.jsonl" if parts == 1 else f"manifest-{at}-of-{parts}.jsonl"
        self.file = folder / name
        self.healed = 0
        """Damaged lines that were left out."""
        self._folder, self._shard, self._anew = folder, shard, anew
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        self._done: dict[str, tuple[int, ...]] = {}
        self._out: TextIO | None = None
        self._held = ExitStack()
        self._here = self.file
        self._put_at, self._put_took = 0.0, 0.0

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(FolderLock(self._folder, self._shard))
            self._clear()
            self._bring()
            lines = self._read()
            self._out = self._here.open("a", encoding="utf-8")
        except OSError as error:
            self._held.close()
            raise VitvizError(
                f"{self.file} cannot be written ({error.strerror or error}); choose another folder"
            ) from error
        except VitvizError:
            self._held.close()
            raise
        if not lines:
            self._write({"order": self._settings})
            self._put()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._out is not None:
                self._out.close()
                self._put()
        finally:
            self._held.close()

    def has(self, picture: Path, targets: Mapping[str, Path]) -> bool:
        """Whether a picture, as it is now, was finished and all its files are still there."""
        line = self._done.get(str(picture))
        return (
            line is not None
            and line == file_state(picture)
            and all(target.is_file() for target in targets.values())
        )

    def add(self, picture: Path, made: Iterable[Path]) -> None:
        """A picture is finished. VitvizError where the folder has gone: what it held is not done."""
        if not self._here.is_file():
            raise VitvizError(
                f"{self._folder} was removed or moved while the batch was writing to it; start it again"
            )
        files = [file.relative_to(self._folder).as_posix() for file in made]
        self._write({"picture": str(picture), "state": file_state(picture), "files": files})
        if time.monotonic() - self._put_at > max(_PUT_EVERY, 20 * self._put_took):
            self._put()

    def _bring(self) -> None:
        """What a store has of it, to be gone on with on this machine."""
        if isinstance(self.file, StoragePath):
            folder = self._held.enter_context(TemporaryDirectory(prefix="vitviz-"))
            self._here = Path(folder, self.file.name)
            if self.file.is_file():
                self.file.get(self._here)

    def _put(self) -> None:
        """Into the store, where it belongs there. VitvizError where that takes nothing."""
        if isinstance(self.file, StoragePath):
            begun = time.monotonic()
            put(self._here, self.file)
            self._put_at = time.monotonic()
            self._put_took = self._put_at - begun

    def _clear(self) -> None:
        """Takes away what killed batches left, and what is to be made anew."""
        for left in leftovers(self._folder):
            left.unlink(missing_ok=True)
        if self._anew:
            others = self._folder.glob("manifest*.jsonl") if self._shard[1] == 1 else ()
            for old in (self.file, *others):
                old.unlink(missing_ok=True)

    def _read(self) -> int:
        """The good lines there are; the file is written again without the others.

        Line by line, and of each only what a picture's file was: a million pictures fit in memory.
        """
        if not self._here.is_file():
            return 0
        good, begun = 0, False
        for line in self._lines():
            if line is None:
                self.healed += 1
                continue
            if good == 0 and "order" in line:
                begun = True
                self._check(line)
            good += 1
            if "picture" in line:
                self._done[line["picture"]] = tuple(line["state"])
        if self.healed or not begun:
            # Without its first line nobody knows what these pictures were made for: all are made again.
            self._write_again(begun)
            return good if begun else 0
        return good

    def _lines(self) -> Iterator[dict[str, Any] | None]:
        """What is written down, line by line; None for a damaged line, empty ones left out."""
        with self._here.open(encoding="utf-8", errors="replace") as lines:
            for text in lines:
                if text.strip():
                    yield _line(text) if text.endswith("\n") else None

    def _check(self, first: Mapping[str, Any]) -> None:
        before = _said_today(first["order"])
        if before != self._settings:
            raise VitvizError(
                f"{self._folder} holds results of another order ({_differs(before, self._settings)}"
                " differs); choose another folder, or --overwrite"
            )

    def _write_again(self, begun: bool) -> None:
        """Only the good lines; none where the first one is missing."""
        with whole(self._here) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            if not begun:
                self._done = {}
                return
            for line in self._lines():
                if line is not None:
                    file.write(json.dumps(line) + "\n")

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._out is not None
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


def _line(text: str) -> dict[str, Any] | None:
    """A line as it was written; None for a damaged one."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"order": dict()} | {"picture": str(), "state": list(), "files": list()}:
            return dict(found)
    return None


def _said_today(order: dict[str, Any]) -> dict[str, Any]:
    """An order as it is written down now: 0.1 kept the token as it was typed, "" for none, and its
    pages had no limit of height, which a single view never reached.
    """
    if isinstance(paper := order.get("paper"), dict):
        order = {**order, "paper": {"height_mm": 240.0, **paper}}
    match order.get("token"):
        case "":
            return {**order, "token": None}
        case str(typed) if _ROW_COL.fullmatch(typed):
            return {**order, "token": [int(number) for number in typed.split(",")]}
        case _:
            return order


_ROW_COL = re.compile(r"\s*\d+\s*(,\s*\d+\s*){1,3}")


def _differs(old: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**old, **now} if old.get(name) != now.get(name)]
    return ", ".join(names) or "the order"
