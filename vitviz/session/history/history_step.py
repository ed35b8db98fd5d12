"""One step that can be taken back: what was, what is, and what it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vitviz.core.language import N_, _, ngettext
from vitviz.session.history.shown_state import ShownState, differing, keys
from vitviz.views import find
from vitviz.views.options import Look


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One change of what is shown: what was and what is, for the `parts` that differ."""

    before: ShownState
    after: ShownState
    parts: frozenset[str]
    words: str

    @property
    def back(self) -> HistoryStep:
        """The same step the other way round."""
        return replace(self, before=self.after, after=self.before)


def step_between(before: ShownState, after: ShownState) -> HistoryStep | None:
    """The step from one moment to another; None where the same is shown."""
    parts = differing(before, after)
    if not parts:
        return None
    step = HistoryStep(before, after, parts, step_words(before, after, parts))
    return replace(step, words="other page or frame") if page_turned(step) else step


def step_words(before: ShownState, after: ShownState, parts: frozenset[str]) -> str:
    """What was done, as a noun: "new column", "other model", "Heads: fuse"."""
    if "columns" in parts and (said := _columns_words(before, after, opened="pictures" in parts)):
        return said
    if "pictures" in parts:
        return _pictures_words(before, after)
    if "columns" in parts:
        return _("other picture")
    views = [part.removeprefix("options ") for part in sorted(parts) if part.startswith("options ")]
    if views:
        return _options_words(views, before, after)
    said = next((_(words) for part, words in _WORDS.items() if part in parts), "")
    return said or _("change of the window")


_WORDS = {
    "targets": N_("other target"),
    "look": N_("colours of maps"),
    "links": N_("links between columns"),
    "one_range": N_("range of colours"),
    "window layout": N_("layout of columns"),
    "window large": N_("size of a view"),
    "window views": N_("choice of views"),
    "window panels": N_("panels"),
    "window sizes": N_("sizes of views"),
}


def _pictures_words(before: ShownState, after: ShownState) -> str:
    old, new = set(keys(before.pictures)), set(keys(after.pictures))
    if old == new:
        return _("order of pictures")
    count = len(old ^ new)
    what = ngettext("picture", "{count} pictures", count).format(count=count)
    return (
        _("opened {what}").format(what=what)
        if new > old
        else _("closed {what}").format(what=what)
        if new < old
        else _("other pictures")
    )


def _columns_words(before: ShownState, after: ShownState, *, opened: bool) -> str:
    """ "" where the columns only show other pictures."""
    old = {column.id: column for column in before.columns}
    new = {column.id: column for column in after.columns}
    came, went = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    if came and went:
        return "comparison"
    if came or went:
        many = ngettext("column", "{count} columns", came + went).format(count=came + went)
        return _("new {many}").format(many=many) if came else _("closed {many}").format(many=many)
    models = [(old[id].model, new[id].model) for id in old if old[id].model != new[id].model]
    if models:
        same = all(replace(one, patch_size=two.patch_size) == two for one, two in models)
        return _("other patch size") if same else _("other model")
    if tuple(old) != tuple(new):
        return _("order of columns")
    return "" if opened or old != new else _("column to compare with")


def _options_words(views: Sequence[str], before: ShownState, after: ShownState) -> str:
    titles = [find(view).title for view in views]
    if len(views) > 1:
        return _("options of {count} views").format(count=len(titles))
    old, new = before.options.get(views[0], {}), after.options.get(views[0], {})
    names = [
        name
        for name in sorted(old.keys() | new.keys())
        if old.get(name, _NONE) != new.get(name, _NONE)
    ]
    what = names[0].replace("_", " ") if len(names) == 1 else "options"
    return f"{titles[0]}: {what}"


_NONE = object()


def is_drag(step: HistoryStep, before: HistoryStep) -> bool:
    """Whether a step goes on with the one before it, as a slider that is dragged does: another
    number of one option or colour, another frame of one film.
    """
    if (turned := page_turned(step)) and turned == page_turned(before):
        return True
    if step.parts != before.parts or len(step.parts) != 1:
        return False
    (part,) = step.parts
    if part == "look":
        return _one_number(_look_values(step), _look_values(before))
    if part.startswith("options "):
        view = part.removeprefix("options ")
        return _one_number(_option_values(step, view), _option_values(before, view))
    return part == "window sizes"


def page_turned(step: HistoryStep) -> str:
    """The file of which another page or frame is shown since this step, and nothing else changed."""
    if not {"pictures"} <= step.parts <= {"pictures", "columns"}:
        return ""
    old, new = step.before.pictures, step.after.pictures
    moved = [(one, two) for one, two in zip(old, new, strict=False) if one.key != two.key]
    if len(old) != len(new) or len(moved) != 1:
        return ""
    one, two = moved[0]
    return one.path if one.path == two.path and one.pages > 1 else ""


_Changes = dict[str, tuple[object, object]]


def _one_number(now: _Changes, then: _Changes) -> bool:
    return (
        len(now) == 1
        and now.keys() == then.keys()
        and all(_is_number(value) for value in next(iter(now.values())))
        and _is_number(next(iter(then.values()))[1])
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _look_values(step: HistoryStep) -> _Changes:
    return {
        name: (old, new)
        for name in Look.__dataclass_fields__
        if (old := getattr(step.before.look, name)) != (new := getattr(step.after.look, name))
    }


def _option_values(step: HistoryStep, view: str) -> _Changes:
    old, new = step.before.options.get(view, {}), step.after.options.get(view, {})
    return {
        name: (old.get(name), new.get(name))
        for name in old.keys() | new.keys()
        if old.get(name) != new.get(name)
    }
