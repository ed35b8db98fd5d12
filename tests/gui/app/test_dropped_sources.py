"""What browsers and file managers hand over when something is dropped or pasted."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image
from PySide6.QtCore import QByteArray, QMimeData, QUrl

from vitviz.gui.app.dropped_sources import carries_pictures, sources_of


def png(photo: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "PNG")
    return stream.getvalue()


def test_local_files_keep_their_paths_and_order() -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/tmp/b c.png"), QUrl.fromLocalFile("/tmp/ä.jpg")])
    assert carries_pictures(mime)
    assert sources_of(mime) == ["/tmp/b c.png", "/tmp/ä.jpg"]


def test_image_bytes_come_before_an_address(photo: np.ndarray) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/cat.png")])
    mime.setData("image/png", QByteArray(png(photo)))
    assert sources_of(mime) == [("pasted.png", png(photo))]


def test_a_picture_written_into_the_page_itself(photo: np.ndarray) -> None:
    mime = QMimeData()
    coded = base64.b64encode(png(photo)).decode()
    mime.setHtml(f'<img alt="" src="data:image/png;base64,{coded}">')
    assert carries_pictures(mime)
    assert sources_of(mime) == [("picture from a page", png(photo))]


def test_an_address_alone_is_left_to_be_fetched() -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/cat.png"), QUrl("mailto:nobody@example.org")])
    assert sources_of(mime) == ["https://example.org/cat.png"]
    mime.setUrls([QUrl("https://example.org/%C3%84pfel%20rot.jpg")])
    assert sources_of(mime) == ["https://example.org/%C3%84pfel%20rot.jpg"]


def test_words_are_no_pictures() -> None:
    mime = QMimeData()
    mime.setText("only words")
    assert not carries_pictures(mime)
    assert sources_of(mime) == []
