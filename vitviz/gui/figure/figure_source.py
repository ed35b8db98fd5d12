"""From what is on screen to a figure: the composer, code and commands to paste."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Selection
from vitviz.core.data.trace import Trace
from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.gui.figure.figure_dialog import FigureDialog
from vitviz.session.columns.columns import LiveColumn
from vitviz.session.figure.code_snippets import as_command, as_python, count_words
from vitviz.session.figure.figure_composition import VIEWS, FigureComposition
from vitviz.session.figure.session_runs import SessionRuns
from vitviz.session.figure.sweep_steps import SweepSubject, SweptRun
from vitviz.session.session import Session
from vitviz.views import find, views
from vitviz.views.options import OptionValue


def open_composer(
    parent: QWidget,
    session: Session,
    drawing: Drawing,
    tell: Callable[[str], None],
    *,
    whole: bool = False,
) -> FigureDialog | None:
    """The composer for a view that is on screen, or for the `whole` column that it is in; None while
    its trace is not there."""
    first = composition_of(session, drawing)
    if first is None:
        return None
    composer = FigureDialog(
        parent, session, replace(first, ways=(VIEWS,)) if whole else first, tell
    )
    composer.show()
    return composer


def composition_of(session: Session, drawing: Drawing) -> FigureComposition | None:
    """What is on screen as a page to begin with, the columns beside it."""
    made, lives = drawing.made, [live for live in session.columns if live.trace is not None]
    found = traces_of(session, drawing)
    if made is None or not found:
        return None
    view, values = find(drawing.view), dict(made.options)
    other = found[1] if len(found) > 1 else None
    words = Counter(live.column.model.words for live in lives)
    beside = []
    for at, live in enumerate(lives, start=1):
        partner = session.columns.partner(live)
        against = partner.trace if view.traces == 2 and partner is not None else None
        if live.trace is None or (view.traces == 2 and against is None):
            continue
        name = live.column.model.words
        name = name if words[name] == 1 else f"{at}: {name}, {live.trace.picture.name}"
        beside.append((name, _subject(session, live, live.trace, live.selection, values, against)))
    whose = next((live for live in lives if live.trace is found[0]), session.columns.active)
    subject = _subject(session, whose, found[0], made.selection, values, other)
    shown = tuple(
        (each, dict(how.options))
        for name, each in views().items()
        if each.traces == 1
        and (drawn := session.views.drawings.get(name)) is not None
        and (how := drawn.made) is not None
    )
    sizes = _sizes(session, found[0])
    return FigureComposition(view, subject, drawing, beside=tuple(beside), views=shown, sizes=sizes)


def _subject(
    session: Session,
    live: LiveColumn,
    trace: Trace,
    selection: Selection,
    values: Mapping[str, OptionValue],
    against: Trace | None,
) -> SweepSubject:
    """What a column shows, with all that other models and pictures need to be run there."""
    run = SweptRun(live.column.model, trace.picture.key)
    runs = SessionRuns(
        session.engine,
        {picture.key: picture for picture in session.pictures},
        {
            SweptRun(each.column.model, each.trace.picture.key): each.trace
            for each in session.columns
            if each.trace is not None and each.column.picture == each.trace.picture.key
        },
    )
    return SweepSubject(trace, selection, values, against, run=run, traced=run, runs=runs)


def _sizes(session: Session, trace: Trace) -> tuple[int, ...]:
    """Patch sizes that a model is made for, largest first; else its own, twice and half of it."""
    made = next((each for each in session.models() if each.name == trace.model.name), None)
    if made is not None and len(made.patch_sizes) > 1:
        return tuple(sorted(made.patch_sizes, reverse=True))
    own = int(trace.model.patch[0])
    return (2 * own, own, own // 2) if own >= 4 and own % 2 == 0 else ()


def traces_of(session: Session, drawing: Drawing) -> tuple[Trace, ...]:
    """The traces that a drawing was made from, as far as they are still in a column."""
    if drawing.made is None:
        return ()
    wanted = [run for run in (drawing.made.run, drawing.made.against) if run is not None]
    found = []
    for run in wanted:
        for live in (session.columns.active, *session.columns):
            trace = live.trace
            same = trace is not None and trace.picture.key == run.picture_key
            if (
                trace is not None
                and same
                and trace.model.asked == run.asked
                and ((trace.model.called, trace.fit) == (run.model, run.fit))
            ):
                found.append(trace)
                break
    return tuple(found) if len(found) == len(wanted) else ()


def copy_as(kind: str, session: Session, drawing: Drawing) -> str:
    """Puts code ("python") or a command on the clipboard; says what happened in a sentence."""
    traces = traces_of(session, drawing)
    if drawing.made is None or not traces:
        return _("There is nothing to copy yet; open a picture first.")
    try:
        say = as_python if kind == "python" else as_command
        text = say(drawing.made, traces, drawing.ranges)
    except VitvizError as error:
        return str(error)
    QGuiApplication.clipboard().setText(text)
    copied = (
        _("Copied as Python: paste it and run it.")
        if kind == "python"
        else _("Copied as a command: paste it and run it.")
    )
    return f"{copied} {count_words(drawing.made, traces[0])}".rstrip()
