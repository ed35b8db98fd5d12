"""What is said of a column above it: model, patch, tokens, picture, prediction, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vitviz.core.counted import head_name
from vitviz.core.data.badge import BadgeState
from vitviz.core.data.prediction import Prediction, percent, share_words
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import _
from vitviz.session.columns.column_links import ColumnLinks
from vitviz.session.columns.column_words import badge_sign
from vitviz.session.columns.columns import LiveColumn

SMALL = 5_000_000
"""Parameters of a model that is called small: fewer than those of a ViT-Ti of 1,000 classes."""


@dataclass(frozen=True, slots=True)
class HeaderText:
    """The words above a column; `state` colours the badge, `dissent` explains a marked prediction."""

    column: int
    title: str
    model: str
    picture: str
    key: str | None
    patch: int | None = None
    resampled: bool = False
    tokens: str = ""
    prediction: str = ""
    doubt: str = ""
    """How few classes the model knows, where its best answer is below one half."""
    dissent: str = ""
    badge: str = ""
    state: str = ""
    tip: str = ""
    notes: str = ""
    change: str = ""
    """What is changed about this column's passes: a what-if."""
    apart: str = ""
    """What is chosen in this column alone, where a link is cut."""
    instead: str = ""
    """What is drawn for in place of a chosen token that this model lacks or does not see."""
    reading: bool = False
    failed: bool = False
    """Its reading was stopped or failed, and can be tried again."""
    still: str = ""
    """What is shown meanwhile: the picture before, or the model before."""
    again: str = ""
    """The model that was stopped before it was read, to be read again."""
    active: bool = False
    reference: bool = False


def headings(
    lives: Sequence[LiveColumn],
    active: int,
    reference: int | None,
    pictures: Sequence[Picture],
    titles: dict[str, str],
    together: ColumnLinks,
) -> list[HeaderText]:
    """What is said of every column; `titles` are the models' titles by name."""
    named = {picture.key: picture.name for picture in pictures}
    found = []
    for live, said in zip(lives, dissents(lives), strict=True):
        heading = _heading(live, said, named, titles, active == live.id, reference == live.id)
        found.append(replace(heading, apart=apart_words(live, together)))
    return found


def apart_words(live: LiveColumn, together: ColumnLinks) -> str:
    """The layer and head of a column that goes its own way."""
    if live.trace is None:
        return ""
    layer = live.trace.number(live.selection.layer(len(live.trace.layers)))
    head = live.selection.head
    parts = [] if together.depth else [_("layer {layer}").format(layer=layer)]
    if not together.head:
        parts.append(_("all heads") if head is None else head_name(head))
    return ", ".join(parts)


def dissents(lives: Sequence[LiveColumn]) -> list[str]:
    """For each column the sentence that its prediction is not that of most others, "" where it is.

    Columns are compared that show one picture and choose among as many classes, by the classes'
    numbers: two may share a name. Where none has more columns than another, every one is marked.
    """
    votes: Votes = {}
    for live in lives:
        if (found := _top(live.trace)) is not None:
            group, best = found
            votes.setdefault(group, []).append(best)
    return [_dissent(live, votes) for live in lives]


Votes = dict[tuple[str, int], list[Prediction]]
"""The best classes of all columns that may be compared."""


def _dissent(live: LiveColumn, votes: Votes) -> str:
    found = _top(live.trace)
    if found is None:
        return ""
    group, best = found
    counted = Counter(each.index for each in votes[group])
    names = {each.index: each.name for each in reversed(votes[group])}
    (most, count), *rest = counted.most_common(2)
    if len(counted) == 1 or (best.index == most and (not rest or rest[0][1] < count)):
        return ""
    others = ", ".join(f"{names[index]} ({number})" for index, number in counted.most_common())
    return _(
        "Prediction disagreement: this column says {name} ({share}), over one picture the columns say "
        "{others}."
    ).format(name=best.name, share=percent(best.share), others=others)


