"""What a batch has finished, line by line, so that it goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from vitviz.core.files import leftovers, whole
from vitviz.core.progress import VitvizError
from vitviz.folders.folder_lock import FolderLock


class BatchManifest:
    """A file beside the results: its first line says what was ordered, each further line one picture.

    A line is written when all files of a picture are whole; one that was cut short or is damaged is not
    counted, and its picture made again. One batch writes to a folder, or several that share it by
    shards; with `anew` what was finished before is forgotten.
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
        self._done: dict[str, Mapping[str, Any]] = {}
        self._out: TextIO | None = None
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(FolderLock(self._folder, self._shard))
            self._clear()
            lines = self._read()
            self._out = self.file.open("a", encoding="utf-8")
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
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._out is not None:
            self._out.close()
        self._held.close()

    def has(self, picture: Path, targets: Mapping[str, Path]) -> bool:
        """Whether a picture, as it is now, was finished and all its files are still there."""
        line = self._done.get(str(picture))
        return (
            line is not None
            and line.get("state") == _state(picture)
            and all(target.is_file() for target in targets.values())
        )

    def add(self, picture: Path, made: Iterable[Path]) -> None:
        """A picture is finished. VitvizError where the folder has gone: what it held is not done."""
        if not self.file.is_file():
            raise VitvizError(
                f"{self._folder} was removed or moved while the batch was writing to it; start it again"
            )
        files = [file.relative_to(self._folder).as_posix() for file in made]
        self._write({"picture": str(picture), "state": _state(picture), "files": files})

    def _clear(self) -> None:
        """Takes away what killed batches left, and what is to be made anew."""
        for left in leftovers(self._folder):
            left.unlink(missing_ok=True)
        if self._anew:
            others = self._folder.glob("manifest*.jsonl") if self._shard[1] == 1 else ()
            for old in (self.file, *others):
                old.unlink(missing_ok=True)

    def _read(self) -> int:
        """The good lines there are; the file is written again without the others."""
        if not self.file.is_file():
            return 0
        text = self.file.read_text(encoding="utf-8", errors="replace")
        lines = text.split("\n")
        found = [line for text in lines if (line := _line(text)) is not None]
        if found and "order" in found[0] and found[0]["order"] != self._settings:
            raise VitvizError(
                f"{self._folder} holds results of another order ({_differs(found[0], self._settings)}"
                " differs); choose another folder, or --overwrite"
            )
        pictures = [line for line in found if "picture" in line]
        self._done = {line["picture"]: line for line in pictures}
        self.healed = sum(bool(text.strip()) for text in lines) - len(found)
        begun = bool(found) and "order" in found[0]
        if self.healed or not begun:
            # Without its first line nobody knows what these pictures were made for: all are made again.
            kept = found if begun else []
            self._done = self._done if begun else {}
            with whole(self.file) as unfinished:
                unfinished.write_text("".join(json.dumps(line) + "\n" for line in kept))
            return len(kept)
        return len(found)

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


def _state(picture: Path) -> list[int]:
    """What changes when a picture's file is replaced."""
    try:
        found = picture.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    old = before.get("order") or {}
    names = [name for name in {**old, **now} if old.get(name) != now.get(name)]
    return ", ".join(names) or "the order"
