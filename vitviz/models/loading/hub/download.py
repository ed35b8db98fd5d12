"""Weights downloaded from the hub: true progress, stopped at once, resumed where they were left."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit
from urllib.request import getproxies

from filelock import FileLock, Timeout
from huggingface_hub import constants, errors, get_hf_file_metadata, hf_hub_url
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    get_session,
    hf_raise_for_status,
)

from vitviz.core.progress import BadModel, Progress
from vitviz.models.loading.hub.hub_files import (
    FILES,
    blobs,
    cached,
    check_address,
    check_name,
    explained,
    is_offline,
    keep,
    megabytes,
    split,
)

CHUNK = 2**17
"""Bytes between two reports of progress: a stop is heard within a second also on a slow line."""
WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds to wait before trying again; counted anew whenever something has arrived."""
SPARE = 50 * 10**6
"""Bytes of the disk to leave free."""

_PART = ".vitviz.incomplete"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub describes it; `size` 0 where it does not say."""

    file: str
    url: str
    etag: str
    size: int
    commit: str = ""

    @property
    def checksum(self) -> str:
        """The SHA-256 (hex) that the hub names; "" for small files, whose tag is another hash."""
        return self.etag if re.fullmatch(r"[0-9a-f]{64}", self.etag) else ""

    @property
    def blob(self) -> str:
        """The file's name in the cache. A tag is a hash by custom only: any other is hashed, since it
        might as well be a way out of the folder.
        """
        known = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", self.etag)
        return self.etag if known else hashlib.sha256(self.etag.encode()).hexdigest()


class _Cut(Exception):
    """The transfer ended early; what has arrived is kept."""


class _Wrong(Exception):
    """Other bytes have arrived than the hub names; they are thrown away."""


def partial(repository: str) -> int:
    """Bytes on this computer of a download that was stopped or broke off."""
    try:
        return max((path.stat().st_size for path in blobs(repository).glob(f"*{_PART}")), default=0)
    except OSError:
        return 0


def discard(repository: str) -> None:
    """Throws away what is here of a download that was not finished."""
    for path in blobs(repository).glob(f"*{_PART}"):
        path.unlink(missing_ok=True)


def fetch(
    repository: str,
    name: str,
    progress: Progress,
    *,
    files: Iterable[str] = FILES,
    allowed: bool = True,
    most: int = 0,
) -> Path:
    """The first of these files in the hub's own cache, downloaded where it is not there.

    `progress` gets bytes; it may raise Cancelled, and the next call goes on where this one stopped.
    `most` bounds the file's bytes, 0 for weights of any size. BadModel with a sentence when there is no
    network, no room, no permission, a wrong checksum, or where it is not `allowed` to ask the hub.
    """
    check_name(repository)
    found = cached(repository, files)
    if found is not None:
        return found
    if is_offline():
        raise BadModel(_no_network(name, "offline mode is on (HF_HUB_OFFLINE)"))
    if not allowed:
        raise BadModel(not_allowed(name))
    check_address(constants.ENDPOINT)
    _check_proxy()
    try:
        with _alone(repository, progress):
            return _with_patience(repository, name, (tuple(files), most), progress)
    except OSError as error:
        if said := explained(error, repository, name):
            raise BadModel(said) from error
        if isinstance(error, _silence()):
            raise BadModel(_no_network(name, "the model hub cannot be reached")) from error
        folder = constants.HF_HUB_CACHE
        raise BadModel(
            f"the weights of {name} cannot be written to {folder} ({error.strerror or error}); "
            "check the folder, or set HF_HOME to another one"
        ) from error
    except _silence() as error:
        raise BadModel(_no_network(name, "the model hub cannot be reached")) from error


def _check_proxy() -> None:
    """BadModel for a proxy that the hub's own network library cannot speak to as it is installed."""
    try:
        get_session()
    except (ImportError, ValueError) as error:
        proxy = urlsplit(next((each for kind, each in getproxies().items() if kind != "no"), ""))
        raise BadModel(
            f"the proxy {proxy.scheme}://{proxy.hostname} cannot be used ({error}); "
            "set HTTPS_PROXY to an http:// one, or install what is named there"
        ) from error


