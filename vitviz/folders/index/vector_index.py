"""An index of a folder: one vector a token of every picture, on the disk, mapped into memory.

A folder of four files: `about.json`, `pictures.jsonl` (a line a picture, in the order of their
vectors), `vectors.f16` (picture token dim) and `lengths.f32` (picture token). Vectors that are compared
by their direction are kept at length 1, with their length beside them.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from filelock import Timeout
from jaxtyping import Float16, Float32

from vitviz.core.counted import layer_name
from vitviz.core.data.geometry import Crop, TokenGrid
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.trace import Fit
from vitviz.core.data.weight_files import shown_name
from vitviz.core.progress import VitvizError
from vitviz.core.storage import place_of
from vitviz.folders.index.stored_index import INDEX_FILES, index_here, put_index
from vitviz.folders.run_lock import lock_of

FORMAT = 1

IndexKind = Literal["tokens", "queries", "keys", "values", "heads"]


@dataclass(frozen=True, slots=True)
class IndexAbout:
    """What the vectors are: of which model, layer and kind, over which grid of tokens.

    `kind` is "tokens", "queries", "keys", "values" or "heads" (the length of each head's output, kept
    as it is). `asked` are the arguments of `vitviz.load` beside the name, `read` says which page and
    bands of a file are the picture.
    """

    model: str
    weights: str
    asked: tuple[tuple[str, Any], ...]
    precision: str
    fit: Fit
    kind: IndexKind
    layer: int
    layers: int
    rows: int
    cols: int
    patch: tuple[float, float]
    prefix: tuple[str, ...]
    dim: int
    format: int = FORMAT
    read: tuple[tuple[str, Any], ...] = ()

    @property
    def choice(self) -> PictureChoice:
        """How its pictures are opened. BadImage for what no vitviz has written."""
        return PictureChoice.of(dict(self.read))

    @property
    def grid(self) -> TokenGrid:
        """Which token is where."""
        return TokenGrid(self.rows, self.cols, self.patch, self.prefix)

    @property
    def frame(self) -> tuple[int, int]:
        """(rows, cols) of model pixels that the grid covers."""
        return round(self.rows * self.patch[0]), round(self.cols * self.patch[1])

    @property
    def by_length(self) -> bool:
        """Whether numbers are kept as they are, not as directions."""
        return self.kind == "heads"

    @property
    def called(self) -> str:
        """What to call the model: its name, a checkpoint's without the folder."""
        return shown_name(self.model)

    @property
    def words(self) -> str:
        """What it is of, in a clause."""
        return f"{self.kind} of {layer_name(self.layer)} of {self.called}"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One picture: its name in the folder, the hash of its pixels, its file's state, what was seen.

    `vectors` is its place among the vectors, the same as another's where the pixels are the same.
    """

    name: str
    key: str
    state: tuple[int, ...]
    crop: Crop
    vectors: int


@dataclass(frozen=True, slots=True, eq=False)
class VectorIndex:
    """An opened index. `entries` are the pictures that are there, `vectors` of all that ever were."""

    place: Path
    folder: Path
    about: IndexAbout
    entries: tuple[IndexEntry, ...]
    vectors: Float16[np.ndarray, "picture token dim"]
    lengths: Float32[np.ndarray, "picture token"]

    def entry(self, key: str) -> IndexEntry | None:
        """The picture with these pixels."""
        return next((each for each in self.entries if each.key == key), None)

    def vector(self, entry: IndexEntry, token: int) -> Float32[np.ndarray, "dim"]:
        """One token's vector, at the length that it has."""
        found = self.vectors[entry.vectors, token].astype(np.float32)
        scale = 1.0 if self.about.by_length else float(self.lengths[entry.vectors, token])
        scaled: Float32[np.ndarray, "dim"] = found * np.float32(scale)
        return scaled

    def file(self, entry: IndexEntry) -> Path:
        """The picture's file, where it was."""
        return self.folder / entry.name


