"""One Parquet data set for the arrays of all pictures: a file a part, each whole or not there.

Columns: `picture` (its path in the folder), `quantity`, `layer` and `head` (from 0; null where there
is none), `token` (its name), `values` (a list of 32-bit numbers).
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vitviz.core.files import whole
from vitviz.folders.parquet_files import parquet
from vitviz.folders.picture_arrays import VectorRow

TABLE = "numbers.parquet"
"""The data set's folder."""
_FLUSHED = 16 * 1024 * 1024
"""Bytes of vectors that are held before they are written."""


def table_part(out: Path, shard: tuple[int, int], number: int, names: list[str]) -> Path:
    """The file of a part: its name changes with the pictures in it, so that an old one is never taken
    for it."""
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    at, parts = shard
    share = "" if parts == 1 else f"{at}-of-{parts}-"
    return out / TABLE / f"part-{share}{number:06}-{digest}.parquet"


def stale_parts(out: Path, shard: tuple[int, int], wanted: set[Path]) -> list[Path]:
    """Files of this shard whose pictures have changed since: they are in others now."""
    at, parts = shard
    share = "part-[0-9][0-9][0-9][0-9][0-9][0-9]-*" if parts == 1 else f"part-{at}-of-{parts}-*"
    return [file for file in (out / TABLE).glob(f"{share}.parquet") if file not in wanted]


class TablePart:
    """Rows of one part on their way into its file, some megabytes at a time."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._arrow, self._files = parquet()
        arrow = self._arrow
        self._schema = arrow.schema(
            [
                ("picture", arrow.string()),
                ("quantity", arrow.string()),
                ("layer", arrow.int32()),
                ("head", arrow.int32()),
                ("token", arrow.string()),
                ("values", arrow.list_(arrow.float32())),
            ]
        )
        self._rows: dict[str, list[Any]] = {name: [] for name in self._schema.names}
        self._bytes = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._open.enter_context(whole(self._target))
        # Measured numbers hardly repeat: a dictionary of them makes files larger, not smaller.
        named = ["picture", "quantity", "token"]
        writer = self._files.ParquetWriter(
            unfinished, self._schema, compression="zstd", use_dictionary=named
        )
        self._writer = self._open.enter_context(writer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._open.__exit__(kind, error, trace)

    def add(self, picture: str, row: VectorRow) -> None:
        """One vector."""
        line = (picture, row.quantity, row.layer, row.head, row.token, row.values)
        for name, value in zip(self._rows, line, strict=True):
            self._rows[name].append(value)
        self._bytes += row.values.nbytes
        if self._bytes >= _FLUSHED:
            self._flush()

    def _flush(self) -> None:
        if not self._rows["picture"]:
            return
        self._writer.write_table(self._arrow.table(self._rows, schema=self._schema))
        self._rows = {name: [] for name in self._schema.names}
        self._bytes = 0