def not_allowed(name: str) -> str:
    """The sentence for weights that a file asks for, and that no person has agreed to fetch."""
    return (
        f"the weights of {name} are not on this computer, and a file that names them fetches "
        "nothing by itself; allow it with --allow-download, or download them in the library"
    )


FileWish = tuple[tuple[str, ...], int]
"""Files of which the first that is there is wanted, and the most bytes it may have (0: any)."""


def _with_patience(repository: str, name: str, files: FileWish, progress: Progress) -> Path:
    """Tries again as long as something arrives, and a few times when nothing does."""
    waits, before, wrong = list(WAITS), partial(repository), ""
    while True:
        try:
            return _once(repository, name, files, progress)
        except _Wrong as error:
            if wrong:
                raise BadModel(
                    f"what came as {name} has {wrong} and was thrown away, twice; try again later "
                    "or from another network"
                ) from error
            wrong = str(error)
            continue
        except errors.HfHubHTTPError as error:
            if error.response.status_code < 500 and error.response.status_code != 429:
                raise
            failure: Exception = error
        except (_Cut, errors.LocalEntryNotFoundError, _silence()) as error:
            failure = error
        here = partial(repository)
        waits, before = (list(WAITS) if here > before else waits), here
        if not waits:
            raise _given_up(failure, repository, name, here) from failure
        _wait(waits.pop(0), here, name, progress)


def _once(repository: str, name: str, files: FileWish, progress: Progress) -> Path:
    progress(0, 0, f"asking the hub for {name}")
    remote = _described(repository, files[0])
    if 0 < files[1] < remote.size:
        raise BadModel(
            f"{remote.file} of {name} has {remote.size:,} bytes, more than the {files[1]:,} that "
            "such a file may have; it is not fetched"
        )
    folder = blobs(repository)
    folder.mkdir(parents=True, exist_ok=True)
    blob, part = folder / remote.blob, folder / f"{remote.blob}{_PART}"
    if not blob.exists():
        _check_room(folder, remote, part, name)
        _transfer(remote, part, name, progress)
        _check(remote, part, name, progress)
        part.replace(blob)
    return keep(repository, remote.file, blob, remote.commit)


def _described(repository: str, files: tuple[str, ...]) -> RemoteFile:
    """The first of the files that the repository has."""
    name, revision = split(repository)
    missing: Exception | None = None
    for file in files:
        url = hf_hub_url(name, file, revision=revision, endpoint=constants.ENDPOINT)
        try:
            found = get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        except errors.EntryNotFoundError as error:
            missing = missing or error
            continue
        if not found.etag or not found.commit_hash:
            raise BadModel(
                f"{urlsplit(url).netloc} does not answer as a model hub does; check HF_ENDPOINT, "
                "the proxy and the firewall"
            )
        address = found.location or url
        check_address(address)
        return RemoteFile(file, address, found.etag, found.size or 0, found.commit_hash)
    assert missing is not None
    raise missing


def _transfer(remote: RemoteFile, part: Path, name: str, progress: Progress) -> None:
    """Appends to the part what is missing of it."""
    here = part.stat().st_size if part.exists() else 0
    if remote.size and here >= remote.size:
        return
    headers = {**_headers(remote.url), "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    with get_session().stream(
        "GET",
        remote.url,
        headers=headers,
        timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        follow_redirects=True,
    ) as answer:
        if answer.status_code == 416:  # the file has become shorter: begin again
            part.unlink()
            raise _Cut
        check_address(str(answer.url))  # where it was sent on to
        hf_raise_for_status(answer)
        resumed = answer.status_code == 206
        total = remote.size or _declared(answer.headers.get("Content-Length"))
        if not total:
            raise BadModel(f"the hub does not say how large {name} is, so it is not fetched")
        with part.open("ab" if resumed else "wb") as file:
            _write(
                answer.iter_bytes(CHUNK), file.write, here if resumed else 0, total, name, progress
            )
    if remote.size and part.stat().st_size < remote.size:
        raise _Cut


