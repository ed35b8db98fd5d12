"""A small model hub on this computer: it answers as the real one does, or as ill as it is told to."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server holds and how it behaves; `asked` counts what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)  # "org/name/file" -> content
    gated: set[str] = field(default_factory=set)
    status: list[int] = field(default_factory=list)  # answers to give first, then good ones
    cut_after: list[int] = field(default_factory=list)  # bytes after which transfers break off
    spoil: int = 0  # transfers whose bytes are wrong
    pause: float = 0.0  # seconds between the pieces of a transfer
    stalls: list[float] = field(default_factory=list)  # seconds that a transfer falls silent
    piece: int = 2**16
    asked: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    address: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # said instead of the true ones
    surplus: int = 0  # bytes that come behind the file


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _answer(self, *, with_body: bool) -> None:
        hub, (repository, file) = self.hub, self._wanted()
        hub.asked[f"{self.command} {file}"] += 1
        hub.tokens.append(self.headers.get("Authorization", ""))
        hub.agents.append(self.headers.get("User-Agent", ""))
        if hub.status:
            return self._refuse(hub.status.pop(0))
        if repository in hub.gated:
            return self._refuse(403, "GatedRepo")
        content = hub.files.get(f"{repository}/{file}")
        if content is None:
            known = any(name.startswith(f"{repository}/") for name in hub.files)
            return self._refuse(404, "EntryNotFound" if known else "RepoNotFound")
        start = self._start(len(content))
        self.send_response(206 if start else 200)
        checksum = hashlib.sha256(content).hexdigest()
        length = len(content) - start + (hub.surplus if with_body else 0)
        true = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{checksum}"',
            "X-Linked-Size": len(content),
            "Content-Length": length,
        }
        self._send(true | hub.headers)
        return self._send_body(content, start) if with_body else None

    def _send_body(self, content: bytes, start: int) -> None:
        hub = self.hub
        if hub.spoil:
            hub.spoil -= 1
            content = bytes(len(content))
        end = start + hub.cut_after.pop(0) if hub.cut_after else len(content)
        for at in range(start, min(end, len(content)), hub.piece):
            try:
                self.wfile.write(content[at : min(at + hub.piece, end)])
                self.wfile.flush()
            except OSError:  # whoever downloads has stopped
                break
            time.sleep(hub.stalls.pop(0) if hub.stalls else hub.pause)
        with suppress(OSError):
            self.wfile.write(bytes(hub.surplus))
        if end < len(content):
            self.close_connection = True

    def _wanted(self) -> tuple[str, str]:
        repository, _, rest = self.path.partition("?")[0].lstrip("/").partition("/resolve/")
        return repository, rest.partition("/")[2]

    def _start(self, size: int) -> int:
        wanted = self.headers.get("Range", "")
        if wanted:
            self.hub.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").partition("-")[0] or 0) if wanted else 0
        return start if start < size else 0

    def _refuse(self, status: int, code: str = "") -> None:
        self.send_response(status)
        self._send({"Content-Length": 0} | ({"X-Error-Code": code} if code else {}))

    def _send(self, headers: dict[str, object]) -> None:
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """The hub at work on a free port of this computer."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def turn_to(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the hub's own library ask this server, with an empty cache and without a token."""
    from huggingface_hub import constants

    for name, value in (
        ("ENDPOINT", hub.address),
        # Made from the endpoint when the library is imported, as HF_ENDPOINT would have had it.
        ("HUGGINGFACE_CO_URL_TEMPLATE", hub.address + "/{repo_id}/resolve/{revision}/{filename}"),
        ("HF_HUB_CACHE", str(cache)),
        ("HF_HUB_OFFLINE", False),
    ):
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
