"""A checkpoint file opened: what it seems to be is shown for confirmation, with what does not fit."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.evidence import assumed
from vitviz.core.language import N_, _, ngettext
from vitviz.core.notation import shown_number
from vitviz.core.pictures.likely_preparations import Preparation, PreparationAnswer
from vitviz.gui.library.model_words import millions
from vitviz.gui.models.preparation_table import PreparationTable
from vitviz.gui.models.said_fields import WRONG, SaidFields
from vitviz.gui.widgets import theme
from vitviz.session.files.confirmed_models import ConfirmedModel

if TYPE_CHECKING:
    from vitviz.models.loading.checkpoint.recognise import RecognisedFile

_HOW = {
    "card": N_("by the card beside it"),
    "name": N_("by its name"),
    "shapes": N_("by its shapes"),
    "said": N_("as you say"),
}
MOST = 200
"""Most names of tensors to list."""


class CheckpointDialog(QDialog):
    """Shows what a file seems to be; whatever else is said of it is tried at once."""

    asked = Signal(ConfirmedModel)
    """What is said now: the file is to be looked at with it."""
    confirmed = Signal(ConfirmedModel)
    tried = Signal(ConfirmedModel)
    """Nobody knows how its pictures are prepared: the likely ways are to be tried."""

    def __init__(
        self, parent: QWidget, found: RecognisedFile, said: ConfirmedModel | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Open checkpoint file"))
        self.resize(660, 480)
        self.path = found.path
        name, self._said = QLabel(found.path.name), QLabel()
        name.setObjectName("hero")
        name.setFont(theme.font(3, bold=True))
        name.setWordWrap(True)
        self._said.setObjectName("quiet")
        self._said.setWordWrap(True)
        self.architecture = _architectures(found)
        self.architecture.activated.connect(self._chosen)
        editor = self.architecture.lineEdit()
        assert editor is not None
        editor.returnPressed.connect(self._entered)
        said = said or ConfirmedModel()
        self._named, self._looked_with = said.architecture, replace(said, architecture="")
        self.said = SaidFields()
        self.said.show_said(self._looked_with)
        self.said.entered.connect(self._entered)
        self._tried_with: ConfirmedModel | None = None
        self.preparations = PreparationTable()
        self.preparations.chosen.connect(self._prepared)
        self.facts, self.fit = QLabel(), QLabel()
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        for label in (self.facts, self.fit):
            label.setWordWrap(True)
        self.names = QTextBrowser()
        self.names.setFont(theme.font(-1))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.open_button = QPushButton(_("Open"))
        self.buttons.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.open_button.setDefault(True)
        # Enter must never mean it, not even while the other button waits for an answer.
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        for widget in (
            name,
            self._said,
            self.architecture,
            self.facts,
            self.said,
            self.preparations,
            self.fit,
        ):
            layout.addWidget(widget)
        layout.addWidget(self.names, 1)
        layout.addStretch(0)
        layout.addWidget(self.buttons)
        self.show_found(found)

    def show_found(self, found: RecognisedFile) -> None:
        """Shows what the file is, taken for what is named now."""
        self._found = found
        if found.how != "said":
            self._named = ""
        self._said.setText(_said(found))
        if found.architecture:
            blocker = QSignalBlocker(self.architecture)
            self.architecture.setEditText(found.architecture)
            blocker.unblock()
        self.said.show_encoders(found.encoders)
        self.facts.setText(_facts(found))
        self.facts.setVisible(not found.problem)
        self.fit.setText(_fit(found))
        self.fit.setObjectName("bad" if found.problem else "good" if _whole(found) else "title")
        self.fit.style().unpolish(self.fit)
        self.fit.style().polish(self.fit)
        self.names.setHtml(_lists(found))
        self.names.setVisible(bool(found.missing or found.wrong or found.extra))
        self.open_button.setEnabled(not found.problem)
        partly = not (found.problem or _whole(found))
        self.open_button.setText(_("Open partly loaded") if partly else _("Open"))
        self._fit_height()

    def try_preparations(self) -> None:
        """Asks for what is predicted with each likely preparation, where nobody knows which it was."""
        found, looked = self._found, self._looked_with
        bare = replace(looked.facts, mean=(), std=(), crop_pct=None)
        key = replace(looked, architecture=self._named, facts=bare)
        unknown = any(each.fact == "mean and std" for each in assumed(found.evidence))
        if found.problem:
            return
        if unknown and key != self._tried_with:
            self._tried_with = key
            self.preparations.show_waiting(_("Trying how its pictures may have been prepared …"))
            self.tried.emit(replace(looked, architecture=self._named))
        elif key != self._tried_with:
            self.preparations.show_waiting("")
        self._fit_height()

    def show_preparations(
        self, answers: Sequence[PreparationAnswer], pictures: Sequence[str]
    ) -> None:
        """What is predicted of pictures, by their names, in each likely preparation."""
        self.preparations.show_answers(answers, pictures)
        self._fit_height()

    def _prepared(self, way: Preparation) -> None:
        self.said.take_preparation(way)
        self._entered()

    def _fit_height(self) -> None:
        """As high as its sentences are at this width; a list of names has more."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        needed = layout.totalHeightForWidth(self.width())
        self.setMinimumHeight(needed)
        self.resize(self.width(), max(needed, 480) if self.names.isVisibleTo(self) else needed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit_height()

    def show_failure(self, said: str) -> None:
        """The file could not be looked at again."""
        self.show_found(replace(self._found, problem=said))

    def accept(self) -> None:
        """Sends the wish for what was looked at last; what was typed since is looked at first."""
        typed = self.architecture.currentText().strip()
        renamed = typed and typed != self._found.architecture and self._found.architecture
        if renamed:
            self._named = typed
        if renamed or self._entries() != self._looked_with:
            self._ask()
            return
        if self._found.problem:
            return
        # A guess is not said by opening it: its tensors say it again, and what it assumes stays so.
        self.confirmed.emit(replace(self._looked_with, architecture=self._named))
        super().accept()

    def _entries(self) -> ConfirmedModel | None:
        """What the fields say; None where one of them holds no number."""
        try:
            return self.said.said
        except ValueError:
            return None

    def _entered(self) -> None:
        """What was typed is looked at; where it is known already, the default button has the key."""
        typed = self.architecture.currentText().strip()
        if typed != self._found.architecture:
            self._named = typed
            self._ask()
        elif self._entries() != self._looked_with:
            self._ask()

    def _chosen(self) -> None:
        self._named = self.architecture.currentText().strip()
        self._ask()

    def _ask(self) -> None:
        typed, said = self.architecture.currentText().strip(), self._entries()
        if said is None:
            self.show_failure(_(WRONG))
            return
        if typed or said != self._looked_with:
            self._looked_with = said
            self.open_button.setEnabled(False)
            self.asked.emit(replace(said, architecture=self._named))


def _architectures(found: RecognisedFile) -> QComboBox:
    """The likeliest names to choose from; any other that timm has can be typed."""
    from vitviz.models.catalogue.catalogue import catalogue

    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setAccessibleName(_("Architecture"))
    box.setToolTip(
        _(
            "The architecture, with the training whose preparation of pictures it shares.\n"
            "“timm/” before a TNT's name takes timm's class instead of vitviz's own network."
        )
    )
    box.addItems(list(dict.fromkeys(filter(None, (found.architecture, *found.others)))))
    completer = QCompleter([entry.name for entry in catalogue().entries], box)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    box.setCompleter(completer)
    editor = box.lineEdit()
    assert editor is not None
    editor.setPlaceholderText(_("Name its architecture: vit_small_patch16_224, swin_tiny …"))
    return box


def _whole(found: RecognisedFile) -> bool:
    return not (found.problem or found.missing or found.wrong)


def _said(found: RecognisedFile) -> str:
    tensors = ngettext("{count:,} tensor", "{count:,} tensors", found.tensors).format(
        count=found.tensors
    )
    said = _("{millions} numbers in {tensors}").format(
        millions=millions(found.numbers), tensors=tensors
    )
    if found.problem:
        return f"{said}."
    if not found.architecture:
        return _("{said}, by its shapes a {title} of sizes that timm has no name for.").format(
            said=said, title=found.title
        )
    return _("{said}, recognised {how}. Is this right?").format(said=said, how=_(_HOW[found.how]))


def _facts(found: RecognisedFile) -> str:
    rows = [
        (
            "Reads",
            _("{cols} × {rows} px, patches of {patch} px").format(
                cols=found.size[1], rows=found.size[0], patch=found.patch
            )
            if found.patch
            else _("{cols} × {rows} px").format(cols=found.size[1], rows=found.size[0]),
        ),
        (
            "Heads",
            f"{found.heads}" + (_(" (a guess: no shape says it)") if not found.architecture else "")
            if found.heads
            else "",
        ),
        ("Classes", _classes(found)),
        (
            _("Pictures"),
            _("mean {mean}, deviation {deviation}").format(
                mean=_numbers(found.mean), deviation=_numbers(found.std)
            ),
        ),
    ]
    quiet = theme.current().quiet
    style = f"color:{quiet};padding-right:12px"
    cells = "".join(
        f'<tr><td style="{style}">{what}</td><td>{html.escape(words)}</td></tr>'
        for what, words in rows
        if words
    )
    others = len(set(found.others) - {found.architecture})
    also = (
        _(
            "<p style='color:{quiet}'>{others} of timm's models have the same shapes; "
            "they may want pictures prepared otherwise. Choose the one that it was made "
            "from.</p>"
        ).format(quiet=quiet, others=others)
        if others and found.how != "said"
        else ""
    )
    guesses = ", ".join(each.value for each in assumed(found.evidence))
    amber = theme.current().assumed
    said = f"<p style='color:{amber}'>{_('Assumed')}: {html.escape(guesses)}</p>" if guesses else ""
    return f"<table cellspacing='0' cellpadding='1'>{cells}</table>{said}{also}"


def _classes(found: RecognisedFile) -> str:
    if not found.classes:
        return _("none: features, no predictions")
    said = found.labels_said or (
        _("named by its card")
        if found.labels
        else _("numbered; a classes.txt beside the file, or one chosen below, names them")
    )
    return f"{found.classes:,}; {said}"


def _numbers(values: tuple[float, ...]) -> str:
    texts = [shown_number(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


def _fit(found: RecognisedFile) -> str:
    if found.problem:
        return found.problem
    if _whole(found):
        left = (
            _("; {count} of the file's are left out").format(count=len(found.extra))
            if found.extra
            else ""
        )
        return _("All weights of the model are in the file{left}.").format(left=left)
    return _(
        "{share:.0%} of the model's weights are in the file; {count} tensors "
        "stay untrained, and the model will be called partly loaded."
    ).format(share=found.share, count=len(found.missing) + len(found.wrong))


def _lists(found: RecognisedFile) -> str:
    parts = (
        (_("Not in the file, left untrained"), found.missing),
        (_("Of another shape, left untrained"), found.wrong),
        (_("In the file but not in the model, left out"), found.extra),
    )
    return "".join(
        f"<p><b>{what}</b> ({len(names)})<br>{'<br>'.join(map(html.escape, names[:MOST]))}</p>"
        for what, names in parts
        if names
    )
