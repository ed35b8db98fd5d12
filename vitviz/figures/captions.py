"""What stands below a figure: what is shown, of which model and picture, and how that is known."""

from __future__ import annotations

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import N_, _
from vitviz.core.notation import shown_number
from vitviz.figures.paper import PaperStyle
from vitviz.figures.text import wrapped


def caption_lines(
    drawing: Drawing, paper: PaperStyle, room: float, *, one_label: bool = False
) -> tuple[str, ...]:
    """The caption in lines of `room` millimetres; with `one_label` it says what all bars are about."""
    if not paper.caption:
        return ()
    parts = (
        drawing.caption,
        _ranges(drawing) if one_label else "",
        _made_from(drawing),
        drawing.known,
        _options(drawing),
    )
    return tuple(line for part in parts for line in wrapped(part, room, paper.size, paper))


def _ranges(drawing: Drawing) -> str:
    """What the colours of a grid mean, where its bars do not say so one by one."""
    scales = {panel.bar for panel in drawing.panels if panel.bar is not None}
    if not scales:
        return ""
    label = next(one.words for one in scales)
    low, high = min(one.low for one in scales), max(one.high for one in scales)
    own = (
        _("one range for all maps")
        if len({(one.low, one.high) for one in scales}) == 1
        else _("each map in a range of its own")
    )
    return _("Colours: {label}, {own}, between {low} and {high}.").format(
        label=label, own=own, low=shown_number(low), high=shown_number(high)
    )


_AGAINST = (N_("against model"), N_("against patch"), N_("against picture"), N_("patch"))
"""What else a caption may name, as recipes call it."""


def _made_from(drawing: Drawing) -> str:
    """The model and the picture, by the names that are shown: a printed figure has lost its recipe."""
    recipe = dict(drawing.recipe)
    for before in ("", "against "):
        if shown := recipe.get(f"{before}called"):
            recipe[f"{before}model"] = shown
    names = [N_("model"), N_("picture")]
    for name in ("model", "patch", "picture"):
        other = f"against {name}"
        if other in recipe and recipe[other] != recipe.get(name):
            names += [other] if name in names else [name, other]
    said = " · ".join(f"{_(name)}: {recipe[name]}" for name in names if name in recipe)
    return f"{said[:1].upper()}{said[1:]}"


def _options(drawing: Drawing) -> str:
    """The options that were chosen."""
    named = (f"{_(name.replace('_', ' '))} {_said(value)}" for name, value in drawing.options)
    return " · ".join(named)


def _said(value: object) -> str:
    match value:
        case bool():
            return _("on") if value else _("off")
        case float():
            return shown_number(value)
        case None:
            return _("none")
        case str():
            return _(value)
        case other:
            return str(other)