def _top(trace: Trace | None) -> tuple[tuple[str, int], Prediction] | None:
    """(what it may be compared within, the best class); nothing where there is one class alone."""
    if trace is None or not trace.predictions or trace.model.classes == 1:
        return None
    return (trace.picture.key, trace.model.classes), trace.predictions[0]


def _heading(
    live: LiveColumn,
    dissent: str,
    named: dict[str, str],
    titles: dict[str, str],
    active: bool,
    reference: bool,
) -> HeaderText:
    request, trace, now = live.column.model, live.trace, live.state
    title = titles.get(request.name) or Path(request.name).name or _("no model yet")
    key = live.column.picture
    common = {
        "column": live.id,
        "title": title,
        "model": request.name,
        "key": key,
        "picture": named.get(key or "", "no picture yet"),
        "active": active,
        "reference": reference,
        "failed": bool(now.why),
        "change": "" if request.change is None else f"what if: {request.change.words}",
        "again": now.given_up.words if now.given_up else "",
    }
    shown = now.on_screen
    before = shown is not None and (shown.model, shown.picture) != (request, key)
    if trace is None or before:  # what is still shown is not said of what is awaited
        return HeaderText(
            **common,  # type: ignore[arg-type]
            patch=request.patch_size,
            still=_still(trace, key),
            reading=not now.why and key is not None,
            badge=badge_sign(now),
            state="bad",
            tip=now.why,
        )
    badge, state, tip = badge_words(trace)
    return HeaderText(
        **common,  # type: ignore[arg-type]
        patch=trace.model.patch[0],
        resampled=trace.model.resampled,
        instead=replace(live.selection, hover=None).instead(trace.grid, trace.crop),
        tokens=tokens_words(trace),
        prediction=answer_words(trace),
        doubt=doubt_words(trace),
        dissent=dissent,
        badge=badge,
        state=state,
        tip=tip,
        notes="\n".join(trace.model.notes),
        reading=live.reading.busy or now.waits,
    )


def _still(trace: Trace | None, key: str | None) -> str:
    """What of the trace before is not what is asked for."""
    if trace is None:
        return ""
    return trace.model.title if trace.picture.key == key else trace.picture.name


def page_words(trace: Trace) -> list[str]:
    """What is said above the views: the model, the picture, the answer, and how much is seen."""
    said = (answer_words(trace), doubt_words(trace))
    parts = [trace.model.title, trace.picture.name, *filter(None, said)]
    if trace.crop.seen_share < 0.995:
        parts.append(_("the model sees {share} of the picture").format(share=trace.crop.seen_words))
    return [*parts, trace.picture.note] if trace.picture.note else parts


def answer_words(trace: Trace) -> str:
    """The best answer with its share, "perhaps" before one below one half; "" without any."""
    if not trace.predictions:
        return ""
    best = trace.predictions[0]
    share = share_words(best, trace.model.classes, trace.model.scores)
    said = _("perhaps {name} {share}") if doubt_words(trace) else "{name} {share}"
    return said.format(name=best.name, share=share)


def doubt_words(trace: Trace) -> str:
    """Among how few classes the model had to choose, where its best answer is below one half."""
    classes = trace.model.classes
    if not trace.predictions or classes == 1 or trace.predictions[0].share >= 0.5:
        return ""
    small = trace.model.parameters < SMALL
    said = (
        _("this small model knows {count} classes")
        if small
        else _("this model knows {count} classes")
    )
    return said.format(count=classes)


def tokens_words(trace: Trace) -> str:
    """How many tokens a trace has, as rows and columns of patches and prefix tokens."""
    grid = trace.grid
    prefix = f" + {len(grid.prefix)}" if grid.prefix else ""
    return _("{rows} × {cols}{prefix} tokens").format(rows=grid.rows, cols=grid.cols, prefix=prefix)


def badge_words(trace: Trace) -> tuple[str, BadgeState, str]:
    """(text, state, explanation) of how numbers, places and model are known: a line for each."""
    badge = trace.badge
    return badge.words, badge.state, "\n".join(badge.lines)
