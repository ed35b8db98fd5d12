"""What torch.save wrote, read without executing anything: tensors, and plain values beside them."""

from __future__ import annotations

import argparse
import builtins
import io
import pathlib
import pickle
import pickletools
import re
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Literal

import numpy as np
import torch
from torch.serialization import safe_globals

from vitviz.core.progress import BadModel

PICKLE_LIMIT = 64 * 2**20
"""Bytes of names and plain values; checkpoints with a million parameter names have less."""

_RUNS = frozenset(
    {
        "os",
        "posix",
        "nt",
        "sys",
        "subprocess",
        "importlib",
        "runpy",
        "socket",
        "shutil",
        "ctypes",
        "pickle",
        "cPickle",
        "_pickle",
        "marshal",
        "code",
        "codeop",
        "pty",
        "webbrowser",
        "commands",
        "multiprocessing",
        "urllib",
        "http",
        "ftplib",
        "smtplib",
        "imp",
        "pip",
        "asyncio",
        "timeit",
        "pdb",
        "bdb",
        "profile",
        "cProfile",
        "pydoc",
        "requests",
        "operator",
        "zipimport",
        "pkgutil",
        "atexit",
    }
)
"""Modules that weights have no business with: a file that names one was made to run something."""


_QUANTISERS = ("torchao.", "optimum.quanto.", "quanto.", "bitsandbytes.", "hqq.", "brevitas.")
"""Libraries whose tensors are classes of their own; without those they are nothing."""
_NO_PLAIN_TENSORS = ("torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_nested_tensor")


class UnreadObject:
    """Stands for an object of a class that is not opened: it keeps its values and does nothing."""

    class_name = ""

    def __init__(self, *arguments: object) -> None:
        """Takes whatever the file would build its object with, and runs nothing of it."""
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        """Keeps the values that the file holds for the object."""
        self.state = state


class _UnreadMapping:
    """The same for a class that is filled like a dict: the unpickler fills true dicts alone."""

    def __new__(cls, *arguments: object) -> Any:
        return OrderedDict()


class _UnreadList(list[object]):
    """The same for a class that is filled like a list."""

    def __init__(self, *arguments: object) -> None:
        super().__init__()

    def __setstate__(self, state: object) -> None:
        pass


_ALONE = Lock()
"""What torch may make is one list for all threads: who leaves first would take the other's away."""
StandInKind = Literal["object", "dict", "list"]
_FILLED = re.compile(r"Can only (?P<how>SETITEMS?|append|extend).*Unread_(?P<number>\d+)")


def read_torch_file(path: Path) -> object:
    """The object in a file of torch.save, its tensors still lying in the file (memory-mapped).

    Classes that are none of torch's become `UnreadObject`; BadModel where the file is damaged, has a
    pickle that torch does not write, or names something that could run a program.
    """
    is_zip = zipfile.is_zipfile(path)
    names = set(_zip_globals(path) if is_zip else _legacy_globals(path))
    _refuse_programs(names, path.name)
    if any(name in names for name in _NO_PLAIN_TENSORS):
        raise BadModel(
            f"{path.name} holds sparse or nested tensors; save them dense, with .to_dense()"
        )
    if foreign := next((name for name in sorted(names) if name.startswith(_QUANTISERS)), ""):
        raise BadModel(
            f"{path.name} holds tensors of {foreign.partition('.')[0]} ({foreign[:80]}); save it "
            "dequantised, or as safetensors with its scales"
        )
    plain: StandInKind = "object"
    unknown = dict.fromkeys(sorted(names - _known_names()), plain)
    for _ in range(len(unknown) + 1):
        try:
            return _loaded(path, is_zip, _stand_ins(unknown))
        except pickle.UnpicklingError as error:
            # A class that is filled like a dict or a list is only known when it is.
            if not _learned(unknown, str(error)):
                raise
    raise BadModel(f"{path.name} is damaged (its pickle fills what cannot be filled)")


def _learned(unknown: dict[str, StandInKind], said: str) -> bool:
    """Whether an error tells how a class is filled that was taken for a plain object."""
    match = _FILLED.search(said)
    if match is None:
        return False
    name = list(unknown)[int(match["number"])]
    kind: StandInKind = "dict" if match["how"].startswith("SETITEM") else "list"
    if unknown[name] != "object":
        return False
    unknown[name] = kind
    return True


def _loaded(path: Path, is_zip: bool, stand_ins: list[tuple[Any, str]]) -> object:
    with _ALONE, safe_globals([*_plain_classes(), *stand_ins]):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)


