"""Comparisons that people come for, set up at once: patch sizes, ViT and TNT, positions, layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import N_, _
from vitviz.core.progress import VitvizError
from vitviz.session.columns.column import Column, ModelChoice
from vitviz.session.columns.column_links import ColumnLinks

MOST_LAYERS = 12


@dataclass(frozen=True, slots=True)
class ComparisonPreset:
    """A comparison to choose from a menu."""

    name: str
    title: str
    tip: str


PRESETS = (
    ComparisonPreset(
        "patch_sizes", N_("Patch sizes"), N_("One flexible ViT, the picture cut finer and finer")
    ),
    ComparisonPreset(
        "vit_tnt", N_("ViT and TNT"), N_("Plain patches beside patches with words inside")
    ),
    ComparisonPreset(
        "positions",
        N_("With and without positions"),
        N_("The same ViT, trained to do without them"),
    ),
    ComparisonPreset(
        "layers", N_("This picture, all layers"), N_("One view, each column another layer")
    ),
    ComparisonPreset(
        "pictures", N_("Two pictures"), N_("This model over this picture and the next")
    ),
)


@dataclass(frozen=True, slots=True)
class ComparedColumns:
    """What a preset shows: columns with what is chosen in each, the links, one view or all of them."""

    columns: tuple[tuple[Column, Selection], ...]
    together: ColumnLinks
    one_view: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OfferedColumn:
    """What a preset can be made from."""

    column: Column
    selection: Selection
    trace: Trace | None
    models: Sequence[ModelChoice]
    pictures: Sequence[str]


def compared(name: str, offered: OfferedColumn, together: ColumnLinks) -> ComparedColumns:
    """The columns of a preset. VitvizError with the reason where it cannot be set up."""
    selection = replace(offered.selection, hover=None)
    match name:
        case "patch_sizes":
            columns = [(column, selection) for column in _patch_sizes(offered)]
            return ComparedColumns(tuple(columns), _linked(together), hint=_(_SHARES))
        case "vit_tnt":
            columns = [(column, selection) for column in _vit_tnt(offered)]
        case "positions":
            columns = [(column, selection) for column in _positions(offered)]
        case "layers":
            layers = _layers(offered)
            columns = [(offered.column, replace(selection, depth=depth)) for depth in layers]
            return ComparedColumns(
                tuple(columns), replace(_linked(together), depth=False), one_view=True
            )
        case "pictures":
            columns = [(column, selection) for column in _pictures(offered)]
            return ComparedColumns(tuple(columns), replace(_linked(together), picture=False))
        case _:
            raise VitvizError(_("there is no comparison called {name!r}").format(name=name))
    return ComparedColumns(tuple(columns), _linked(together))


_SHARES = N_(
    "A token's attention sums to 1: among more patches each gets less, so fine columns are darker in "
    "one range. “One range” above gives each column its own."
)


def _linked(together: ColumnLinks) -> ColumnLinks:
    """The usual links, whatever was cut for what was compared before; the zoom as it was."""
    return replace(ColumnLinks(), zoom=together.zoom)


def _request(column: Column, **changes: Any) -> Column:
    return replace(column, model=replace(column.model, input_size=None, **changes))


def _patch_sizes(offered: OfferedColumn) -> list[Column]:
    flexible = [model for model in offered.models if len(model.patch_sizes) > 1]
    mine = [model for model in flexible if model.name == offered.column.model.name]
    if not flexible:
        raise VitvizError(
            _(
                "no model here is made for several patch sizes; the bundled flexible ViT is missing "
                "from this installation"
            )
        )
    model = (mine or [each for each in flexible if each.positions] or flexible)[0]
    sizes = sorted(model.patch_sizes, reverse=True)
    return [
        _request(offered.column, name=model.name, patch_size=size, architecture=None)
        for size in sizes
    ]


def _vit_tnt(offered: OfferedColumn) -> list[Column]:
    bundled = [model for model in offered.models if model.bundled]
    tnts = [model for model in bundled if "tnt" in f"{model.name} {model.title}".lower()]
    vits = [model for model in bundled if model not in tnts and model.positions]
    if not tnts or not vits:
        raise VitvizError(
            _(
                "no Transformer in Transformer is bundled with this installation; open a column with "
                "one by name (Ctrl+K, tnt_s_patch16_224) or from a file (Ctrl+M)"
            )
        )
    size = tnts[0].default_patch_size
    same = size if size in vits[0].patch_sizes else None
    return [
        _request(offered.column, name=vits[0].name, patch_size=same, architecture=None),
        _request(offered.column, name=tnts[0].name, patch_size=None, architecture=None),
    ]


def _positions(offered: OfferedColumn) -> list[Column]:
    """The first model trained without positions, beside one of its patch sizes that has them."""
    flexible = [model for model in offered.models if len(model.patch_sizes) > 1]
    without = next((model for model in flexible if not model.positions), None)
    beside = [
        m for m in flexible if without and m.positions and m.patch_sizes == without.patch_sizes
    ]
    if without is None or not beside:
        raise VitvizError(
            _(
                "no ViT trained without positions is bundled with this installation; the view What if "
                "takes the positions of any model away"
            )
        )
    mine, size = offered.column.model, without.default_patch_size
    if mine.name in (without.name, beside[0].name):
        size = mine.patch_size
    return [
        _request(offered.column, name=model.name, patch_size=size, architecture=None)
        for model in (beside[0], without)
    ]


def _layers(offered: OfferedColumn) -> list[float]:
    if offered.trace is None:
        raise VitvizError(
            _("there are no layers yet; open a picture and let a model read it first")
        )
    count = len(offered.trace.layers)
    shown = min(count, MOST_LAYERS)
    if shown < 2:
        raise VitvizError(
            _("{called} has {count} layer, nothing to compare").format(
                called=offered.trace.model.called, count=count
            )
        )
    return [round(at * (count - 1) / (shown - 1)) / (count - 1) for at in range(shown)]


def _pictures(offered: OfferedColumn) -> list[Column]:
    if len(offered.pictures) < 2:
        raise VitvizError(_("only one picture is open; drop another one to compare them"))
    keys = list(offered.pictures)
    here = keys.index(offered.column.picture) if offered.column.picture in keys else 0
    return [replace(offered.column, picture=keys[(here + by) % len(keys)]) for by in (0, 1)]