def open_index(place: str | Path) -> VectorIndex:
    """An index as `vitviz index` made it. VitvizError for a folder that is none, or is damaged."""
    where = place_of(place)
    try:
        here = index_here(where)
    except OSError as error:
        raise VitvizError(f"{where} cannot be copied ({error.strerror or error})") from error
    about, folder = _about(here, where)
    entries, rows = _entries(here / "pictures.jsonl")
    grid = about.grid
    try:
        vectors = _mapped(here / "vectors.f16", np.float16, (grid.tokens, about.dim))
        lengths = _mapped(here / "lengths.f32", np.float32, (grid.tokens,))
    except OSError as error:
        raise VitvizError(f"{where} cannot be read ({error.strerror or error})") from error
    if min(len(vectors), len(lengths)) < rows:
        raise VitvizError(
            f"{where} has vectors of {min(len(vectors), len(lengths))} pictures and lists {rows}; run "
            "vitviz index again, which goes on from what is whole"
        )
    return VectorIndex(
        where, folder, about, tuple(entries.values()), vectors[:rows], lengths[:rows]
    )


def _about(here: Path, place: Path) -> tuple[IndexAbout, Path]:
    """What the index at `place`, whose files are `here`, is of; and of which folder."""
    try:
        words = json.loads((here / "about.json").read_text("utf-8"))
        folder = place_of(words.pop("folder"))
        if words["format"] > FORMAT:
            raise VitvizError(
                f"{place} is an index of format {words['format']}, newer than this vitviz knows "
                f"({FORMAT}); update vitviz"
            )
        words["asked"] = tuple(_pair(each) for each in words["asked"])
        words["read"] = tuple(_pair(each) for each in words.get("read", ()))
        words["patch"], words["prefix"] = tuple(words["patch"]), tuple(words["prefix"])
        return IndexAbout(**words), folder
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VitvizError(
            f"{place} is no index; make one with: vitviz index FOLDER --layer L -o {place}"
        ) from error


def _pair(each: Sequence[Any]) -> tuple[str, Any]:
    name, value = each
    return str(name), tuple(value) if isinstance(value, list) else value


def _entries(file: Path) -> tuple[dict[str, IndexEntry], int]:
    """The pictures by name, the last line of each counting; and how many have vectors of their own."""
    found: dict[str, IndexEntry] = {}
    rows = 0
    for number, line in enumerate(_whole_lines(file), start=1):
        told = _told(line)
        if told is None:
            raise VitvizError(
                f"line {number} of {file} is damaged; run vitviz index again, which reads its picture "
                "anew"
            )
        if isinstance(told, str):
            found.pop(told, None)
            continue
        rows = max(rows, told.vectors + 1)
        found[told.name] = told
    return found, rows


def _told(line: str) -> IndexEntry | str | None:
    """The picture of a line, the name of one that is gone, None for a line that is damaged."""
    try:
        words = json.loads(line)
        if "gone" in words:
            return str(words["gone"])
        original, model, scale, offset, turn = words["crop"]
        crop = Crop(tuple(original), tuple(model), tuple(scale), tuple(offset), turn)
        row = operator.index(words["vectors"])
        return IndexEntry(words["name"], words["key"], tuple(words["state"]), crop, row)
    except (ValueError, KeyError, TypeError):
        return None


def _whole_lines(file: Path) -> Iterator[str]:
    if file.is_file():
        with file.open(encoding="utf-8", errors="surrogateescape") as lines:
            yield from (line for line in lines if line.endswith("\n"))


def _mapped(file: Path, kind: type, shape: tuple[int, ...]) -> Any:
    """Numbers on the disk, read where they are looked at; writing changes no file."""
    count = file.stat().st_size // (np.dtype(kind).itemsize * int(np.prod(shape)))
    if not count:
        return np.empty((0, *shape), kind)
    return np.memmap(file, np.dtype(kind).newbyteorder("<"), "c", shape=(count, *shape))


