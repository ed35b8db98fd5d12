"""The model hub: what of it is on this computer, and in words what it answers. Never imports torch."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, errors, get_token, try_to_load_from_cache

from vitviz.core.progress import BadModel

FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""Where a repository keeps weights, the best first."""
INDEX = "model.safetensors.index.json"
"""Names the files of weights that are cut into several."""
CONFIGS = ("config.json", "open_clip_config.json")
"""What describes a repository's model: timm's or transformers' words, or open_clip's."""

_MB = 10**6

# The hub's library would tell the hub what else is installed here, and fetch a list to tell more:
# vitviz promises that nothing is sent.
constants.HF_HUB_DISABLE_TELEMETRY = True


def split(repository: str) -> tuple[str, str | None]:
    """The repository's name and the revision behind its @, as timm writes them."""
    name, _, revision = repository.partition("@")
    return name, revision or None


_NAME = re.compile(r"\w[\w.\-]{0,95}(/\w[\w.\-]{0,95})?(@\w[\w.\-/]{0,199})?")
PLAIN_HTTP = "VITVIZ_PLAIN_HTTP"
"""The variable that allows hubs without encryption, for a mirror in a network of one's own."""


def check_name(repository: str) -> None:
    """BadModel for what is no repository's name: it becomes a folder's and an address's part."""
    ways_out = any(two in repository for two in ("..", "//", "--"))
    if not _NAME.fullmatch(repository) or ways_out or split(repository)[0].endswith(("-", ".")):
        raise BadModel(
            f"{repository[:80]!r} is no repository of the hub; those are called owner/name, with a "
            "revision behind an @ where one is wanted"
        )


def check_address(address: str) -> None:
    """BadModel for an address whose answers anybody on the way can change."""
    parts = urlsplit(address)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not here and os.environ.get(PLAIN_HTTP) != "1":
        raise BadModel(
            f"{parts.scheme}://{parts.netloc} is not encrypted, so that anybody on the way can change "
            f"what comes; use an https address, or set {PLAIN_HTTP}=1 where you trust the network"
        )


def keep(repository: str, file: str, blob: Path, commit: str) -> Path:
    """Enters a file into the cache's books, as the hub's own library does, under names made here.

    A commit that is no hash is hashed: what the hub says becomes no folder's name.
    """
    revision = split(repository)[1]
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        commit = hashlib.sha1(commit.encode()).hexdigest()
    top = blob.parent.parent
    target = top / "snapshots" / commit / file
    target.parent.mkdir(parents=True, exist_ok=True)
    if revision != commit:
        reference = top / "refs" / (revision or "main")
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit, encoding="ascii")
    if not target.exists():
        with suppress(FileNotFoundError):
            target.unlink()  # a link that leads nowhere
        try:
            target.symlink_to(os.path.relpath(blob, target.parent))
        except OSError:  # a system or a disk without links
            shutil.copy2(blob, target)
    return target


def cached(repository: str, files: Iterable[str] = FILES) -> Path | None:
    """The repository's weights on this computer; None where they have not been downloaded."""
    name, revision = split(repository)
    for file in files:
        # The folder is named each time: HF_HOME may have been set after the library was imported.
        found = try_to_load_from_cache(
            name, file, cache_dir=constants.HF_HUB_CACHE, revision=revision
        )
        if isinstance(found, str) and Path(found).is_file():
            return Path(found)
    return None


def blobs(repository: str) -> Path:
    """Where the cache keeps a repository's files, by checksum."""
    name, _ = split(repository)
    return Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}", "blobs")


def begun(repositories: Iterable[str]) -> list[str]:
    """Those repositories of which the cache has anything at all; one look at its folder."""
    try:
        there = {path.name for path in Path(constants.HF_HUB_CACHE).iterdir()}
    except OSError:
        return []
    return [each for each in repositories if blobs(each).parent.name in there]


def on_disk(repositories: Iterable[str]) -> dict[str, int]:
    """Which repositories' weights are on this computer, with their bytes."""
    files = {each: cached(each) for each in begun(repositories)}
    return {each: file.stat().st_size for each, file in files.items() if file is not None}


def is_offline() -> bool:
    """Whether the user has said that the hub must not be asked."""
    return bool(constants.HF_HUB_OFFLINE)


def is_reachable() -> bool:
    """Whether the hub's address is known to the network; True behind a proxy, which is asked later."""
    address = urlsplit(constants.ENDPOINT)
    if is_offline():
        return False
    if getproxies():
        return True
    try:
        socket.getaddrinfo(address.hostname or "", address.port or 443)
    except OSError:
        return False
    return True


def explained(error: BaseException, repository: str, name: str) -> str:
    """What the hub's answer means, and what to do; "" for an error that is not the hub's answer."""
    page = f"{constants.ENDPOINT}/{split(repository)[0]}"
    match error:
        case errors.GatedRepoError():
            return f"{name} is gated: {_terms(page)}"
        case errors.RemoteEntryNotFoundError():
            return f"{page} holds no weights that timm knows ({', '.join(FILES)})"
        case errors.RepositoryNotFoundError():
            return (
                f"the hub has no {page}, or does not show it without a login; "
                "check the name, or log in with `hf auth login`"
            )
        case errors.HfHubHTTPError():
            return _answered(error.response.status_code, page)
    return ""


def megabytes(size: float) -> str:
    """A size in words, "88 MB"; below one, "430 kB"."""
    if 0 < size < _MB:
        return f"{size / 1000:,.0f} kB"
    return f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{max(size, 0) / _MB:,.0f} MB"


def _terms(page: str) -> str:
    if get_token():
        return (
            f"the account of your token has not been let in; accept its terms on {page} (its makers "
            "may take a while to answer) and try again"
        )
    return (
        f"accept its terms on {page}, then log in with `hf auth login` or set HF_TOKEN, "
        "and try again"
    )


def _answered(status: int, page: str) -> str:
    match status:
        case 401 | 403:
            return (
                f"the hub does not show you {page} (HTTP {status}); log in with `hf auth login`, "
                "or check HF_TOKEN"
            )
        case 404:
            return f"the hub has no {page} (HTTP 404); check the name"
        case 429:
            return "the hub asks to wait, too much was asked (HTTP 429); try again in some minutes"
        case _:
            return f"the hub answers HTTP {status} at the moment; try again later"
