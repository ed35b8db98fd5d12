"""Whether there is a newer vitviz: asked only when the user asks, and of one address only."""

from __future__ import annotations

import os
import re
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec

from vitviz.core.language import _
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.core.resources import resource
from vitviz.core.version import __version__
from vitviz.session.pictures.picture_list import is_address
from vitviz.session.pictures.web_picture import trusted

_PATIENCE = 10.0  # seconds without an answer
_LIMIT = 2**20


class NewerRelease(msgspec.Struct, frozen=True):
    """What a code host's `releases/latest` says: GitHub, Gitea and Forgejo say it alike."""

    tag_name: str
    html_url: str = ""


def address() -> str:
    """Where newer versions are announced: written into the installation by its build, "" if not."""
    chosen = os.environ.get("VITVIZ_RELEASES")
    file = resource("releases.txt")
    if chosen is not None or not file.is_file():
        return chosen or ""
    return file.read_text(encoding="utf-8").strip()


def look(progress: Progress = silent) -> str:
    """One sentence: whether there is a newer version, and where. VitvizError when nobody answers."""
    place = address()
    if not is_address(place):
        return _(
            "This is vitviz {version}; it was not installed from a release, so it "
            "does not know where newer versions are announced."
        ).format(version=__version__)
    release = _latest(place)
    progress(1, 1, _("looking for a newer version"))
    if numbers(release.tag_name) <= numbers(__version__):
        return _("This is vitviz {version}, the newest.").format(version=__version__)
    found = (
        _(" It is at {html_url}").format(html_url=release.html_url)
        if is_address(release.html_url)
        else ""
    )
    return _("vitviz {removeprefix} is out; this is {version}.{found}").format(
        removeprefix=release.tag_name.removeprefix("v"), version=__version__, found=found
    )


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that compare: 0.10 is newer than 0.9."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def _latest(place: str) -> NewerRelease:
    host = urlsplit(place).netloc
    request = Request(place, headers={"User-Agent": "vitviz", "Accept": "application/json"})
    try:
        with urlopen(request, timeout=_PATIENCE, context=trusted()) as answer:
            return msgspec.json.decode(answer.read(_LIMIT), type=NewerRelease)
    except msgspec.MsgspecError as error:
        raise VitvizError(
            _("{host} did not name the newest version ({error}); try later").format(
                host=host, error=error
            )
        ) from error
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise VitvizError(
            _("{host} could not be asked ({reason}); try again when online").format(
                host=host, reason=reason
            )
        ) from error
