"""Tensors from safetensors: one file, or many shards that an index or their names hold together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from vitviz.core.progress import BadModel
from vitviz.models.loading.checkpoint.json_file import read_json

HEADER_LIMIT = 100 * 2**20
"""Bytes of a header; the format allows no more."""
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<ending>\.[a-z]+)")


@dataclass(frozen=True, slots=True)
class ShardedFiles:
    """The files that are one checkpoint; `title` is what to call them together."""

    files: tuple[Path, ...]
    title: str


def read_safetensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Each tensor by its name, read one at a time. BadModel where the file is damaged or cut."""
    _check_header(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            for key in file.keys():  # noqa: SIM118  (no mapping: it has keys and nothing else of one)
                yield key, file.get_tensor(key)
    except SafetensorError as error:
        # A header that was read: the file ends before the last tensor that it names.
        cut = "incomplete" in str(error).lower()
        what = "is cut short" if cut else f"is no safetensors file ({_plain(error)})"
        raise BadModel(f"{path.name} {what}; download it again or open another file") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise BadModel(
            f"{path.name} holds numbers of a kind that torch does not have ({_plain(error)}); save its "
            "tensors as fp32, fp16 or bf16"
        ) from error


def safetensors_metadata(path: Path) -> dict[str, str]:
    """The texts that stand in a file's header ("format": "pt", a title); {} where there are none."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            found = file.metadata()
    except SafetensorError:
        return {}
    return dict(found or {})


def shards_of(path: Path) -> ShardedFiles | None:
    """All shards, where the path is an index or one of them; None for a file that is whole.

    BadModel naming the first that is missing.
    """
    if path.name.endswith(".index.json"):
        return _of_index(path)
    match = _SHARD.fullmatch(path.name)
    if match is None:
        return None
    count = int(match["count"])
    if not 1 <= int(match["number"]) <= count <= 2000:
        return None
    names = [
        f"{match['stem']}-{number:05}-of-{count:05}{match['ending']}"
        for number in range(1, count + 1)
    ]
    return ShardedFiles(_present(path, names), match["stem"] + match["ending"])


def _of_index(path: Path) -> ShardedFiles:
    found = read_json(path)
    names = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise BadModel(f"{path.name} is no index of shards: it has no weight_map; open the weights")
    outside = next((name for name in names.values() if Path(name).name != name), None)
    if outside is not None:
        raise BadModel(
            f"{path.name} names a file in another folder ({outside[:80]}); it is not opened"
        )
    files = _present(path, list(dict.fromkeys(names.values())))
    return ShardedFiles(files, path.name.removesuffix(".index.json"))


def _present(path: Path, names: list[str]) -> tuple[Path, ...]:
    missing = [name for name in names if not path.with_name(name).is_file()]
    if missing:
        raise BadModel(
            f"{path.name} is one of {len(names)} files that belong together, and {missing[0]} is not "
            f"beside it ({len(missing)} missing); put them into one folder"
        )
    return tuple(path.with_name(name) for name in names)


def _check_header(path: Path) -> None:
    """BadModel where the header is longer than the file: nothing of such a length is ever built."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, HEADER_LIMIT):
            raise BadModel(
                f"{path.name} is cut short: its header has {length:,} bytes and the file {size:,}; "
                "download it again or open another file"
            )
        try:
            json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise BadModel(
                f"{path.name} is no safetensors file (its header cannot be read); download it again "
                "or open another file"
            ) from error


def _plain(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
