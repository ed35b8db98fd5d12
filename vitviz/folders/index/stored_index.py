"""An index in a store: a copy on this machine, which is mapped and added to, put there when it grew."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from vitviz.core.files import cache_folder, put, whole
from vitviz.core.storage import StoragePath, file_state

INDEX_FILES = ("vectors.f16", "lengths.f32", "pictures.jsonl", "about.json")
"""In the order in which they are put: a picture's line comes after its vectors."""
_COPIED = "copied.json"


def index_here(place: Path) -> Path:
    """Where the files of an index are on this machine: the folder itself, or the copy of one in a
    store, brought up to date with it.

    OSError where it cannot be copied.
    """
    if not isinstance(place, StoragePath):
        return place
    digest = sha256(str(place).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    copy = cache_folder() / "indexes" / f"{place.name[:40]}-{digest}.copy"
    copy.mkdir(parents=True, exist_ok=True)
    there = _there(place)
    if _known(copy) != there:
        for name in INDEX_FILES:
            (copy / name).unlink(missing_ok=True)
            if there[name]:
                with whole(copy / name) as unfinished:
                    (place / name).get(unfinished)
        _keep(copy, there)
    return copy


def put_index(copy: Path, place: Path, *, anew: bool = False) -> None:
    """Puts the files of a copy that have grown, or all of a new one, where its index is.

    VitvizError where the store takes nothing.
    """
    if not isinstance(place, StoragePath):
        return
    there = _there(place)
    for name in INDEX_FILES:
        here = copy / name
        if here.is_file() and (anew or there[name][:1] != [here.stat().st_size]):
            put(here, place / name)
    _keep(copy, _there(place))


def _there(place: StoragePath) -> dict[str, list[int]]:
    """What the store has of it now."""
    return {name: list(file_state(place / name)) for name in INDEX_FILES}


def _known(copy: Path) -> dict[str, list[int]] | None:
    """What the copy was made from, if it was finished."""
    try:
        found: dict[str, list[int]] = json.loads((copy / _COPIED).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _keep(copy: Path, there: dict[str, list[int]]) -> None:
    with whole(copy / _COPIED) as unfinished:
        unfinished.write_text(json.dumps(there), "utf-8")