def _write(
    chunks: Iterator[bytes],
    write: Callable[[bytes], object],
    here: int,
    total: int,
    name: str,
    progress: Progress,
) -> None:
    """Writes up to the size that was declared: what comes behind it is not the file."""
    began, first = time.monotonic(), here
    progress(here, total, f"downloading {name}")
    for chunk in chunks:
        chunk = chunk[: max(total - here, 0)]
        if not chunk:
            return
        write(chunk)
        here += len(chunk)
        rate = (here - first) / max(time.monotonic() - began, 0.2)
        said = f"{megabytes(here)} of {megabytes(total)}, {megabytes(rate)}/s"
        progress(here, total, f"downloading {name}: {said}")


def _declared(length: str | None) -> int:
    return int(length) if length and length.isdecimal() else 0


def _check(remote: RemoteFile, part: Path, name: str, progress: Progress) -> None:
    """The file must be what the hub says it is; anything else is thrown away."""
    size = part.stat().st_size
    wrong = f"{size:,} bytes instead of {remote.size:,}" if 0 < remote.size != size else ""
    if not wrong and remote.checksum and _hash(part, name, progress) != remote.checksum:
        wrong = "another checksum than the hub names"
    if wrong:
        part.unlink()
        raise _Wrong(wrong)


def _hash(part: Path, name: str, progress: Progress) -> str:
    size, done, digest = part.stat().st_size, 0, hashlib.sha256()
    with part.open("rb") as file:
        while chunk := file.read(2**22):
            digest.update(chunk)
            done += len(chunk)
            progress(done, size, f"checking {name}")
    return digest.hexdigest()


def _check_room(folder: Path, remote: RemoteFile, part: Path, name: str) -> None:
    here = part.stat().st_size if part.exists() else 0
    free, needed = shutil.disk_usage(folder).free, remote.size - here
    if free < needed + SPARE:
        raise BadModel(
            f"{name} needs {megabytes(needed)} and the disk of {constants.HF_HUB_CACHE} has "
            f"{megabytes(free)} free; make room, or set HF_HOME to a folder on another disk"
        )


def _headers(url: str) -> dict[str, str]:
    """With the user's token for the hub itself, without it for the stores it points to."""
    headers: dict[str, str] = build_hf_headers(library_name="vitviz")
    if urlsplit(url).netloc != urlsplit(constants.ENDPOINT).netloc:
        headers.pop("authorization", None)
    return headers


@contextmanager
def _alone(repository: str, progress: Progress) -> Iterator[None]:
    """One download of a repository at a time, also among several windows."""
    folder = Path(constants.HF_HUB_CACHE, ".locks", blobs(repository).parent.name)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "vitviz.lock")
    while True:
        try:
            lock.acquire(timeout=0.1)
            break
        except Timeout:
            progress(0, 0, "waiting for another download of it")
    try:
        yield
    finally:
        lock.release()


def _wait(seconds: float, here: int, name: str, progress: Progress) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        progress(here, 0, f"the line to the hub broke, trying {name} again")
        time.sleep(0.05)


def _given_up(failure: Exception, repository: str, name: str, here: int) -> BadModel:
    kept = f"; {megabytes(here)} are kept, and the next try goes on from there" if here else ""
    if isinstance(failure, errors.HfHubHTTPError):
        return BadModel(explained(failure, repository, name) + kept)
    if not isinstance(failure, _unreached()):
        return BadModel(f"the download of {name} breaks off again and again{kept or '; try later'}")
    return BadModel(_no_network(name, "the model hub cannot be reached") + kept)


def _no_network(name: str, why: str) -> str:
    return f"the weights of {name} are not on this computer and {why}"


def _unreached() -> tuple[type[Exception], ...]:
    """Errors of a hub that was never spoken to; a line that breaks later has others."""
    kinds = ("ConnectError", "ConnectTimeout", "ProxyError")
    network = (getattr(_library(), kind) for kind in kinds)
    return (errors.LocalEntryNotFoundError, *network)


def _silence() -> type[Exception]:
    """The error of the hub's own network library for a line that is dead."""
    kind: type[Exception] = _library().TransportError
    return kind


def _library() -> ModuleType:
    """The network library that the hub's own uses."""
    return sys.modules[type(get_session()).__module__.partition(".")[0]]
