"""A folder that is asked in a window: where else is this patch, which pictures excite this head."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from vitviz.core.data.drawing import Drawing
from vitviz.core.data.selection import Place, Selection, place_of, token_words
from vitviz.core.data.trace import Picture, Trace
from vitviz.core.language import N_, _
from vitviz.core.progress import Progress, VitvizError
from vitviz.folders.index.kept_index import is_index, kept_index
from vitviz.folders.index.vector_index import IndexKind, VectorIndex, open_index
from vitviz.gui.figure.figure_saving import FIGURES, ask_where, first_name, save_to
from vitviz.gui.folders.folder_window import FolderWindow
from vitviz.session.session import Session
from vitviz.session.work.log import sentence

if TYPE_CHECKING:
    from vitviz.folders.index.index_query import IndexAnswer
    from vitviz.folders.index.index_run import IndexOutcome
    from vitviz.models import Model

EMPTY = N_("No folder yet: choose one of pictures or an index, or drop it here")
ALIKE, EXCITED = N_("Where else is the chosen patch"), N_("What excites a feature most")
HEAD = N_("What excites a head most")
BEST, CHOSEN = N_("its best patch"), N_("the chosen patch")
KIND_HELP = N_(
    "What is kept of each patch: the token after the layer, its query, key or value of all heads side "
    "by side, or heads: the length of each head's output"
)


class IndexWindow(FolderWindow):
    """Asks all pictures of a folder at once; what is chosen in the window behind it is the question.

    `index` is the one that is open, `answer` the last one that it gave. A found picture is opened by
    a double click, with the place that was found chosen in it.
    """

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent, session, _("Find in a folder"), _(EMPTY))
        self.index: VectorIndex | None = None
        self.answer: IndexAnswer | None = None
        self.drawn: Drawing | None = None
        self._own: Model | None = None
        self._picture: Picture | None = None
        self._wanted: dict[Place, str] = {}
        self._unwanted: dict[Place, str] = {}
        self._question = ("find", id(self))
        self.kind, self.layer = QComboBox(), QSpinBox()
        for kind in get_args(IndexKind):
            self.kind.addItem(_(kind), kind)
        self.kind.setToolTip(_(KIND_HELP))
        depth = len(session.trace.layers) if session.trace is not None else 12
        self.layer.setRange(1, max(depth, 1))
        self.layer.setValue(session.selection.layer(depth) + 1)
        self.layer.setToolTip(_("Counted from 1, as everywhere on screen"))
        self.asked, self.number, self.at = QComboBox(), QSpinBox(), QComboBox()
        self._offer(ALIKE, EXCITED)
        self.number.setMinimum(1)
        for at in (BEST, CHOSEN):
            self.at.addItem(_(at), at)
        self.most = QSpinBox()
        self.most.setRange(1, 100)
        self.most.setValue(12)
        self.looked_for = QListWidget()
        self.looked_for.setAccessibleName(_("What is looked for"))
        self.looked_for.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.also, self.less = QPushButton(_("Also this")), QPushButton(_("Not this"))
        self.clear = QPushButton(_("Clear"))
        self.start.setText(_("Index"))
        self.save.setToolTip(_("The found pictures as a figure"))
        self._lay_out(self._asked_part())
        self._connect()
        self._tell_question()

    def _asked_part(self) -> QWidget:
        part = QWidget()
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        form.addRow(_("Kept of each patch"), self.kind)
        form.addRow(_("After layer"), self.layer)
        column.addLayout(form)
        column.addWidget(self.start)
        self._asking = QWidget()
        asking = QVBoxLayout(self._asking)
        asking.setContentsMargins(0, 0, 0, 0)
        asking.addSpacing(12)
        asking.addWidget(self.asked)
        self._alike, self._excited = QWidget(), QWidget()
        alike = QVBoxLayout(self._alike)
        alike.setContentsMargins(0, 0, 0, 0)
        alike.addWidget(self.looked_for)
        buttons = QHBoxLayout()
        for button, words in (
            (self.also, _("Look for the chosen patch too: several are looked for together")),
            (self.less, _("Look for what is not like the chosen patch")),
            (self.clear, _("Look for the chosen patch alone")),
        ):
            button.setAutoDefault(False)
            button.setToolTip(words)
            buttons.addWidget(button)
        alike.addLayout(buttons)
        excited = QFormLayout(self._excited)
        excited.setContentsMargins(0, 0, 0, 0)
        excited.addRow(_("Number"), self.number)
        excited.addRow(_("At"), self.at)
        asking.addWidget(self._alike)
        asking.addWidget(self._excited)
        pictures = QFormLayout()
        pictures.addRow(_("Pictures"), self.most)
        asking.addLayout(pictures)
        column.addWidget(self._asking, 1)
        column.addStretch(0)
        column.addWidget(self.save)
        self._asking.setEnabled(False)
        self._excited.hide()
        return part

    def _connect(self) -> None:
        self.kind.currentIndexChanged.connect(self._kept_one)
        self.layer.valueChanged.connect(self._kept_one)
        self.asked.currentIndexChanged.connect(self._asked_otherwise)
        self.number.valueChanged.connect(self.ask)
        self.at.currentIndexChanged.connect(self.ask)
        self.most.valueChanged.connect(self.ask)
        self.also.clicked.connect(self._look_for)
        self.less.clicked.connect(self._look_away)
        self.clear.clicked.connect(self._look_anew)
        self.canvas.panel_double_clicked.connect(self._open)
        self._links.connect(self._session.chosen.changed, self._chosen_anew)
        self._links.connect(self._session.columns.trace_came, self._came)

    def take_folder(self, folder: Path) -> None:
        """Chooses a folder of pictures, or an index; one that was indexed before is asked at once."""
        self._session.jobs.cancel(self._key)
        self._forget()
        if is_index(folder):
            self.folder = None
            self.place.show_text(str(folder))
            self.start.setEnabled(False)
            self._take_index(folder)
            return
        self.folder = folder
        self.place.show_text(str(folder))
        self.start.setEnabled(True)
        self.start.setFocus()
        self._rest("Index")
        self._kept_one()

    def _kept_one(self) -> None:
        """The index of this folder, kind and layer, where there is one."""
        if self.folder is None:
            return
        place = self._place(self.folder)
        self._forget()
        if is_index(place):
            self._take_index(place)
            return
        self._say(
            _("Index reads every picture once, in folders inside it too; then it can be asked.")
        )

    def _place(self, folder: Path) -> Path:
        kind = cast("IndexKind", self.kind.currentData())
        said = repr(self._session.request.model)
        return kept_index(folder, said, kind, self.layer.value() - 1)

    def begin(self) -> None:
        """Reads every picture of the folder that the index does not have as it is now."""
        if self.folder is None:
            return
        from vitviz.folders.index.index_run import IndexOrder

        request, engine = self._session.request, self._session.models_at_work
        kind = cast("IndexKind", self.kind.currentData())
        order = IndexOrder(self.folder, kind, self.layer.value() - 1, fit=request.fit)
        place, model_of = self._place(self.folder), partial(engine.load, request)

        def work(progress: Progress) -> IndexOutcome:
            from vitviz.folders.index.index_run import index_folder

            place.parent.mkdir(parents=True, exist_ok=True)
            return index_folder(order, place, model=model_of(progress), progress=progress)

        self._work()
        self._session.jobs.submit(
            self._key,
            work,
            lane="folder",
            done=partial(self._indexed, place),
            failed=self._failed,
            label=_("indexing {name}").format(name=self.folder.name),
        )

    def _indexed(self, place: Path, found: IndexOutcome) -> None:
        if not isValid(self):
            return
        self._rest("Index")
        left = (
            _("; {count} could not be used").format(count=len(found.broken)) if found.broken else ""
        )
        self.place.show_text(
            _("{folder}: {count:,} pictures{left}").format(
                folder=self.folder, count=found.added + found.before, left=left
            )
        )
        self._take_index(place)

    def _failed(self, error: Exception) -> None:
        if isValid(self):
            self._rest("Index")
            self._say(sentence(error, _("reading the folder")))

    def _take_index(self, place: Path) -> None:
        """Opens an index and asks it what is chosen."""
        try:
            self.index = open_index(place)
        except VitvizError as error:
            self._say(str(error))
            return
        about = self.index.about
        self._asking.setEnabled(True)
        self.asked.blockSignals(True)
        self.asked.clear()
        self._offer(*((HEAD,) if about.by_length else (ALIKE, EXCITED)))
        self.asked.blockSignals(False)
        self.number.setMaximum(max(about.dim, 1))
        self._asked_otherwise()

    def _offer(self, *questions: str) -> None:
        for question in questions:
            self.asked.addItem(_(question), question)

    def _asked_otherwise(self) -> None:
        alike = self.asked.currentData() == ALIKE
        self._alike.setVisible(alike)
        self._excited.setVisible(not alike)
        self.ask()

    def ask(self) -> None:
        """Asks the index what is asked for now; the newest question wins."""
        index, trace = self.index, self._session.trace
        if index is None:
            return
        if self.asked.currentData() == ALIKE:
            picture, wanted = self._picture, list(self._wanted)
            if not wanted and trace is not None:
                picture, wanted = trace.picture, [_pinned(self._session.selection, trace)]
            if picture is None:
                self._say(_("Open a picture and choose a patch in it: that is what is looked for."))
                return
            work = partial(self._find, index, picture, wanted, list(self._unwanted))
        else:
            at = None
            if self.at.currentData() == CHOSEN and trace is not None:
                at = trace.grid.place(self._session.selection.token(trace.grid, trace.crop))
            work = partial(self._excite, index, self.number.value() - 1, at)
        self._session.jobs.submit(
            self._question,
            work,
            lane="draw",
            done=self._answered,
            failed=self._unanswered,
            label=_("asking the index"),
        )

    def _find(
        self,
        index: VectorIndex,
        picture: Picture,
        wanted: list[Place],
        unwanted: list[Place],
        progress: Progress,
    ) -> tuple[IndexAnswer, Drawing]:
        from vitviz.folders.index.answer_drawing import answer_drawing
        from vitviz.folders.index.index_query import where_else

        known = index.entry(picture.key) is not None
        model = None if known else self._asking_model(index, progress)
        found = where_else(
            index, picture, wanted, unlike=unwanted, count=self.most.value(), model=model
        )
        return found, answer_drawing(index, found)

    def _asking_model(self, index: VectorIndex, progress: Progress) -> Model:
        """For a picture that is not in the index: the active column's model where it made the index,
        else the index's own, which is kept.
        """
        from vitviz.folders.index.index_query import model_of

        here = self._session.models_at_work.load(self._session.request, progress)
        if (here.info.weights_hash or here.info.weights) == index.about.weights:
            return here
        if self._own is None:
            self._own = model_of(index, progress)
        return self._own

    def _excite(
        self, index: VectorIndex, number: int, at: tuple[int, int] | None, _progress: Progress
    ) -> tuple[IndexAnswer, Drawing]:
        from vitviz.folders.index.answer_drawing import answer_drawing
        from vitviz.folders.index.index_query import excited

        found = excited(index, number, token=at, count=self.most.value())
        return found, answer_drawing(index, found)

    def _answered(self, found: tuple[IndexAnswer, Drawing]) -> None:
        if isValid(self):
            self.answer, self.drawn = found
            self._show_drawing(self.drawn)
            self._say(
                _("{caption} A double click opens a picture where it was found.").format(
                    caption=self.drawn.caption
                )
            )

    def _unanswered(self, error: Exception) -> None:
        if isValid(self):
            self._say(sentence(error, _("asking the index")))

    def _chosen_anew(self, _new: Selection, _old: Selection) -> None:
        self._follow()

    def _came(self, _live: object, _old: object, trace: Trace) -> None:
        self.layer.setMaximum(max(len(trace.layers), 1))
        self._follow()

    def _follow(self) -> None:
        """Another patch is chosen: it is the question where no others are kept."""
        if not isValid(self):
            return
        self._tell_question()
        if not self._wanted or self.at.currentData() == CHOSEN:
            self.ask()

    def _look_for(self) -> None:
        self._keep(self._wanted)

    def _look_away(self) -> None:
        trace = self._session.trace
        if not self._wanted and trace is not None and self.answer is not None:
            self._say(
                _("Keep with Also this what is looked for first; then choose what it is not.")
            )
            return
        self._keep(self._unwanted)

    def _keep(self, among: dict[Place, str]) -> None:
        trace = self._session.trace
        if trace is None:
            return
        if self._picture is not None and self._picture.key != trace.picture.key:
            self._wanted.clear()
            self._unwanted.clear()
        self._picture = trace.picture
        place = _pinned(self._session.selection, trace)
        among[place] = _words(trace, place)
        self._tell_question()
        if self._wanted:
            self.ask()

    def _look_anew(self) -> None:
        self._wanted.clear()
        self._unwanted.clear()
        self._picture = None
        self._tell_question()
        self.ask()

    def _tell_question(self) -> None:
        """Lists what is looked for, and what not."""
        trace = self._session.trace
        self.looked_for.clear()
        if trace is None:
            return
        if not self._wanted:
            self.looked_for.addItem(
                _("{token} (follows)").format(token=_words(trace, self._session.selection.pin))
            )
        self.looked_for.addItems(
            [_("like {each}").format(each=each) for each in self._wanted.values()]
        )
        self.looked_for.addItems(
            [_("not {each}").format(each=each) for each in self._unwanted.values()]
        )

    def _open(self, panel: int) -> None:
        """Opens a found picture in the window behind, with what was found in it chosen."""
        answer, index = self.answer, self.index
        if answer is None or index is None:
            return
        at = panel - (1 if answer.query is not None else 0)
        if not 0 <= at < len(answer.places):
            return
        found = answer.places[at]
        box = index.about.grid.box(found.token)
        if box is not None:
            self._keep_question()
            spot = found.entry.crop.to_original(box.centre)
            self._session.chosen.pin(Place(spot=spot))
        self._session.open([index.file(found.entry)])

    def _keep_question(self) -> None:
        """What was asked stays asked, though another place is chosen now."""
        if not self._wanted and self.asked.currentData() == ALIKE:
            self._look_for()

    def _forget(self) -> None:
        self._session.jobs.cancel(self._question)
        self.index = self.answer = self.drawn = self._own = None
        self._asking.setEnabled(False)
        self._show_nothing()

    def _save(self) -> None:
        drawing = self.drawn
        if drawing is None:
            return
        first = first_name(self._session, drawing, ".pdf")
        path = ask_where(self, _("Save what was found"), first, _(FIGURES))
        if path is None:
            return

        def work(_progress: Progress) -> None:
            from vitviz.figures.save import save

            save(drawing, path, overwrite=True)

        save_to(self._session, path, work, self._say, self._say)


def _pinned(selection: Selection, trace: Trace) -> Place:
    """What is pinned in a trace, or what is drawn for instead."""
    place = selection.pin
    if place.token(trace.grid, trace.crop) is not None:
        return place
    pinned = Selection(pin=place).token(trace.grid, trace.crop)
    return place_of(pinned, trace.grid, trace.crop)


def _words(trace: Trace, place: Place) -> str:
    token = Selection(pin=place).token(trace.grid, trace.crop)
    return _("{token} of {name}").format(
        token=token_words(trace.grid, token), name=trace.picture.name
    )
