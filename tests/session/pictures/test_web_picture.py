"""Pictures by their web address, from a small server on this machine."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitviz.core.progress import BadImage, Cancelled, silent
from vitviz.session.pictures.picture_list import is_address
from vitviz.session.pictures.web_picture import fetch, file_name, trusted
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs, Jobs


class Answers(BaseHTTPRequestHandler):
    """Serves one PNG; anything else is not there."""

    picture = b""

    def do_GET(self) -> None:
        if not self.path.endswith(".png"):
            self.send_error(404, "no such picture")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.picture)))
        self.end_headers()
        self.wfile.write(self.picture)

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def address(photo: np.ndarray) -> Iterator[str]:
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "PNG")
    Answers.picture = stream.getvalue()
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_names_and_addresses() -> None:
    assert is_address("https://example.org/a%20cat.jpg?size=2")
    assert file_name("https://example.org/a%20cat.jpg?size=2") == "a cat.jpg"
    assert not is_address("/home/cat.jpg")
    assert not is_address("C:\\cat.jpg")


def test_a_picture_by_its_address_is_opened(address: str, photo: np.ndarray) -> None:
    session = Session(InlineJobs(), save=lambda _settings: "")
    session.open([f"{address}/some/cat.png"])
    assert [picture.name for picture in session.pictures.open] == ["cat.png"]
    assert np.array_equal(session.pictures.open[0].pixels, photo)


def test_what_is_not_there_is_said(address: str) -> None:
    with pytest.raises(BadImage, match=r"cat\.jpg: could not be fetched from 127"):
        fetch(f"{address}/cat.jpg", silent)


def test_a_fetch_can_be_stopped(address: str) -> None:
    def stop(done: float, total: float, what: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        fetch(f"{address}/cat.png", stop)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes a request and then says nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])
                    held[-1].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome")

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/cat.png"
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()
    thread.join()


def test_a_slow_page_hears_stop(silent_server: str) -> None:
    asked: list[str] = []

    def stop(done: float, total: float, what: str = "") -> None:
        asked.append(what)
        if len(asked) > 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(silent_server, stop)
    assert "waiting for the page" in asked


def test_a_page_that_says_nothing_more_is_given_up(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vitviz.session.pictures.web_picture._PATIENCE", 0.3)
    with pytest.raises(BadImage, match="nothing came for"):
        fetch(silent_server, silent)


def test_slow_pages_hold_up_no_file_and_no_session(silent_server: str, photo: np.ndarray) -> None:
    home: SimpleQueue[Any] = SimpleQueue()
    session = Session(Jobs(home.put), save=lambda _settings: "")
    for _ in range(3):
        session.open([silent_server])
    session.open([photo])
    while not session.pictures.open:
        home.get(timeout=20)()
    assert len([job for job in session.jobs.current if job.lane == "web"]) == 3
    for job in session.jobs.current:
        job.stop()
    session.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others ask the system itself")
def test_certificates_are_found_where_this_system_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shipped Python, whose own places are those of the computer that built it."""
    if not Path("/etc/ssl/certs/ca-certificates.crt").is_file():
        pytest.skip("this system has no certificates")
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "/nowhere")
    assert ssl.create_default_context().get_ca_certs() == []
    found = trusted()
    found.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.org")
    assert found._ctx.get_ca_certs()
    assert found.verify_mode == ssl.CERT_REQUIRED
    assert found.check_hostname
