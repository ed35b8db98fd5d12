"""The patch-size lab: what another patch or picture size means and costs, before it is loaded."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.language import _
from vitviz.core.measures.cost import ModelDimensions, Size, cost, note, patch_sizes
from vitviz.gui.models.patch_facts import CostTable, GridPreview
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.work.request import ModelRequest

SHARES = (0.5, 0.75, 1, 1.25, 1.5, 2)
"""Picture sizes offered, as shares of the model's own."""


class PatchSizeForm(QWidget):
    """Chooses a patch size and a picture size for one model; says at once what they cost."""

    wished = Signal(object)
    """The `ModelRequest` to show instead of this one."""
    beside = Signal(object)
    """The `ModelRequest` to show beside this one."""

    def __init__(self) -> None:
        super().__init__()
        self._request: ModelRequest | None = None
        self._model: ModelDimensions | None = None
        self._patches: tuple[int, ...] = ()
        self._offered: tuple[Size, ...] = ()
        self._preview = GridPreview()
        self._title = QLabel()
        self._title.setObjectName("title")
        self._title.setWordWrap(True)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName(_("Patch size"))
        self._slider.setPageStep(1)
        self._slider.valueChanged.connect(self._changed)
        self._number = QLabel()
        self._number.setFont(theme.font(numbers=True))
        self._number.setMinimumWidth(44)
        self._sizes = QComboBox()
        self._sizes.setAccessibleName(_("Picture size"))
        self._sizes.setToolTip(
            _("Pixels that the model reads; its position embeddings are resampled")
        )
        self._sizes.currentIndexChanged.connect(self._sized)
        self._costs = CostTable()
        self._note = QLabel()
        self._note.setWordWrap(True)
        # Two lines from the start: a longer reason must not run into what stands above it.
        self._note.setMinimumHeight(2 * self._note.fontMetrics().lineSpacing())
        self._use, self._beside = QPushButton(_("Use here")), QPushButton(_("Open beside"))
        self._use.clicked.connect(self._used)
        self._beside.clicked.connect(self._put_beside)
        self._lay_out()

    def show_model(self, request: ModelRequest, model: ModelDimensions) -> None:
        """Starts from a model as it is shown; `model` are its dimensions at its own sizes."""
        self._request, self._model = request, model
        self._title.setText(
            _("Patch size of {model}").format(model=request.words.partition(", patch")[0])
        )
        now = request.input_size or model.input_size
        chosen = (now, now) if isinstance(now, int) else now
        blocker = QSignalBlocker(self._sizes)
        self._sizes.clear()
        self._offered = picture_sizes(model, chosen)
        for size in self._offered:
            own = _(" (its own)") if size == model.input_size else ""
            self._sizes.addItem(
                _("{cols} × {rows} pixels{own}").format(cols=size[1], rows=size[0], own=own)
            )
        self._sizes.setCurrentIndex(self._offered.index(chosen))
        blocker.unblock()
        self._offer(request.patch_size or model.patch)

    def show_picture(self, image: QImage | None) -> None:
        """The picture below the preview of the patches."""
        self._preview.show_picture(image)

    @property
    def wanted(self) -> ModelRequest | None:
        """The model with the sizes chosen; None before one is shown, or where nothing fits."""
        if self._request is None or self._model is None or not self._patches:
            return None
        patch, size = self._patches[self._slider.value()], self._size()
        return replace(
            self._request,
            patch_size=None if patch == self._model.patch else patch,
            input_size=None if size == self._model.input_size else _plain(size),
        )

    def _size(self) -> Size:
        return self._offered[self._sizes.currentIndex()]

    def _sized(self, _index: int) -> None:
        if self._patches:
            self._offer(self._patches[self._slider.value()])

    def _offer(self, near: int) -> None:
        """Offers the patch sizes that fit the picture, and takes the one nearest to another."""
        assert self._model is not None
        self._patches = patch_sizes(self._model, self._size())
        index = min(
            range(len(self._patches)), key=lambda one: abs(self._patches[one] - near), default=0
        )
        blocker = QSignalBlocker(self._slider)
        self._slider.setRange(0, max(len(self._patches) - 1, 0))
        self._slider.setValue(index)
        blocker.unblock()
        self._slider.setEnabled(len(self._patches) > 1)
        listed = ", ".join(map(str, self._patches))
        self._slider.setToolTip(
            _("Patch sizes that divide the picture: {sizes} pixels").format(
                sizes=listed or _("none")
            )
        )
        self._changed(index)

    def _changed(self, index: int) -> None:
        model, request = self._model, self.wanted
        if model is None:
            return
        known = request is not None and not model.fixed
        self._costs.setVisible(known)
        self._preview.setVisible(known)
        self._form.setRowVisible(self._sizes, known)
        differs = known and request != self._now()
        self._use.setEnabled(differs)
        self._beside.setEnabled(differs)
        if not known:
            self._number.setText(_("{patch} px").format(patch=model.patch) if model.patch else "")
            self._say(f"{model.fixed or _('No patch size fits this picture')}.", "")
            return
        patch = self._patches[index]
        self._number.setText(_("{patch} px").format(patch=patch))
        found = cost(model, patch, self._size())
        self._costs.show_cost(found)
        self._preview.show_grid(found.grid)
        said = _trained(model, patch, self._size())
        self._say(said, "bad" if note(model, patch) else "good")

    def _now(self) -> ModelRequest | None:
        """The request as it is shown, in the words of `wanted`."""
        if self._request is None or self._model is None:
            return None
        size = self._request.input_size
        both = (size, size) if isinstance(size, int) else size
        return replace(
            self._request,
            patch_size=None
            if self._request.patch_size == self._model.patch
            else self._request.patch_size,
            input_size=None if both in (None, self._model.input_size) else _plain(both),
        )

    def _say(self, text: str, state: str) -> None:
        self._note.setText(text)
        self._note.setProperty("state", state)
        self._note.style().unpolish(self._note)
        self._note.style().polish(self._note)

    def _used(self) -> None:
        self.wished.emit(self.wanted)

    def _put_beside(self) -> None:
        self.beside.emit(self.wanted)

    def _lay_out(self) -> None:
        patch = QHBoxLayout()
        patch.setSpacing(UNIT)
        patch.addWidget(self._slider, 1)
        patch.addWidget(self._number)
        form = self._form = QFormLayout()
        form.setHorizontalSpacing(2 * UNIT)
        form.setVerticalSpacing(UNIT)
        form.addRow(_("Patch"), patch)
        form.addRow(_("Picture"), self._sizes)
        buttons = QHBoxLayout()
        buttons.setSpacing(UNIT)
        buttons.addStretch(1)
        buttons.addWidget(self._use)
        buttons.addWidget(self._beside)
        beside = QHBoxLayout()
        beside.setSpacing(2 * UNIT)
        beside.addWidget(self._preview, 0, Qt.AlignmentFlag.AlignTop)
        beside.addWidget(self._costs, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * UNIT, 2 * UNIT, 2 * UNIT, 2 * UNIT)
        layout.setSpacing(int(1.5 * UNIT))
        layout.addWidget(self._title)
        layout.addLayout(form)
        layout.addLayout(beside)
        layout.addWidget(self._note)
        layout.addStretch(1)
        layout.addLayout(buttons)
        self.setMinimumWidth(340)


def picture_sizes(model: ModelDimensions, chosen: Size) -> tuple[Size, ...]:
    """Picture sizes to offer, in whole patches of the model's own; the chosen one among them."""
    if model.fixed or not model.patch:
        return (chosen,)
    found = {model.input_size, chosen}
    for share in SHARES:
        rows, cols = (
            max(2, round(share * side / model.patch)) * model.patch for side in model.input_size
        )
        found.add((rows, cols))
    return tuple(sorted(found))


def _trained(model: ModelDimensions, patch: int, size: Size) -> str:
    """What must be known of the sizes chosen, in sentences."""
    said = note(model, patch)
    words = f"{said[:1].upper()}{said[1:]}." if said else _("Trained at this patch size.")
    if size == model.input_size:
        return words
    rows, cols = model.input_size
    return _("{words} Trained on pictures of {cols} × {rows} pixels.").format(
        words=words, cols=cols, rows=rows
    )


def _plain(size: Size) -> int | Size:
    return size[0] if size[0] == size[1] else size
