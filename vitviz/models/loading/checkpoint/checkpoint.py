"""A checkpoint on disk, read once: its tensors by clean names, and all that lies beside them."""

from __future__ import annotations

import hashlib
import pickle
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from torch import Tensor

from vitviz.core.data.weight_files import READ, WeightFormat, weight_format, weights_in
from vitviz.core.files import expanded
from vitviz.core.pictures.unreadable import locked, not_found
from vitviz.core.progress import BadModel, Progress, silent
from vitviz.models.loading.checkpoint.adapters import merged_adapters
from vitviz.models.loading.checkpoint.encoders import (
    ChosenEncoder,
    FoundEncoder,
    choose_encoder,
    listed_encoders,
)
from vitviz.models.loading.checkpoint.foreign_formats import foreign_sentence
from vitviz.models.loading.checkpoint.json_file import read_mapping
from vitviz.models.loading.checkpoint.named_tensors import (
    NamedTensors,
    check_tensors,
    named_tensors,
)
from vitviz.models.loading.checkpoint.npz_file import read_npz_arrays
from vitviz.models.loading.checkpoint.open_clip_config import open_clips, open_clips_tower
from vitviz.models.loading.checkpoint.quantised import dequantised
from vitviz.models.loading.checkpoint.safetensors_file import (
    read_safetensors,
    safetensors_metadata,
    shards_of,
)
from vitviz.models.loading.checkpoint.torch_file import read_torch_file

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a file or folder of weights holds.

    `path` is what was opened, `files` what the tensors were read from, `title` what to call it: a
    folder's name, else the file's. `state` has the tensors of one encoder and of what belongs to it
    (heads, decoders) without what stood before their names, quantisation undone and adapters merged;
    the names are still those of its own library. `prefix` stood before them ("module.backbone.");
    `encoders` are all that could have been taken, `notes` sentences on what was done.
    `beside` is what the file holds beside its tensors (args, hyper_parameters, epoch) as plain values;
    `config` and `preprocessor` are config.json and preprocessor_config.json of the same folder, {}
    where they are not there. `whole_module` is the class of a network that was pickled whole.
    """

    path: Path
    files: tuple[Path, ...]
    title: str
    container: WeightFormat
    state: State
    prefix: str = ""
    encoders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    beside: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    preprocessor: Mapping[str, Any] = field(default_factory=dict)
    whole_module: str = ""

    @property
    def file(self) -> Path:
        """The file beside which cards and class names lie."""
        return self.files[0]

    @property
    def transformers_version(self) -> str:
        """Which transformers wrote config.json; "" where none says so."""
        said = self.config.get("transformers_version")
        return said if isinstance(said, str) else ""

    def hashed(self, progress: Progress = silent) -> str:
        """The SHA-256 (hex) of the file; of several, of their hashes in order."""
        hashes = [file_hash(file, progress) for file in self.files]
        return (
            hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
        )


def read_checkpoint(
    path: str | Path, *, encoder: str | None = None, progress: Progress = silent
) -> Checkpoint:
    """Reads a file of weights, one of its shards, its index, or a folder of save_pretrained.

    What it is, is told by its content, whatever it is called. `encoder` chooses one where a file has
    several ("student"). The last one read is kept until `forget_checkpoint`, so that looking at a file
    and opening it read it once. `progress` hears of tensors and may raise Cancelled.

    BadModel with one sentence for what is missing, damaged, of another program, or needs to be
    unpickled; nothing in a file is ever executed.
    """
    path = expanded(path)
    try:
        key = (path.absolute(), encoder, _stamp(path))
        if (kept := _KEPT.get(key)) is not None:
            return kept
        found = _read(path, encoder, progress)
        _KEPT.put(key, found)
    except FileNotFoundError:
        raise BadModel(not_found(path.name, path)) from None
    except PermissionError:
        raise BadModel(locked(path.name)) from None
    except pickle.UnpicklingError as error:
        raise BadModel(
            f"{path.name} holds more than tensors ({_first_line(error)}), and unpickling it could run "
            "any program; where you trust it, save its tensors alone: "
            f"found = torch.load('{path.name}', weights_only=False); torch.save(found['model'], "
            "'tensors.pth'), with .state_dict() behind found['model'] where that is a whole network"
        ) from None
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        MemoryError,
        OverflowError,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:  # whatever a damaged pickle makes torch stumble over: its kinds are not ours to list
        raise BadModel(
            f"{path.name} is damaged, cut short or no checkpoint{_because(error)}; download it again"
        ) from error
    return found


def forget_checkpoint() -> None:
    """Frees the tensors of the checkpoint that was read last."""
    _KEPT.clear()


class _KeptCheckpoint:
    """The checkpoint that was read last: whoever looks at a file usually opens it next."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: object = None
        self._found: Checkpoint | None = None

    def get(self, key: object) -> Checkpoint | None:
        with self._lock:
            return self._found if key == self._key else None

    def put(self, key: object, found: Checkpoint) -> None:
        with self._lock:
            self._key, self._found = key, found

    def clear(self) -> None:
        with self._lock:
            self._key = self._found = None


