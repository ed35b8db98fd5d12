"""The first model, picture and token: as the command line says, else remembered, else bundled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vitviz.core.data.selection import Place, Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.pictures.picture_files import bundled_pictures, bundled_spot
from vitviz.core.progress import VitvizError
from vitviz.session.app.launch_options import LaunchOptions
from vitviz.session.files.confirmed_models import as_confirmed
from vitviz.session.files.settings import Settings
from vitviz.session.work.request import ModelRequest, is_checkpoint
from vitviz.views.api import selection_of


def remembered_request(settings: Settings) -> ModelRequest:
    """The model remembered, with its device; its name is empty where none is or its file has gone."""
    name = settings.model
    is_file = is_checkpoint(name) or Path(name).is_absolute()
    if is_file and not Path(name).exists():
        name = ""
    request = ModelRequest(
        name, fit=settings.fit, device=settings.device, precision=settings.precision
    )
    return as_confirmed(request, settings.said, settings.confirmed)


def first_request(launch: LaunchOptions, settings: Settings) -> ModelRequest:
    """The model to begin with; its name is empty where none is bundled and none was asked for."""
    kept = remembered_request(settings)
    request = replace(
        kept,
        name=launch.model or kept.name or first_bundled(),
        patch_size=launch.patch,
        input_size=launch.input_size,
        architecture=launch.architecture or None,
        facts=launch.facts,
        fit=launch.fit or kept.fit,
        device=launch.device or kept.device,
        # What one device likes another may not know.
        precision="auto" if launch.device not in ("", kept.device) else kept.precision,
    )
    return as_confirmed(request, settings.said, settings.confirmed)


def first_bundled() -> str:
    """The name of the bundled model to begin with; "" where there is none."""
    from vitviz.models import bundled

    return next((model.name for model in bundled()), "")


def first_sources(launch: LaunchOptions) -> list[str | Path]:
    """The pictures to begin with."""
    files = [*launch.files]
    pictures = [file for file in files if not is_checkpoint(file)]
    return [*files] if pictures else [*files, *bundled_pictures()]


def first_selection(launch: LaunchOptions, selection: Selection, trace: Trace) -> Selection:
    """The token, layer and head asked for; without a token, a patch on what a bundled photograph is of.

    VitvizError with the numbers where there is none such.
    """
    if launch.token:
        selection = replace(selection, pin=place_named(launch.token, trace))
    elif (spot := bundled_spot(trace.picture)) is not None:
        seen = Place(spot=spot)
        known = seen.token(trace.grid, trace.crop) is not None
        selection = replace(selection, pin=seen) if known else selection
    if launch.layer is not None:
        layers = trace.depths
        layer = _in_range("layer", launch.layer, layers)
        selection = selection.with_layer(layer, layers)
    if launch.head is not None:
        selection = replace(selection, head=_in_range("head", launch.head, trace.heads))
    return selection


def place_named(text: str, trace: Trace) -> Place:
    """The place of "ROW,COL", with a TNT's word "ROW,COL,ROW,COL", or of a prefix token's name.

    VitvizError where there is none such.
    """
    grid = trace.grid
    if text in grid.prefix:
        return Place(prefix=text)
    try:
        return selection_of(trace, token=tuple(map(int, text.split(",")))).pin
    except (ValueError, VitvizError):
        names = "".join(f", or {name}" for name in grid.prefix)
        raise VitvizError(
            _(
                "there is no token {text!r} in {called}; give ROW,COL up to {rows},{cols}{names}"
            ).format(
                text=text,
                called=trace.model.called,
                rows=grid.rows - 1,
                cols=grid.cols - 1,
                names=names,
            )
        ) from None


def _in_range(word: str, index: int, count: int) -> int:
    if not -count <= index < count:
        raise VitvizError(
            _("there is no {word} {index}; this model has 0 to {count}").format(
                word=word, index=index, count=count - 1
            )
        )
    return index % count
