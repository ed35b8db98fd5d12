"""Pictures by their web address, from a small server on this machine."""

from __future__ import annotations

import io
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitviz.core.progress import BadImage, Cancelled, silent
from vitviz.session.pictures.web_picture import fetch, file_name, is_address, trusted
from vitviz.session.session import Session
from vitviz.session.work.jobs import InlineJobs


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
