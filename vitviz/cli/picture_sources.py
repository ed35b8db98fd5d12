"""Pictures as a command line names them: files, folders, addresses, standard input; and parts."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cyclopts import Parameter

from vitviz.cli.command_arguments import Misused, meter
from vitviz.core.data.picture_choice import PictureChoice
from vitviz.core.data.trace import Picture
from vitviz.core.pictures.picture_files import open_picture, picture_files
from vitviz.core.progress import BadImage
from vitviz.session.pictures.picture_list import is_address
from vitviz.session.pictures.web_picture import LIMIT, fetch, file_name

STDIN, STDOUT = "/dev/stdin", "/dev/stdout"
"""Standard input as a picture; standard output as a figure's file."""


def with_streams(words: Sequence[str]) -> list[str]:
    """The words of a command line with - said so that the parser sees names and no option.

    Misused for standard output of a command that writes folders, or more than one file.
    """
    streams = {"-o": STDOUT, "--out": STDOUT}
    found = [
        streams.get(last, STDIN) if word == "-" else word
        for last, word in zip(("", *words), words, strict=False)
    ]
    if STDOUT in found and "-" in words and words[0] not in _TO_STDOUT:
        raise Misused(
            f"vitviz {words[0]} writes files: name one with --out; {', '.join(_TO_STDOUT)} write to -"
        )
    return found


_TO_STDOUT = ("draw", "trace", "replay")


_PAGE = Parameter("--page", help="The page or frame of a file that has several, from 1.")
_BANDS = Parameter(
    "--bands",
    help="The bands of a picture that has more than colours, from 1: three for red, green, blue "
    "(4,3,2), one for grey.",
)
_TO_SRGB = Parameter(
    "--to-srgb",
    help="Convert by the picture's colour profile; left out, pixels are read as they are, as models "
    "were trained.",
)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class PictureParts:
    """What of a picture's file is opened."""

    page: Annotated[int, _PAGE] = 1
    bands: Annotated[str, _BANDS] = ""
    to_srgb: Annotated[bool, _TO_SRGB] = False

    @property
    def choice(self) -> PictureChoice:
        """As pictures are opened. Misused for what is no page or band."""
        if self.page < 1:
            raise Misused(f"--page counts from 1, there is no page {self.page}")
        if self.bands and not re.fullmatch(
            r"\s*[1-9]\d{0,5}\s*(,\s*[1-9]\d{0,5}\s*){0,63}", self.bands
        ):
            raise Misused(f"--bands {self.bands!r} is not a list such as 4,3,2, counted from 1")
        bands = tuple(map(int, self.bands.split(","))) if self.bands else ()
        return PictureChoice(self.page - 1, bands, self.to_srgb)


def named_pictures(texts: Sequence[str]) -> list[str]:
    """What is to be opened, one a time: addresses and - as they are, folders walked."""
    found: list[str] = []
    for text in texts:
        if text == STDIN or is_address(text):
            found.append(text)
        else:
            found += map(str, picture_files([local_path(text)]))
    return list(dict.fromkeys(found))


def local_path(text: str) -> str:
    """The path in a file:// address; every other text as it is."""
    parts = urlsplit(text) if text.lower().startswith("file:") else None
    if parts is None or parts.netloc not in ("", "localhost"):
        return text
    return url2pathname(parts.path)


def stem_of(source: str) -> str:
    """What a figure of the picture is called before its view and ending."""
    if source == STDIN:
        return "stdin"
    name = file_name(source) if is_address(source) else source
    return Path(Path(name).name).stem or "picture"


def opened_picture(source: str, choice: PictureChoice) -> Picture:
    """The picture behind a name. BadImage where there is none, or more than a picture should have."""
    if source == STDIN:
        data = sys.stdin.buffer.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise BadImage(
                f"standard input has more than {LIMIT // 2**20} MB, more than a picture should have; "
                "save it and name the file"
            )
        return open_picture(data, name="stdin", choice=choice)
    if is_address(source):
        return open_picture(fetch(source, meter()), name=file_name(source), choice=choice)
    return open_picture(local_path(source), choice=choice)
