"""What the commands are asked in common, and how their words are read."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from vitviz.core.pictures.foreign_formats import counted
from vitviz.core.printable import printable
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.views import View, find
from vitviz.views.options import Option, OptionValue

_SWITCH = {
    "true": True,
    "on": True,
    "yes": True,
    "1": True,
    "false": False,
    "off": False,
    "no": False,
    "0": False,
}

_SAID = 3
"""Sentences about broken pictures of a folder; the report has all."""
Precision = Literal["auto", "fp32", "bf16", "fp16"]


LARGEST_SIDE = 10_000
"""Of a window, in pixels: beyond some 30,000 Qt has nothing to paint on."""


class Misused(VitvizError):
    """Arguments that cannot be meant."""


MODEL = Parameter(
    ("--model", "-m"), help="A bundled model, a timm model's name, or a checkpoint file."
)
PATCH = Parameter(help="Patch size in pixels; kernel and positions are resampled to it.")
FIT = Parameter(help="How a picture gets the model's shape.")
DEVICE = Parameter(help="auto, cpu, cuda, cuda:1, mps.")
TOKEN = Parameter(
    help="The token to look from: ROW,COL of a patch (and ROW,COL of its word in a "
    "TNT), or a name such as class."
)
LAYER = Parameter(help="The layer, from 0; negative counts from the last.")
HEAD = Parameter(help="The head, from 0; all together when left out.")
TARGET = Parameter(
    "--target",
    help="What maps of an answer are asked about: a class by number or name, two as 285-281 or "
    "'cat - dog', output:2, feature:17, lens:5, like:PICTURE; the predicted class when left out.",
)
FEATURES = Parameter("--features", help="Also every token after each block: layer token dim.")
LOGITS = Parameter("--logits", help="Also the head's answer, one number a class.")
QKV = Parameter("--qkv", help="Also queries, keys and values: layer head token dim.")
JSON = Parameter("--json", help="As JSON, for scripts.")
VIEW = Parameter(("--view", "-v"), help="The view (see: vitviz views).")
OPTION = Parameter(
    "--option", help="An option of the view as NAME=VALUE; may be repeated (see: vitviz views)."
)
RANGE = Parameter(
    "--range",
    help="The range of a panel's colours as PANEL=LOW..HIGH, panels counted from 0, as beside other "
    "figures; may be repeated.",
)
PIXELS = Parameter(
    "--input-size",
    help="The model's picture in pixels, one side or ROWSxCOLS; positions are resampled to it.",
)
UNTRAINED = Parameter(help="Random weights instead of trained ones.")
ALLOW_DOWNLOAD = Parameter(
    "--allow-download",
    help="Fetch weights that only the file names and that are not on this computer.",
)
OVERWRITE = Parameter(help="Replace files that are there already.")
WIDTH = Parameter(
    "--width", help="Width in mm, or: one column (85), text width (180), slide (254)."
)
HEIGHT = Parameter(
    "--height",
    help="The most that a page is high, in mm (240; of a slide 143), or none. What is higher goes on "
    "on further pages of a PDF, or in files called -2, -3, ...",
)
DPI = Parameter("--dpi", help="Dots per inch of a picture.")
FONT = Parameter("--font", help="The font, by name.")
TYPE = Parameter("--size", help="Size of the type in points; titles in proportion.")
BACKGROUND = Parameter("--background", help="white, transparent or #rrggbb.")
LETTERS = Parameter("--letters", help="Panels are called a, b, c.")
BARS = Parameter("--bars", help="A colour bar for each map, one for all, or none.")
WITHOUT = Parameter("--without", help="Leave out: title, labels, facts, caption; may be repeated.")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Printing:
    """How a figure is printed."""

    width: Annotated[str, WIDTH] = ""
    height: Annotated[str, HEIGHT] = ""
    dpi: Annotated[int | None, DPI] = None
    font: Annotated[str, FONT] = ""
    size: Annotated[float | None, TYPE] = None
    background: Annotated[str, BACKGROUND] = ""
    letters: Annotated[bool, LETTERS] = False
    bars: Annotated[Literal["each", "shared", "none"] | None, BARS] = None
    without: Annotated[tuple[Literal["title", "labels", "facts", "caption"], ...], WITHOUT] = ()

    def paper(self, **usual: Any) -> Any:
        """The paper asked for; `usual` where nothing was said. Imports matplotlib's side."""
        from vitviz.figures.paper import HEIGHTS, PaperStyle

        if self.width in HEIGHTS:
            usual = {**usual, "height_mm": HEIGHTS[self.width]}
        if self.height:
            high = None if self.height == "none" else millimetres(self.height, "height")
            usual = {**usual, "height_mm": high}
        said = {
            "width_mm": millimetres(self.width) if self.width else None,
            "dpi": self.dpi,
            "font": self.font or None,
            "size": self.size,
            "background": self.background or None,
            "letters": self.letters or None,
            "bars": self.bars,
        }
        known = {name: value for name, value in said.items() if value is not None}
        left_out: dict[str, Any] = dict.fromkeys(self.without, False)
        return PaperStyle(**{**usual, **known, **left_out})