def _plain_classes() -> list[Any]:
    """What training programs keep beside the weights: settings, numbers, paths."""
    dtypes = [getattr(np.dtypes, name) for name in np.dtypes.__all__]
    scalar, rebuild = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    return [
        argparse.Namespace,
        types.SimpleNamespace,
        np.dtype,
        np.ndarray,
        *dtypes,
        (scalar, "numpy._core.multiarray.scalar"),
        (scalar, "numpy.core.multiarray.scalar"),
        (rebuild, "numpy._core.multiarray._reconstruct"),
        (rebuild, "numpy.core.multiarray._reconstruct"),
        # Pure ones: a Windows path cannot be made elsewhere, and no path is followed.
        (pathlib.PurePosixPath, "pathlib.PosixPath"),
        (pathlib.PurePosixPath, "pathlib.PurePosixPath"),
        (pathlib.PurePosixPath, "pathlib._local.PosixPath"),
        (pathlib.PureWindowsPath, "pathlib.WindowsPath"),
        (pathlib.PureWindowsPath, "pathlib.PureWindowsPath"),
        (pathlib.PureWindowsPath, "pathlib._local.WindowsPath"),
        (_defaultdict, "collections.defaultdict"),
    ]


def _defaultdict(*arguments: object) -> OrderedDict[object, object]:
    return OrderedDict()


def _known_names() -> set[str]:
    """What needs no stand-in. Torch's own classes get one in vain: its list is asked first."""
    return {
        each[1] if isinstance(each, tuple) else f"{each.__module__}.{each.__qualname__}"
        for each in _plain_classes()
    }


def _stand_ins(names: Mapping[str, StandInKind]) -> list[tuple[Any, str]]:
    """A class of its own for each unknown one, numbered so that an error can tell which it was."""
    bases: dict[StandInKind, type] = {
        "object": UnreadObject,
        "dict": _UnreadMapping,
        "list": _UnreadList,
    }
    return [
        (type(f"Unread_{number}", (bases[kind],), {"class_name": name}), name)
        for number, (name, kind) in enumerate(names.items())
    ]


def _zip_globals(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        packed = next((each for each in entries if each.compress_type != zipfile.ZIP_STORED), None)
        if packed is not None:
            raise BadModel(
                f"{path.name} was compressed by another program than torch ({packed.filename}); unpack "
                "it and save its tensors again with torch.save"
            )
        pickled = next(each for each in entries if each.filename.split("/", 1)[-1] == "data.pkl")
        _check_length(pickled.file_size, path.name)
        content = archive.read(pickled)
    return _globals(io.BytesIO(content), path.name)


def _legacy_globals(path: Path) -> Iterator[str]:
    """The names in a file from before torch 1.6: five pickles in a row, then the numbers."""
    with path.open("rb") as file:
        for _ in range(5):
            yield from _globals(file, path.name)
            _check_length(file.tell(), path.name)


def _check_length(length: int, name: str) -> None:
    if length > PICKLE_LIMIT:
        raise BadModel(
            f"{name} holds {length / 2**20:.0f} MB of something else than tensors; save the model's "
            "state_dict alone"
        )


def _globals(file: BinaryIO, name: str) -> Iterator[str]:
    """Every class and function that a pickle names; read, never looked up."""
    for operation, argument, _ in pickletools.genops(file):
        match operation.name:
            case "PROTO" if argument != 2:
                raise BadModel(
                    f"{name} was saved with pickle protocol {argument}, and torch opens 2 without "
                    "running what is in it; save it again with torch.save(state, file)"
                )
            case "GLOBAL":
                yield _modern(str(argument))
            case "INST" | "STACK_GLOBAL" | "EXT1" | "EXT2" | "EXT4":
                raise BadModel(
                    f"{name} holds a pickle as torch.save never writes it ({operation.name}); it is "
                    "not opened, as it could run any program"
                )


def _modern(argument: str) -> str:
    """The "module name" as torch's unpickler looks it up: Python 2's names by today's."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    module, _, name = argument.partition(" ")
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


def _refuse_programs(names: Iterable[str], file: str) -> None:
    """BadModel where a pickle names what weights never need: it was made to run a program."""
    for name in sorted(names):
        module, _, rest = name.partition(".")
        if module in _RUNS or (module == "builtins" and not _is_builtin_type(rest)):
            raise BadModel(
                f"{file} would run {name} when it is unpickled; nothing of it was run, and no other "
                "program should open it"
            )


def _is_builtin_type(name: str) -> bool:
    """Whether it is a plain type (dict, set, object) and no function (eval, exec, getattr)."""
    return isinstance(getattr(builtins, name, None), type)


def whole_module_state(found: UnreadObject) -> dict[str, object] | None:
    """The tensors of a network that was pickled whole, by name; None where it is something else."""
    return None if _parts(found) is None else dict(_module_tensors(found, "", 0))


def _parts(found: object) -> dict[str, Any] | None:
    state = getattr(found, "state", None)
    is_module = isinstance(state, dict) and isinstance(state.get("_modules"), dict)
    return state if is_module else None


def _module_tensors(found: object, before: str, depth: int) -> Iterator[tuple[str, object]]:
    state = _parts(found)
    if state is None or depth > 60:
        return
    left_out = state.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, value in (state.get(kind) or {}).items():
            if value is not None and not (kind == "_buffers" and name in left_out):
                yield f"{before}{name}", value
    for name, inner in state["_modules"].items():
        yield from _module_tensors(inner, f"{before}{name}.", depth + 1)
