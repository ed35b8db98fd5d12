"""A checkpoint file opened: what it seems to be is shown for confirmation, with what does not fit."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
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
from shiboken6 import isValid

from vitviz.core.data.evidence import assumed
from vitviz.core.data.said_facts import NOTHING_SAID, SaidFacts
from vitviz.core.notation import shown_number
from vitviz.core.progress import Progress
from vitviz.gui.library.model_words import millions
from vitviz.gui.models.said_fields import SaidFields
from vitviz.gui.widgets import theme
from vitviz.session.session import Session
from vitviz.session.work.log import sentence
from vitviz.session.work.request import ModelRequest

if TYPE_CHECKING:
    from vitviz.models.loading.checkpoint.recognise import RecognisedFile

_HOW = {
    "card": "by the card beside it",
    "name": "by its name",
    "shapes": "by its shapes",
    "said": "as you say",
}
MOST = 200
"""Most names of tensors to list, and most files to remember."""


class CheckpointOpening:
    """Opens checkpoint files: at once where something says what they are, else after asking."""

    def __init__(
        self, parent: QWidget, session: Session, wish: Callable[[ModelRequest], None]
    ) -> None:
        self._parent, self._session, self._wish = parent, session, wish

    def open(self, path: str) -> None:
        """Looks at the file off the window's thread; then has it shown, or asks."""
        confirmed = self._session.settings.now.confirmed.get(path)
        if confirmed:
            self._wish_for(path, confirmed)
            return
        self._recognise(path, None, NOTHING_SAID, self._recognised, self._failed)

    def ask(self, request: ModelRequest) -> None:
        """Asks about a file that is open, with what was said of it before."""

        def shown(found: RecognisedFile) -> None:
            self._shown(found, request.facts)

        self._recognise(request.name, request.architecture, request.facts, shown, self._failed)

    def _recognised(self, found: RecognisedFile) -> None:
        if found.sure:
            self._wish_for(str(found.path), None)
            return
        self._shown(found, NOTHING_SAID)

    def _shown(self, found: RecognisedFile, facts: SaidFacts) -> None:
        dialog = CheckpointDialog(self._parent, found, facts)
        dialog.asked.connect(partial(self._look_again, dialog))
        dialog.confirmed.connect(partial(self._confirm, str(found.path)))
        dialog.rejected.connect(_let_go)
        dialog.open()

    def _look_again(self, dialog: CheckpointDialog, architecture: str, facts: SaidFacts) -> None:
        def done(found: RecognisedFile) -> None:
            if isValid(dialog):
                dialog.show_found(found)

        def failed(error: Exception) -> None:
            if isValid(dialog):
                dialog.show_failure(sentence(error, "recognising the file"))

        self._recognise(str(dialog.path), architecture or None, facts, done, failed)

    def _recognise(
        self,
        path: str,
        architecture: str | None,
        facts: SaidFacts,
        done: Callable[[RecognisedFile], None],
        failed: Callable[[Exception], None],
    ) -> None:
        def work(progress: Progress) -> RecognisedFile:
            from vitviz.models.loading.checkpoint.recognise import recognise
            from vitviz.models.loading.said import said_of

            return recognise(path, architecture, said=said_of(facts), progress=progress)

        self._session.jobs.submit(
            "recognise",
            work,
            lane="read",
            done=done,
            failed=failed,
            label=f"looking at {Path(path).name}",
        )

    def _failed(self, error: Exception) -> None:
        self._session.problems.emit([sentence(error, "opening a checkpoint file")])

    def _confirm(self, path: str, architecture: str, facts: SaidFacts) -> None:
        if architecture:
            known = {**self._session.settings.now.confirmed, path: architecture}
            self._session.settings.remember(confirmed=dict([*known.items()][-MOST:]))
        self._wish_for(path, architecture or None, facts)

    def _wish_for(
        self, path: str, architecture: str | None, facts: SaidFacts = NOTHING_SAID
    ) -> None:
        request = self._session.request
        self._wish(
            replace(
                request,
                name=path,
                architecture=architecture,
                patch_size=None,
                input_size=None,
                pretrained=True,
                facts=facts,
            )
        )


def _let_go() -> None:
    """Frees the tensors that were read to be looked at: nobody opens them."""
    from vitviz.models.loading.checkpoint.checkpoint import forget_checkpoint

    forget_checkpoint()