def millimetres(text: str, side: str = "width") -> float:
    """A width or another side as a number, a width also by its usual name."""
    from vitviz.figures.paper import WIDTHS

    if text in WIDTHS and side == "width":
        return WIDTHS[text]
    try:
        return float(text.removesuffix("mm"))
    except ValueError:
        names = ", ".join(WIDTHS) if side == "width" else "none"
        raise Misused(f"the {side} {text!r} is neither mm nor one of: {names}") from None


def view_named(name: str) -> View:
    """The view of that name."""
    try:
        return find(name)
    except VitvizError as error:
        raise Misused(str(error)) from None


def window_size(text: str) -> tuple[int, int] | None:
    """WIDTHxHEIGHT; None for nothing."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{2,5})[xX×](\d{2,5})", text)
    if found is None:
        raise Misused(f"the size {text!r} is not WIDTHxHEIGHT; give 1600x1000 for example")
    width, height = int(found[1]), int(found[2])
    if max(width, height) > LARGEST_SIDE:
        raise Misused(
            f"the size {text!r} is larger than a window can be, {LARGEST_SIDE} pixels a side"
        )
    return width, height


def token_of(text: str) -> tuple[int, ...] | str | None:
    """ROW,COL, with a TNT's word ROW,COL,ROW,COL, or a name; None for nothing."""
    if re.fullmatch(r"\s*\d+\s*,\s*\d+\s*(,\s*\d+\s*,\s*\d+\s*)?", text):
        return tuple(map(int, text.split(",")))
    return text or None


def option_values(view: View, texts: Sequence[str]) -> dict[str, OptionValue]:
    """All NAME=VALUE of a view."""
    return dict(_option_value(view, text) for text in texts)


def range_values(texts: Sequence[str]) -> list[tuple[int, float, float]]:
    """All PANEL=LOW..HIGH."""
    found = []
    for text in texts:
        panel, _, ends = text.partition("=")
        low, _, high = ends.partition("..")
        try:
            found.append((int(panel), float(low), float(high)))
        except ValueError:
            raise Misused(f"{text!r} is not PANEL=LOW..HIGH, as in 0=0..0.25") from None
    return found


def _option_value(view: View, text: str) -> tuple[str, OptionValue]:
    """NAME=VALUE as the view's option of that name takes it; the view itself checks the rest."""
    name, equals, value = text.partition("=")
    known = {option.name: option for option in view.options}
    if not equals or name not in known:
        names = ", ".join(known) or "none"
        raise Misused(f"{text!r} is not NAME=VALUE of an option of {view.name}; there are: {names}")
    option = known[name]
    if option.optional and value.lower() in ("", "none"):
        return name, None
    try:
        return name, _parsed(option, value)
    except (KeyError, ValueError):
        raise Misused(f"{text!r} is wrong: {option_words(option)}") from None


def _parsed(option: Option, value: str) -> OptionValue:
    match option.kind:
        case "switch":
            return _SWITCH[value.lower()]
        case "integer":
            return int(value)
        case "number":
            return float(value)
        case _:
            return value


def option_words(option: Option) -> str:
    """An option in one line."""
    kind: str = "|".join(option.choices) or option.kind
    if option.low is not None or option.high is not None:
        kind += f" {option.low} to {option.high}"
    return f"{option.name}={kind} (default {option.default}): {option.text}"


def print_json(data: Any) -> None:
    """Data for scripts, on standard output; in ASCII where something in it cannot be printed."""
    try:
        text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    except UnicodeEncodeError:  # a file's name whose bytes are no text
        text = ""
    print(text if text and printable(text) == text else json.dumps(data, indent=2, default=str))


def say_file(path: Path) -> None:
    """A file that was made, on standard output: as it is for a program, written out on a terminal."""
    print(printable(str(path)) if sys.stdout.isatty() else path)


def meter() -> Progress:
    """Progress as one line on a terminal that is rewritten; silent elsewhere."""
    if not sys.stderr.isatty():
        return silent

    def report(done: float, total: float, what: str = "") -> None:
        share = f" {done / total:4.0%}" if total else ""
        end = "\r\x1b[K" if total and done >= total else ""
        said = printable(what).replace("\n", " ")[:200]
        print(f"\r\x1b[K{said}{share}{end}", end="", file=sys.stderr, flush=True)

    return report


def remark(*sentences: str) -> None:
    """Says something beside the result."""
    for sentence in sentences:
        print(f"vitviz: {printable(sentence)}", file=sys.stderr)


def remark_broken(broken: Sequence[tuple[str, str]]) -> None:
    """Says how many (picture, why) of a folder could not be used, and why."""
    if broken:
        remark(
            f"{len(broken)} picture{'s' * (len(broken) > 1)} could not be used", *reasons(broken)
        )


def reasons(broken: Sequence[tuple[str, str]]) -> list[str]:
    """Why pictures of a folder could not be used: three sentences, and how many more there are."""
    sentences = counted([why for _, why in broken])
    more = [f"... and {len(sentences) - _SAID} more"] if len(sentences) > _SAID else []
    return [*sentences[:_SAID], *more]


def folder_for(path: Path) -> Path:
    """A folder for results, made where there is none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VitvizError(
            f"the folder {path} cannot be made ({error.strerror or error}); choose another place"
        ) from error
    return path
