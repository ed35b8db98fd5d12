"""What a batch has finished, line by line, so that it goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from vitviz.core.progress import VitvizError


class BatchManifest:
    """A file beside the results: its first line says what was ordered, each further line one picture.

    A line is written when all files of a picture are whole; one that was cut short is not counted.
    """

    def __init__(self, folder: Path, shard: tuple[int, int], settings: Mapping[str, Any]) -> None:
        at, parts = shard
        name = "manifest.jsonl" if parts == 1 else f"manifest-{at}-of-{parts}.jsonl"
        self.file = folder / name
        self._folder = folder
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        self._done: dict[str, Mapping[str, Any]] = {}
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lines = self._read()
            self._out = self.file.open("a", encoding="utf-8")
        except OSError as error:
            raise VitvizError(
                f"{self.file} cannot be written ({error.strerror or error}); choose another folder"
            ) from error
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

    def has(self, picture: Path, targets: Mapping[str, Path]) -> bool:
        """Whether a picture, as it is now, was finished and all its files are still there."""
        line = self._done.get(str(picture))
        return (
            line is not None
            and line.get("state") == _state(picture)
            and all(target.is_file() for target in targets.values())
        )

    def add(self, picture: Path, made: Iterable[Path]) -> None:
        """A picture is finished."""
        files = [file.relative_to(self._folder).as_posix() for file in made]
        self._write({"picture": str(picture), "state": _state(picture), "files": files})

    def _read(self) -> int:
        """The lines there are; the end of one that was cut short is taken away."""
        if not self.file.is_file():
            return 0
        text = self.file.read_text(encoding="utf-8", errors="surrogateescape")
        lines = text.split("\n")
        if lines[-1]:
            with self.file.open("r+b") as file:
                file.truncate(file.seek(0, os.SEEK_END) - len(os.fsencode(lines[-1])))
        found = [json.loads(line) for line in lines[:-1] if line]
        if found and found[0].get("order") != self._settings:
            raise VitvizError(
                f"{self._folder} holds results of another order ({_differs(found[0], self._settings)}"
                " differs); choose another folder, or --overwrite"
            )
        self._done = {line["picture"]: line for line in found[1:]}
        return len(found)

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._out is not None
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()


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