class CheckpointDialog(QDialog):
    """Shows what a file seems to be; another architecture can be named, and is tried at once."""

    asked = Signal(str, object)
    confirmed = Signal(str, object)

    def __init__(
        self, parent: QWidget, found: RecognisedFile, facts: SaidFacts = NOTHING_SAID
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Open checkpoint file")
        self.resize(560, 480)
        self.path = found.path
        name, self._said = QLabel(found.path.name), QLabel()
        name.setObjectName("hero")
        name.setFont(theme.font(3, bold=True))
        name.setWordWrap(True)
        self._said.setObjectName("quiet")
        self._said.setWordWrap(True)
        self.architecture = _architectures(found)
        self.architecture.activated.connect(self._ask)
        editor = self.architecture.lineEdit()
        assert editor is not None
        editor.returnPressed.connect(self._entered)
        self._looked_with = facts
        self.said = SaidFields()
        self.said.show_facts(facts)
        self.said.entered.connect(self._entered)
        self.facts, self.fit = QLabel(), QLabel()
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        for label in (self.facts, self.fit):
            label.setWordWrap(True)
        self.names = QTextBrowser()
        self.names.setFont(theme.font(-1))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.open_button = QPushButton("Open")
        self.buttons.addButton(self.open_button, QDialogButtonBox.ButtonRole.AcceptRole)
        self.open_button.setDefault(True)
        # Enter must never mean it, not even while the other button waits for an answer.
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        for widget in (name, self._said, self.architecture, self.facts, self.said, self.fit):
            layout.addWidget(widget)
        layout.addWidget(self.names, 1)
        layout.addStretch(0)
        layout.addWidget(self.buttons)
        self.show_found(found)

    def show_found(self, found: RecognisedFile) -> None:
        """Shows what the file is, taken for what is named now."""
        self._found = found
        self._said.setText(_said(found))
        if found.architecture:
            blocker = QSignalBlocker(self.architecture)
            self.architecture.setEditText(found.architecture)
            blocker.unblock()
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
        self.open_button.setText("Open partly loaded" if partly else "Open")
        self._fit_height()

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
        if renamed or self._facts() != self._looked_with:
            self._ask()
            return
        if self._found.problem:
            return
        self.confirmed.emit(self._found.architecture, self._looked_with)
        super().accept()

    def _facts(self) -> SaidFacts | None:
        """What the fields say; None where one of them holds no number."""
        try:
            return self.said.facts
        except ValueError:
            return None

    def _entered(self) -> None:
        """What was typed is looked at; where it is known already, the default button has the key."""
        typed = self.architecture.currentText().strip()
        if typed != self._found.architecture or self._facts() != self._looked_with:
            self._ask()

    def _ask(self) -> None:
        typed, facts = self.architecture.currentText().strip(), self._facts()
        if facts is None:
            self.show_failure("Heads, window, mean and deviation are numbers: 6, or 0.5,0.5,0.4.")
            return
        if typed or facts != self._looked_with:
            self._looked_with = facts
            self.open_button.setEnabled(False)
            self.asked.emit(typed, facts)


def _architectures(found: RecognisedFile) -> QComboBox:
    """The likeliest names to choose from; any other that timm has can be typed."""
    from vitviz.models.catalogue.catalogue import catalogue

    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setAccessibleName("Architecture")
    box.setToolTip(
        "The architecture, with the training whose preparation of pictures it shares.\n"
        "“timm/” before a TNT's name takes timm's class instead of vitviz's own network."
    )
    box.addItems(list(dict.fromkeys(filter(None, (found.architecture, *found.others)))))
    completer = QCompleter([entry.name for entry in catalogue().entries], box)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    box.setCompleter(completer)
    editor = box.lineEdit()
    assert editor is not None
    editor.setPlaceholderText("Name its architecture: vit_small_patch16_224, swin_tiny …")
    return box


def _whole(found: RecognisedFile) -> bool:
    return not (found.problem or found.missing or found.wrong)


def _said(found: RecognisedFile) -> str:
    tensors = "1 tensor" if found.tensors == 1 else f"{found.tensors:,} tensors"
    said = f"{millions(found.numbers)} numbers in {tensors}"
    if found.problem:
        return f"{said}."
    if not found.architecture:
        return f"{said}, by its shapes a {found.title} of sizes that timm has no name for."
    return f"{said}, recognised {_HOW[found.how]}. Is this right?"


def _facts(found: RecognisedFile) -> str:
    rows = [
        (
            "Reads",
            f"{found.size[1]} × {found.size[0]} px, patches of {found.patch} px"
            if found.patch
            else f"{found.size[1]} × {found.size[0]} px",
        ),
        (
            "Heads",
            f"{found.heads}" + (" (a guess: no shape says it)" if not found.architecture else "")
            if found.heads
            else "",
        ),
        ("Classes", _classes(found)),
        ("Pictures", f"mean {_numbers(found.mean)}, deviation {_numbers(found.std)}"),
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
        f"<p style='color:{quiet}'>{others} of timm's models have the same shapes; they may want "
        "pictures prepared otherwise. Choose the one that it was made from.</p>"
        if others and found.how != "said"
        else ""
    )
    guesses = ", ".join(each.value for each in assumed(found.evidence))
    amber = theme.current().assumed
    said = f"<p style='color:{amber}'>Assumed: {html.escape(guesses)}</p>" if guesses else ""
    return f"<table cellspacing='0' cellpadding='1'>{cells}</table>{said}{also}"


def _classes(found: RecognisedFile) -> str:
    if not found.classes:
        return "none: features, no predictions"
    said = found.labels_said or (
        "named by its card"
        if found.labels
        else "ImageNet's names"
        if found.classes == 1000
        else "numbered; a classes.txt beside the file would name them"
    )
    return f"{found.classes:,}; {said}"


def _numbers(values: tuple[float, ...]) -> str:
    texts = [shown_number(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)


def _fit(found: RecognisedFile) -> str:
    if found.problem:
        return found.problem
    if _whole(found):
        left = f"; {len(found.extra)} of the file's are left out" if found.extra else ""
        return f"All weights of the model are in the file{left}."
    return (
        f"{found.share:.0%} of the model's weights are in the file; "
        f"{len(found.missing) + len(found.wrong)} tensors stay untrained, and the model will be "
        "called partly loaded."
    )


def _lists(found: RecognisedFile) -> str:
    parts = (
        ("Not in the file, left untrained", found.missing),
        ("Of another shape, left untrained", found.wrong),
        ("In the file but not in the model, left out", found.extra),
    )
    return "".join(
        f"<p><b>{what}</b> ({len(names)})<br>{'<br>'.join(map(html.escape, names[:MOST]))}</p>"
        for what, names in parts
        if names
    )