_KEPT = _KeptCheckpoint()


def _stamp(path: Path) -> tuple[object, ...]:
    """What changes when a file, or what lies beside it, is written anew."""
    folder = path if path.is_dir() else path.parent
    beside = (
        "config.json",
        "preprocessor_config.json",
        "open_clip_config.json",
        "adapter_config.json",
    )
    files = [path, *(folder / name for name in beside)]
    if path.is_dir() and (weights := weights_in(path)) is not None:
        files.append(weights)
    stats = [file.stat() for file in files if file is path or file.is_file()]
    return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in stats)


def _read(path: Path, encoder: str | None, progress: Progress) -> Checkpoint:
    kind = _known_format(path)
    file = weights_in(path) if kind == "folder" else path
    if file is None:
        raise BadModel(f"{path.name} is a folder without a file of weights; open the file itself")
    kind = _known_format(file)
    title = path.absolute().name
    shards = shards_of(file)
    files = (file,) if shards is None else shards.files
    if path.is_file():
        title = _file_title(path, title if shards is None else shards.title)
    found = _tensors(files, kind, progress)
    folder = file.absolute().parent
    config = read_mapping(folder / "config.json") or open_clips_tower(
        read_mapping(folder / "open_clip_config.json")
    )
    settings = {**found.beside, **read_mapping(folder / "adapter_config.json")}
    chosen = choose_encoder(found.tensors, found.groups, path.name, encoder)
    state, notes = _cleaned(chosen.state, files, config, settings, path.name, progress)
    return Checkpoint(
        path,
        files,
        title,
        kind,
        state,
        chosen.encoder.prefix,
        tuple(each.title for each in (chosen.encoder, *chosen.others)),
        (*_chosen_note(chosen), *_whole_note(found), *notes),
        found.beside,
        config,
        _preprocessor(folder),
        found.whole_module,
    )


def _preprocessor(folder: Path) -> Mapping[str, Any]:
    """How pictures are prepared, as transformers or open_clip wrote it beside the weights."""
    found = read_mapping(folder / "preprocessor_config.json")
    return found or open_clips(read_mapping(folder / "open_clip_config.json"))


def _file_title(path: Path, title: str) -> str:
    """A file's name; its folder's where every model of save_pretrained is called so."""
    folder = path.absolute().parent
    is_usual = title.startswith(("model.", "pytorch_model.", "open_clip_", "adapter_model."))
    described = any((folder / name).is_file() for name in ("config.json", "open_clip_config.json"))
    return folder.name if is_usual and described else title


def _known_format(path: Path) -> WeightFormat:
    """What it is. BadModel for what is not opened: named for what it is, with a way out."""
    mode = path.stat().st_mode
    kind = weight_format(path)
    if kind in READ:
        return kind
    if kind is not None:
        raise BadModel(foreign_sentence(kind, path.name))
    if stat.S_ISDIR(mode):
        raise BadModel(f"{path.name} is a folder, not a checkpoint; open the file inside it")
    if not stat.S_ISREG(mode):
        raise BadModel(
            f"{path.name} is a pipe or a device and not a file; copy what it gives to a file"
        )
    raise BadModel(
        f"{path.name} is damaged, cut short or no checkpoint (it begins like no format of weights); "
        "download it again, or open a .safetensors, .pth or .npz file"
    )


