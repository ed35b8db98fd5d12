"""A picture dragged from a web page that came as an address only: fetched, with a limit and a stop."""

from __future__ import annotations

import ssl
from http.client import HTTPException
from pathlib import PurePosixPath
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request

from vitviz.core.language import _
from vitviz.core.progress import BadImage, Progress
from vitviz.core.version import __version__
from vitviz.session.pictures.web_connection import CONNECTING, patient_opener

LIMIT = 100 * 2**20
"""Most bytes to fetch; no photograph is larger."""
_PATIENCE = 20.0  # seconds without an answer
_CHUNK = 2**16


def file_name(address: str) -> str:
    """What to call the picture behind an address."""
    parts = urlsplit(address)
    return unquote(PurePosixPath(parts.path).name) or parts.netloc


def trusted() -> ssl.SSLContext:
    """Believes whom this system believes, wherever it keeps its certificates.

    Python alone looks where the computer that built it had them: a shipped one may find none.
    """
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def fetch(address: str, progress: Progress) -> bytes:
    """The bytes behind an http or https address.

    BadImage when it cannot be reached or is over the limit; Cancelled when somebody stops it.
    """
    name, held = file_name(address), bytearray()
    request = Request(address, headers={"User-Agent": f"vitviz/{__version__}", "Accept": "image/*"})
    try:
        progress(0, 0, _("fetching {name}").format(name=name))
        opener = patient_opener(progress, _PATIENCE, trusted())
        with opener.open(request, timeout=CONNECTING) as answer:
            length = answer.headers.get("Content-Length") or ""
            total = int(length) if length.isdecimal() else 0
            while chunk := answer.read(_CHUNK):
                held += chunk
                progress(len(held), total, _("fetching {name}").format(name=name))
                if max(len(held), total) > LIMIT:
                    raise BadImage(
                        _(
                            "{name}: over {limit} MB, more than a picture should have; "
                            "save the file and open it from there"
                        ).format(name=name, limit=LIMIT // 2**20)
                    )
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise BadImage(
            _(
                "{name}: could not be fetched from {netloc} ({reason}); save the picture "
                "from the page and drop the file"
            ).format(name=name, netloc=urlsplit(address).netloc, reason=reason)
        ) from error
    return bytes(held)
