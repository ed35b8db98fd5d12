"""What views of two traces share: what the two are called, and what must be said of them."""

from __future__ import annotations

from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.measures.overlap import Seen

LONGEST = 26
"""Letters of a name that fit over a small panel."""


def names(one: Trace, other: Trace) -> tuple[str, str]:
    """What to call two traces: by whatever they differ in, the model first."""
    models = one.model.called, other.model.called
    patches = (
        _("patch {patch}").format(patch=_patch(one)),
        _("patch {patch}").format(patch=_patch(other)),
    )
    sizes = _size(one), _size(other)
    pictures = one.picture.name, other.picture.name
    said = [next((pair for pair in (models, patches, sizes) if pair[0] != pair[1]), ("", ""))]
    if one.picture.key != other.picture.key:
        said.append(pictures)
    if one.intervention != other.intervention:
        said.append((_change(one), _change(other)))
    if all(first == second for first, second in said):
        said.append((_("the first"), _("the second")))
    first, second = (", ".join(filter(None, each)) for each in zip(*said, strict=True))
    return first, second


def _change(trace: Trace) -> str:
    return _("as it is") if trace.intervention is None else trace.intervention.words


def short(names: tuple[str, str]) -> tuple[str, str]:
    """The two names as they fit over a small panel: without weights' tags where both still differ."""
    stems = names[0].partition(".")[0], names[1].partition(".")[0]
    first, second = names if stems[0] == stems[1] or "" in stems else stems
    return _elided(first), _elided(second)


def _elided(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 12]}…{name[-11:]}"


def _patch(trace: Trace) -> str:
    rows, cols = (f"{side:g}" for side in trace.grid.patch)
    return rows if rows == cols else f"{cols} × {rows}"


def _size(trace: Trace) -> str:
    rows, cols = trace.crop.model
    return _("{cols} × {rows} px").format(cols=cols, rows=rows)


def seen(trace: Trace) -> Seen:
    """What a trace's tokens lie on."""
    return Seen(trace.grid, trace.crop)


def caption(one: Trace, other: Trace, share: float, *sentences: str, pictures: int = 1) -> str:
    """What was computed, and what must be known of the pictures and the weights.

    `share` is how much of the picture both saw, of several `pictures` the least.
    """
    said = [*filter(None, sentences)]
    if one.picture.key != other.picture.key:
        said.append(
            _(
                "These are two pictures: places are compared at the same share of their height "
                "and width."
            )
        )
    if share < 0.995:
        of = _("the picture") if pictures == 1 else _("each picture")
        least = "" if pictures == 1 else _("at least ")
        said.append(
            _("Compared is what both saw, {least}{share:.0%} of {of}.").format(
                least=least, share=share, of=of
            )
        )
    return " ".join([*said, *_weights_words(one, other)]).replace("。 ", "。")


def _weights_words(one: Trace, other: Trace) -> tuple[str, ...]:
    """Said where weights of either are not simply trained ones."""
    known = {trace.model.called: trace.model.weights for trace in (one, other)}
    words = {"untrained": _("has untrained weights"), "partly loaded": _("is only partly loaded")}
    return tuple(
        _("{name} {said}.").format(name=name, said=words[state])
        for name, state in known.items()
        if state in words
    )
