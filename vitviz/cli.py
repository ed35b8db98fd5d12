"""The command line: the same engine and views without a window, and the wishes for one."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import App, CycloptsError, Parameter

import vitviz
from vitviz.core.images import open_picture
from vitviz.core.progress import Progress, VitvizError, silent
from vitviz.core.trace import Trace
from vitviz.session.against import against as changed
from vitviz.session.column import ModelRequest
from vitviz.session.engine import Engine
from vitviz.session.launch import Launch
from vitviz.session.start import first_bundled
from vitviz.views import View, find
from vitviz.views import views as all_views
from vitviz.views.options import Option, Value

_SWITCH = {
    "true": True, "on": True, "yes": True, "1": True,
    "false": False, "off": False, "no": False, "0": False,
}  # fmt: skip


_MODELS_KEPT = 16 * 1024**3
"""Bytes: all models of one command stay."""


class Misused(VitvizError):
    """Arguments that cannot be meant."""


Fit = Literal["crop", "pad", "squash"]
OpenWindow = Callable[[Launch], int]

_PICTURES = Parameter(help="Pictures, folders of pictures, or a checkpoint file.")
_MODEL = Parameter(
    ("--model", "-m"), help="A bundled model, a timm model's name, or a checkpoint file."
)
_PATCH = Parameter(help="Patch size in pixels; kernel and positions are resampled to it.")
_FIT = Parameter(help="How a picture gets the model's shape.")
_DEVICE = Parameter(help="auto, cpu, cuda, cuda:1, mps.")
_TOKEN = Parameter(help="The token to look from: ROW,COL of a patch, or a name such as class.")
_LAYER = Parameter(help="The layer, from 0; negative counts from the last.")
_HEAD = Parameter(help="The head, from 0; all together when left out.")
_JSON = Parameter("--json", help="As JSON.")
_OPTION = Parameter(
    "--option", help="An option of the view as NAME=VALUE; may be repeated (see: vitviz views)."
)
_AGAINST = Parameter(
    "--against",
    help="What a view of two compares with: a patch size (8, or 8@112 with the input size), a model "
    "or a picture; may be repeated to change several.",
)
_ALSO = Parameter("--also", help="A further picture through both models, for cka; may be repeated.")
_PIXELS = Parameter(
    "--input-size", help="Side of the model's picture in pixels; positions are resampled to it."
)
_UNTRAINED = Parameter(help="Random weights instead of trained ones.")


def run(argv: Sequence[str], open_window: OpenWindow) -> int:
    """Does what the arguments say; 0 when it worked, 1 when it failed, 2 when they are wrong."""
    app = _app(open_window)
    try:
        result = app(list(argv), exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except VitvizError as error:
        print(f"vitviz: {error}", file=sys.stderr)
        return 2 if isinstance(error, Misused) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `vitviz views | head`: nobody reads on, and Python must not mind
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _app(open_window: OpenWindow) -> App:
    app = App(
        name="vitviz",
        help="See inside vision transformers. Without a command it opens the window.",
        version=f"vitviz {vitviz.__version__}",
        result_action="return_value",
        default_parameter=Parameter(negative=(), show_default=False),
    )
    app.command(list_views, name="views")
    app.command(list_models, name="models")
    app.command(draw)
    app.command(smoke)

    @app.default
    def window(
        *files: Annotated[str, _PICTURES],
        model: Annotated[str, _MODEL] = "",
        patch: Annotated[int | None, _PATCH] = None,
        fit: Annotated[Fit | None, _FIT] = None,
        device: Annotated[str, _DEVICE] = "",
        theme: Annotated[
            Literal["auto", "dark", "light"] | None, Parameter(help="Colours of the window.")
        ] = None,
        size: Annotated[str, Parameter(help="Size of the window in pixels as WIDTHxHEIGHT.")] = "",
        screenshot: Annotated[
            Path | None, Parameter(help="Paint everything, save it to this PNG and close.")
        ] = None,
        token: Annotated[str, _TOKEN] = "",
        layer: Annotated[int | None, _LAYER] = None,
        head: Annotated[int | None, _HEAD] = None,
        view: Annotated[str, Parameter(help="The view to maximise.")] = "",
    ) -> int:
        """Open the window."""
        return open_window(
            Launch(files, model, patch, fit, device, theme, _size(size), screenshot, token, layer,
                   head, _view(view).name if view else "")
        )  # fmt: skip

    return app


def list_views(*, as_json: Annotated[bool, _JSON] = False) -> int:
    """List the views with their options."""
    known = list(all_views().values())
    if as_json:
        _print_json([_view_data(view) for view in known])
        return 0
    for view in known:
        print(f"{view.name}: {view.title}")
        for text in (view.shows, view.formula, view.source):
            print(fill(text, 100, initial_indent="    ", subsequent_indent="    "))
        for option in view.options:
            print(f"    --option {_option_words(option)}")
        print()
    return 0


def list_models(*, as_json: Annotated[bool, _JSON] = False) -> int:
    """List the bundled models with what their cards say."""
    from vitviz.models import bundled

    known = bundled()
    if as_json:
        _print_json([model.card | {"name": model.name} for model in known])
        return 0
    for model in known:
        sizes = ", ".join(str(size) for size in model.patch_sizes)
        print(f"{model.name}: {model.title}\n    patch sizes {sizes}")
        for name, value in _figures(model.card):
            print(f"    {name}: {value}")
    if not known:
        print("no model is bundled; name a timm model or a checkpoint file with --model")
    return 0


def draw(
    picture: Annotated[str, Parameter(help="The picture's file.")],
    /,
    *,
    view: Annotated[str, Parameter(("--view", "-v"), help="The view (see: vitviz views).")],
    model: Annotated[str, _MODEL] = "",
    out: Annotated[
        Path | None, Parameter(("--out", "-o"), help="The figure: .png, .svg or .pdf.")
    ] = None,
    token: Annotated[str, _TOKEN] = "",
    layer: Annotated[int | None, _LAYER] = None,
    head: Annotated[int | None, _HEAD] = None,
    option: Annotated[tuple[str, ...], _OPTION] = (),
    against: Annotated[tuple[str, ...], _AGAINST] = (),
    also: Annotated[tuple[str, ...], _ALSO] = (),
    patch: Annotated[int | None, _PATCH] = None,
    input_size: Annotated[int | None, _PIXELS] = None,
    fit: Annotated[Fit, _FIT] = "crop",
    device: Annotated[str, _DEVICE] = "auto",
    untrained: Annotated[bool, _UNTRAINED] = False,
) -> int:
    """Draw one view of one picture into a file, without a window."""
    chosen = _view(view)
    values = dict(_option_value(chosen, text) for text in option)
    file = out or Path(f"{Path(picture).stem}-{view}.png")
    name = model or first_bundled()
    if not name:
        raise VitvizError("no model is bundled; name one with --model, a timm name or a file")
    request = ModelRequest(name, patch, input_size, fit, device, pretrained=not untrained)
    trace, other, more = _traces(chosen, request, picture, against, also)
    drawing = vitviz.draw(
        view, trace, token=_token(token), layer=layer, head=head, against=other, also=more, **values
    )
    vitviz.save(drawing, file)
    print(file)
    return 0


def _traces(
    view: View, request: ModelRequest, picture: str, words: Sequence[str], also: Sequence[str]
) -> tuple[Trace, Trace | None, list[tuple[Trace, Trace]]]:
    """The trace of the picture, what it is compared with, and further pictures through both models."""
    engine = Engine(_MODELS_KEPT)
    if (view.traces == 2) != bool(words):
        change = f"{view.name} compares two: say with what by" if not words else (
            f"{view.name} draws one picture of one model: leave out")  # fmt: skip
        raise Misused(f"{change} --against")

    def traced(request: ModelRequest, picture: str) -> Trace:
        return engine.trace(request, open_picture(picture), _meter())

    trace = traced(request, picture)
    if not words:
        return trace, None, []
    other, second = changed(request, picture, words)
    pairs = [(traced(request, one), traced(other, one)) for one in also]
    return trace, traced(other, second), pairs


def smoke(*, as_json: Annotated[bool, _JSON] = False) -> int:
    """Try this installation: count what it brings, trace a picture, draw and save every view."""
    from vitviz.session.smoke import smoke as tried

    found = tried(_meter())
    if as_json:
        _print_json(found)
    else:
        print(found.line())
    return 0


def _view(name: str) -> View:
    try:
        return find(name)
    except VitvizError as error:
        raise Misused(str(error)) from None


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d{2,5})[xX×](\d{2,5})", text)
    if found is None:
        raise Misused(f"the size {text!r} is not WIDTHxHEIGHT; give 1600x1000 for example")
    return int(found[1]), int(found[2])


def _token(text: str) -> tuple[int, int] | str | None:
    found = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", text)
    return (int(found[1]), int(found[2])) if found else text or None


def _option_value(view: View, text: str) -> tuple[str, Value]:
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
        raise Misused(f"{text!r} is wrong: {_option_words(option)}") from None


def _parsed(option: Option, value: str) -> Value:
    match option.kind:
        case "switch":
            return _SWITCH[value.lower()]
        case "integer":
            return int(value)
        case "number":
            return float(value)
        case _:
            return value


def _option_words(option: Option) -> str:
    kind: str = "|".join(option.choices) or option.kind
    if option.low is not None or option.high is not None:
        kind += f" {option.low} to {option.high}"
    return f"{option.name}={kind} (default {option.default}): {option.text}"


def _view_data(view: View) -> dict[str, Any]:
    data = {name: getattr(view, name) for name in ("name", "title", "shows", "formula", "source")}
    return data | {"follows": sorted(view.follows), "options": view.options}


def _figures(card: dict[str, Any]) -> list[tuple[str, str]]:
    """What a card says in one line each: licence, data, and its measured figures."""
    rows = [(name, str(card[name])) for name in ("licence", "data") if card.get(name)]
    for name, value in (card.get("figures") or {}).items():
        if isinstance(value, dict):
            rows += [(f"{name}, {key}", _short(inner)) for key, inner in value.items()]
        else:
            rows.append((str(name), _short(value)))
    return rows


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_json(data: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


def _meter() -> Progress:
    """Progress as one line on a terminal that is rewritten; silent elsewhere."""
    if not sys.stderr.isatty():
        return silent

    def report(done: float, total: float, what: str = "") -> None:
        share = f" {done / total:4.0%}" if total else ""
        end = "\r\x1b[K" if total and done >= total else ""
        print(f"\r\x1b[K{what}{share}{end}", end="", file=sys.stderr, flush=True)

    return report