def _tensors(files: tuple[Path, ...], kind: WeightFormat, progress: Progress) -> NamedTensors:
    """All tensors of one file or of its shards."""
    found: dict[str, Tensor] = {}
    groups: list[str] = []
    beside: dict[str, Any] = {}
    module = ""
    for index, file in enumerate(files):
        progress(index, len(files) + 1, f"reading {file.name}")
        part = _file_tensors(file, _known_format(file) if len(files) > 1 else kind, progress)
        found |= part.tensors
        groups += [group for group in part.groups if group not in groups]
        beside |= part.beside
        module = module or part.whole_module
    return NamedTensors(found, tuple(groups), beside, module)


def _file_tensors(file: Path, kind: WeightFormat, progress: Progress) -> NamedTensors:
    match kind:
        case "safetensors":
            state = _heard(read_safetensors(file), file, progress)
            beside: dict[str, Any] = dict(safetensors_metadata(file))
            return _plain_tensors(state, beside, file)
        case "npz":
            return _plain_tensors(_heard(read_npz_arrays(file), file, progress), {}, file)
        case "torch" | "torch before 1.6":
            return named_tensors(read_torch_file(file), file.name)
    raise BadModel(foreign_sentence(kind, file.name) or f"{file.name} is no file of weights")


def _plain_tensors(state: State, beside: dict[str, Any], file: Path) -> NamedTensors:
    if not state:
        raise BadModel(f"{file.name} holds no tensors by name; save the model's state_dict in it")
    return NamedTensors(state, ("",), beside)


def _heard(tensors: Iterable[tuple[str, Tensor]], file: Path, progress: Progress) -> State:
    """The tensors of a file, one by one, so that a stop is heard between two."""
    whole, read, state = max(1, file.stat().st_size), 0, {}
    for key, tensor in tensors:
        state[key] = tensor
        read += tensor.numel() * tensor.element_size()
        progress(min(read, whole), whole + 1, f"reading {file.name}")
    return state


def _cleaned(
    found: State,
    files: tuple[Path, ...],
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
    name: str,
    progress: Progress,
) -> tuple[State, tuple[str, ...]]:
    """The tensors checked, read from the file, dequantised, adapters merged; what was done of it."""
    check_tensors(found, sum(file.stat().st_size for file in files), name)
    state: State = {}
    for index, (key, tensor) in enumerate(found.items()):
        progress(index, len(found) + 1, f"reading {name}")
        # A copy: what lies in the file would change, or crash, when the file is written anew.
        state[key] = tensor.detach() if tensor.is_quantized else tensor.detach().clone()
    plain = dequantised(state, config, name)
    merged = merged_adapters(plain.state, settings, name)
    return merged.state, tuple(note for note in (plain.note, merged.note) if note)


def _chosen_note(chosen: ChosenEncoder) -> tuple[str, ...]:
    if not chosen.others:
        return ()
    everyone: tuple[FoundEncoder, ...] = (chosen.encoder, *chosen.others)
    because = f", {chosen.reason}" if chosen.reason else ", the first in the file"
    return (
        f"the file has {len(everyone)} encoders ({listed_encoders(everyone)}); "
        f"{listed_encoders([chosen.encoder])} is shown{because}; encoder= takes another",
    )


def _whole_note(found: NamedTensors) -> tuple[str, ...]:
    if not found.whole_module:
        return ()
    return (
        f"it was saved as a whole network ({found.whole_module[:120]}): its tensors are read, and its "
        "own code is not run",
    )


def file_hash(path: Path, progress: Progress = silent) -> str:
    """The SHA-256 of a file (hex); a stop is heard every few megabytes."""
    whole, done, found = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**23):
            found.update(part)
            done += len(part)
            progress(min(done, whole), whole + 1, f"reading {path.name}")
    return found.hexdigest()


def _because(error: Exception) -> str:
    """The reason that an error gives, in brackets; nothing where it gives none (a bare key is none)."""
    said = "" if isinstance(error, KeyError) else _first_line(error)
    return f" ({said})" if said else ""


def _first_line(error: Exception) -> str:
    said = str(error).strip()
    return said.splitlines()[0][:120] if said else ""
