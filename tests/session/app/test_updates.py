"""A newer version is looked for only on request, at the one address that the build has written."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vitviz import __version__
from vitviz.core.progress import VitvizError
from vitviz.session.app import updates


class Host(BaseHTTPRequestHandler):
    """A code host that announces whatever it is told to."""

    says = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(type(self).says)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Host]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("VITVIZ_RELEASES", f"http://127.0.0.1:{server.server_port}/latest")
    yield Host
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_newer_version_is_named_with_its_place(host: type[Host]) -> None:
    page = "https://example.org/vitviz/99"
    host.says = json.dumps({"tag_name": "v99.0.1", "html_url": page, "more": 1}).encode()
    said = updates.look()
    assert "vitviz 99.0.1 is out" in said
    assert __version__ in said
    assert page in said
    host.says = json.dumps({"tag_name": f"v{__version__}"}).encode()
    assert "the newest" in updates.look()


def test_an_answer_that_is_none(host: type[Host]) -> None:
    host.says = b"<html>down for maintenance</html>"
    with pytest.raises(VitvizError, match="did not name the newest version"):
        updates.look()


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITVIZ_RELEASES", "http://127.0.0.1:9/latest")
    with pytest.raises(VitvizError, match="could not be asked"):
        updates.look()


def test_an_installation_that_is_no_release_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("", "file:///etc/passwd"):
        monkeypatch.setenv("VITVIZ_RELEASES", place)
        assert "not installed from a release" in updates.look()


def test_versions_compare_as_numbers() -> None:
    assert updates.numbers("v0.10.0") > updates.numbers("0.9.3")
    assert updates.numbers("0.1.0+cpu") == updates.numbers("0.1.0")