@dataclass(slots=True)
class IndexWriter:
    """Adds pictures to an index: their vectors first, then the lines that count them."""

    place: Path
    about: IndexAbout
    entries: dict[str, IndexEntry] = field(default_factory=dict)
    rows: int = 0
    _by_key: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        name: str,
        key: str,
        state: tuple[int, ...],
        crop: Crop,
        vectors: Float32[np.ndarray, "token dim"],
    ) -> None:
        """One picture. Pixels that are there already get no second vectors."""
        at = self._by_key.get(key)
        if at is None:
            at = self.rows
            kept, lengths = directions_of(vectors, self.about)
            _append(self.place / "vectors.f16", kept.astype("<f2").tobytes())
            _append(self.place / "lengths.f32", lengths.astype("<f4").tobytes())
            self.rows, self._by_key[key] = at + 1, at
        seen = [crop.original, crop.model, crop.scale, crop.offset, crop.orientation]
        line = {"name": name, "key": key, "state": state, "crop": seen, "vectors": at}
        self._line(line)
        self.entries[name] = IndexEntry(name, key, state, crop, at)

    def gone(self, name: str) -> None:
        """A picture that the folder no longer has."""
        self._line({"gone": name})
        del self.entries[name]

    def _line(self, words: dict[str, Any]) -> None:
        _append(self.place / "pictures.jsonl", (json.dumps(words) + "\n").encode("utf-8"))


def directions_of(
    vectors: Float32[np.ndarray, "token dim"], about: IndexAbout
) -> tuple[Float16[np.ndarray, "token dim"], Float32[np.ndarray, "token"]]:
    """Vectors as an index keeps them, and their lengths."""
    lengths = np.linalg.norm(vectors, axis=-1)
    if about.by_length:
        return vectors.astype(np.float16), lengths
    return (vectors / np.maximum(lengths, 1e-12)[:, None]).astype(np.float16), lengths


@contextmanager
def index_writer(
    place: Path, about: IndexAbout, folder: Path, *, overwrite: bool
) -> Iterator[IndexWriter]:
    """An index to add to: a new one, or one of the same kind that is gone on with.

    What a stopped run left half-written is cut off. VitvizError for an index of something else, a
    second run, or a place that cannot be written.
    """
    with _locked(place):
        here = index_here(place)
        if overwrite:
            for name in INDEX_FILES:
                (here / name).unlink(missing_ok=True)
        if (here / "about.json").is_file():
            _check_same(here, place, about)
        else:
            words = json.dumps(asdict(about) | {"folder": str(folder.resolve())}, indent=1)
            (here / "about.json").write_text(words, "utf-8")
        writer = _healed(here, about)
        try:
            yield writer
        finally:
            put_index(here, place, anew=overwrite)


def _check_same(here: Path, place: Path, about: IndexAbout) -> None:
    before, _ = _about(here, place)
    if before != about:
        old, new = asdict(before), asdict(about)
        names = ", ".join(name for name in new if old[name] != new[name])
        raise VitvizError(
            f"{place} is an index of the {before.words}, and this is of the {about.words} ({names} "
            "differs); name another folder, or --overwrite"
        )


def _healed(place: Path, about: IndexAbout) -> IndexWriter:
    """A writer behind what is whole: a picture counts when its vectors and its line are."""
    lines = list(_whole_lines(place / "pictures.jsonl"))
    tokens = about.grid.tokens
    sizes = {"vectors.f16": 2 * tokens * about.dim, "lengths.f32": 4 * tokens}
    there = min(
        (place / name).stat().st_size // size if (place / name).is_file() else 0
        for name, size in sizes.items()
    )
    told = [(line, _told(line)) for line in lines]
    whole = [
        line
        for line, entry in told
        if isinstance(entry, str) or (entry is not None and entry.vectors < there)
    ]
    (place / "pictures.jsonl").write_text("".join(whole), "utf-8", errors="surrogateescape")
    entries, rows = _entries(place / "pictures.jsonl")
    for name, size in sizes.items():
        with (place / name).open("ab") as file:
            file.truncate(rows * size)
    keys = {each.key: each.vectors for each in entries.values()}
    return IndexWriter(place, about, entries, rows, keys)


def _append(file: Path, data: bytes) -> None:
    with file.open("ab") as opened:
        _written(opened, data)


def _written(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.flush()


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """One run at a time; what cannot be written is said."""
    lock = lock_of(place / "lock")
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise VitvizError(
            f"another run is adding to {place}; wait for it, or name another folder"
        ) from None
    except OSError as error:
        raise VitvizError(
            f"{place} cannot be written ({error.strerror or error}); choose another folder"
        ) from error
    try:
        yield
    except OSError as error:
        raise VitvizError(
            f"{place} cannot be written any further ({error.strerror or error}); what is whole stays, "
            "and the same command goes on from there"
        ) from error
    finally:
        lock.release()
