"""Where models can run: CPU, CUDA, MPS, and which precisions each likes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vitviz.core.progress import VitvizError

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_WORDS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "half": "fp16"}


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device to run on: `name` for `load`, `title` for people, its memory (0: shared or unknown)."""

    name: str
    title: str
    precisions: tuple[str, ...]
    memory_bytes: int = 0


def devices() -> tuple[DeviceInfo, ...]:
    """All devices of this computer, the one that "auto" takes first."""
    found: list[DeviceInfo] = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        bf16 = ("bf16",) if properties.major >= 8 or torch.version.hip else ()
        found.append(
            DeviceInfo(
                f"cuda:{index}", properties.name, ("fp32", *bf16, "fp16"), properties.total_memory
            )
        )
    if torch.backends.mps.is_available():
        found.append(DeviceInfo("mps", "Apple GPU", ("fp32", "fp16")))
    return (*found, DeviceInfo("cpu", "CPU", ("fp32", "bf16")))


def chosen_device(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA, else MPS, else CPU. VitvizError when it is not there."""
    known = devices()
    wanted = {"auto": known[0].name, "cuda": "cuda:0"}.get(name, name)
    if wanted not in {device.name for device in known}:
        listed = ", ".join(device.name for device in known)
        raise VitvizError(f"there is no device {name!r} on this computer; there are: {listed}")
    return torch.device(wanted)


def chosen_precision(name: str, device: torch.device) -> torch.dtype:
    """The number type of that name; "auto" is fp32. VitvizError when the device does not like it."""
    word = "fp32" if name == "auto" else _WORDS.get(name, name)
    likes = next(
        (known.precisions for known in devices() if known.name == str(device)), tuple(_DTYPES)
    )
    if word not in likes:
        raise VitvizError(
            f"precision {name!r} is not offered on {device}; it may be {', '.join(likes)}"
        )
    return _DTYPES[word]


def precision_name(dtype: torch.dtype) -> str:
    """One of "fp32", "bf16" and "fp16"."""
    return next((word for word, each in _DTYPES.items() if each == dtype), str(dtype))
