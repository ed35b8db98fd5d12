"""The model hub: whether it can be asked at all, said at once instead of after a minute of retries."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

import timm
from huggingface_hub import constants, try_to_load_from_cache

from vitviz.core.progress import BadModel

_FILES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors")
_SILENT = {"LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectionError", "ConnectError"}


def check_reach(name: str, instead: str) -> None:
    """BadModel where the weights are not on disk and the hub cannot be found; `instead` ends it."""
    config = None if name.startswith("hf-hub:") else timm.models.get_pretrained_cfg(name)
    if config is not None and not config.hf_hub_id:
        return  # its weights come from elsewhere
    if _cached(name) or getproxies():
        return
    host = urlsplit(constants.ENDPOINT).hostname or ""
    try:
        if constants.HF_HUB_OFFLINE:
            raise OSError
        socket.getaddrinfo(host, 443)
    except OSError:
        raise BadModel(no_connection(name, instead)) from None


def no_connection(name: str, instead: str) -> str:
    """The sentence for a hub that does not answer."""
    return (
        f"the weights of {name} are not on this computer and the model hub cannot be reached; "
        f"{instead}, and {name} itself with random weights"
    )


def is_silence(error: BaseException) -> bool:
    """Whether an error means that nobody answered."""
    return type(error).__name__ in _SILENT


def _cached(name: str) -> bool:
    config = None if name.startswith("hf-hub:") else timm.models.get_pretrained_cfg(name)
    repository = name.removeprefix("hf-hub:") if config is None else config.hf_hub_id
    if not repository:
        return False
    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in _FILES)
