"""What can be chosen for a figure: what it goes over, its paper, and what stands beside the maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vitviz.core.data.drawing import Drawing
from vitviz.core.language import N_, _
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.figure.figure_composition import COLUMNS, VIEWS, FigureComposition

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle

PRESETS = ((N_("One column"), 85.0), (N_("Text width"), 180.0), (N_("Slide"), 254.0))
HEIGHT, SLIDE, NO_LIMIT = 240.0, 143.0, 39.0
"""The most that a page is high in millimetres, a slide, and what says that it may be of any height."""
SWITCHES = (
    ("title", N_("Title"), True, ""),
    ("labels", N_("Labels"), True, N_("The heading of each panel")),
    ("letters", N_("Letters a, b, c"), False, N_("A letter before each panel")),
    ("facts", N_("Numbers beside"), True, N_("The figures that a panel states")),
    ("caption", N_("Caption"), True, N_("Model, picture and options below")),
    ("method", N_("Method"), False, N_("The view's formula in the caption")),
)
_OWN = N_("as it is")


@dataclass(frozen=True, slots=True)
class FigureChoices:
    """All that is chosen in the form."""

    ways: tuple[str, ...]
    panel: int | None
    one_range: bool
    heading: str
    width_mm: float
    height_mm: float
    dpi: int
    font: str
    size: float
    background: str
    bars: str
    title: bool
    labels: bool
    letters: bool
    facts: bool
    caption: bool
    method: bool
    numbers: bool
    seconds: float

    def composition(self, first: FigureComposition) -> FigureComposition:
        """What is to be on the page."""
        return replace(
            first,
            ways=self.ways,
            panel=self.panel,
            one_range=self.one_range or self.bars == "shared",
            method=self.method,
            title=self.heading or None,
        )

    def paper(self) -> PaperStyle:
        """What it is printed on. Imports matplotlib's side: not for the window's thread."""
        from vitviz.figures.paper import PaperStyle

        return PaperStyle(
            self.width_mm,
            self.dpi,
            self.font,
            self.size,
            self.background,
            self.title,
            self.labels,
            self.letters,
            self.facts,
            self.caption,
            self.bars,  # type: ignore[arg-type]
            grid=bool(self.ways),
            height_mm=self.height_mm if self.height_mm > NO_LIMIT else None,
        )


class FigureForm(QWidget):
    """The choices in three groups; announces every change."""

    changed = Signal()

    def __init__(self, first: FigureComposition) -> None:
        super().__init__()
        self._first = first
        self._panels: tuple[str, ...] = ()
        self.across, self.across_list = self._way(first)
        self.down, self.down_list = self._way(first)
        self.panel = _choice([(_("All panels"), None)])
        self.one_range = _switch(
            _("One colour range"), True, _("One colour means one value on the page")
        )
        self.heading = QLineEdit()
        self.heading.setPlaceholderText(_("as usual"))
        self.width_preset = _choice(
            [*((_(words), each) for words, each in PRESETS), (_("Own width"), 0.0)], 1
        )
        self.page_width = _number(40, 2000, 180, " mm")
        self.page_height = _number(NO_LIMIT, 2000, HEIGHT, " mm")
        self.page_height.setSpecialValueText(_("any height"))
        self.page_height.setToolTip(
            _(
                "What is higher goes on on further pages of a PDF, or in further files of other kinds"
            )
        )
        self.dpi = QSpinBox(minimum=50, maximum=1200, value=300, singleStep=50, suffix=" dpi")
        self.font_box = _choice([("DejaVu Sans", "DejaVu Sans")])
        self.type_size = _number(4, 24, 7, " pt", 0.5)
        self.background = _choice(
            [(_("White"), "white"), (_("Transparent"), "transparent"), (_("Light grey"), "#f2f2f2")]
        )
        self.bars = _choice(
            [(_("One for each map"), "each"), (_("One for all"), "shared"), (_("None"), "none")]
        )
        self.switches = {name: _switch(_(words), on, _(tip)) for name, words, on, tip in SWITCHES}
        self.numbers = _switch(
            _("Save the numbers too"),
            False,
            _("The same as .npz and .csv beside it; the first line of the .csv is the recipe"),
        )
        self.seconds = _number(0.05, 10, 0.4, " s", 0.1)
        self._fill()
        if VIEWS in first.ways:
            self.across.setCurrentIndex(self.across.findData(VIEWS))
            self._changed()
        self._listen()

    def asked(self) -> FigureChoices:
        """What is chosen now."""
        ways = [
            f"{box.currentData()}={which}" if (which := _listed(line)) else box.currentData()
            for box, line in ((self.down, self.down_list), (self.across, self.across_list))
            if box.currentData()
        ]
        chosen = {name: switch.isChecked() for name, switch in self.switches.items()}
        return FigureChoices(
            tuple(ways),
            self.panel.currentData(),
            self.one_range.isChecked(),
            self.heading.text().strip(),
            self.page_width.value(),
            self.page_height.value(),
            self.dpi.value(),
            self.font_box.currentData(),
            self.type_size.value(),
            self.background.currentData(),
            self.bars.currentData(),
            numbers=self.numbers.isChecked(),
            seconds=self.seconds.value(),
            **chosen,
        )

    def show_panels(self, drawing: Drawing) -> None:
        """Offers the panels of the drawing, without announcing a change."""
        names = tuple(
            panel.title or _("panel {at}").format(at=at)
            for at, panel in enumerate(drawing.panels, 1)
        )
        if len(names) == len(self._panels):
            return
        self._panels, chosen = names, self.panel.currentData()
        self.panel.blockSignals(True)
        self.panel.clear()
        ways = self.asked().ways
        self.panel.addItem(_("All panels") if ways in ((), (VIEWS,)) else _("The first map"), None)
        for at, name in enumerate(names):
            self.panel.addItem(name, at)
        self.panel.setCurrentIndex(max(self.panel.findData(chosen), 0))
        self.panel.blockSignals(False)

    def _way(self, first: FigureComposition) -> tuple[QComboBox, QLineEdit]:
        """What to go over, and which of it."""
        ways = [
            (_(_OWN), ""),
            (_("all layers"), "layer"),
            (_("all heads"), "head"),
            (_("tokens"), "token"),
        ]
        if first.view.traces == 1 and first.subject.runs is not None:
            if len(first.subject.runs.pictures) > 1:
                ways.append((_("all pictures"), "picture"))
            if first.sizes:
                ways.append((_("patch sizes"), "size"))
        if len(first.beside) > 1:
            ways.append((_("all columns"), COLUMNS))
        if len(first.views) > 1:
            ways.append((_("all views"), VIEWS))
        ways += [
            (option.label, option.name)
            for option in first.view.options
            if option.kind in ("choice", "switch", "number")
        ]
        which = QLineEdit()
        which.setPlaceholderText(_("all"))
        which.setToolTip(
            _(
                "Which, such as 0,3,6-11; tokens as class;7,7; patch sizes as 32;16;8; "
                "values as 0.1,0.5"
            )
        )
        which.setFixedWidth(96)
        which.setEnabled(False)
        return _choice(ways), which

    def _fill(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, UNIT, 0)
        layout.setSpacing(UNIT)
        layout.addWidget(_heading(_("What is on the page")))
        layout.addLayout(
            _rows(
                (_("Across"), _beside(self.across, self.across_list)),
                (_("Down"), _beside(self.down, self.down_list)),
                (_("Panels"), self.panel),
                (_("Title"), self.heading),
                ("", self.one_range),
            )
        )
        layout.addSpacing(UNIT)
        layout.addWidget(_heading(_("Paper")))
        layout.addLayout(
            _rows(
                (_("Width"), _beside(self.width_preset, self.page_width)),
                (_("Height"), _beside(QLabel(_("at most")), self.page_height)),
                (_("Resolution"), self.dpi),
                (_("Font"), _beside(self.font_box, self.type_size)),
                (_("Background"), self.background),
            )
        )
        layout.addSpacing(UNIT)
        layout.addWidget(_heading(_("Beside the maps")))
        layout.addLayout(_rows((_("Colour bar"), self.bars)))
        switches = list(self.switches.values())
        for one, two in zip(switches[::2], switches[1::2], strict=True):
            layout.addLayout(_beside(one, two))
        layout.addSpacing(UNIT)
        layout.addWidget(_heading(_("Saving")))
        layout.addWidget(self.numbers)
        layout.addLayout(_rows((_("Each frame"), self.seconds)))
        layout.addStretch()

    def _listen(self) -> None:
        for box in (self.across, self.down, self.panel, self.font_box, self.background, self.bars):
            box.currentIndexChanged.connect(self._changed)
        for line in (self.across_list, self.down_list, self.heading):
            line.textChanged.connect(self._changed)
        for spin in (self.page_width, self.page_height, self.dpi, self.type_size):
            spin.valueChanged.connect(self._changed)
        self.one_range.toggled.connect(self._ranged)
        self.bars.activated.connect(self._barred)
        for switch in (self.one_range, *self.switches.values()):
            switch.toggled.connect(self._changed)
        self.width_preset.activated.connect(self._preset)
        self.across.activated.connect(self._went)
        self.down.activated.connect(self._went)
        self.page_width.valueChanged.connect(self._show_preset)

    def _changed(self) -> None:
        for box, listed in ((self.across, self.across_list), (self.down, self.down_list)):
            listed.setEnabled(box.currentData() not in ("", COLUMNS, VIEWS, "picture"))
        self._panels = ()
        self.changed.emit()

    def _went(self) -> None:
        """Many small maps want one colour bar and no numbers beside them."""
        many = bool(self.across.currentData() or self.down.currentData())
        self.bars.setCurrentIndex(1 if many and self.one_range.isChecked() else 0)
        self.panel.setCurrentIndex(0)

    def _ranged(self, one: bool) -> None:
        """Maps of several ranges have several bars."""
        if not one and self.bars.currentData() == "shared":
            self.bars.setCurrentIndex(self.bars.findData("each"))

    def _barred(self) -> None:
        """One bar for all is one range for all."""
        if self.bars.currentData() == "shared":
            self.one_range.setChecked(True)

    def _preset(self) -> None:
        if width := self.width_preset.currentData():
            self.page_width.setValue(width)
            self.page_height.setValue(SLIDE if width == PRESETS[-1][1] else HEIGHT)

    def _show_preset(self, width: float) -> None:
        at = next((at for at, (_words, each) in enumerate(PRESETS) if each == width), len(PRESETS))
        self.width_preset.setCurrentIndex(at)

    def show_fonts(self, names: Sequence[str]) -> None:
        """The fonts that there are, once they are known."""
        chosen = self.font_box.currentData()
        self.font_box.blockSignals(True)
        self.font_box.clear()
        for name in names:
            self.font_box.addItem(name, name)
        self.font_box.setCurrentIndex(max(self.font_box.findData(chosen), 0))
        self.font_box.blockSignals(False)


def _listed(line: QLineEdit) -> str:
    """Which of them, where that can be chosen."""
    return line.text().strip() if line.isEnabled() else ""


def _choice(items: Sequence[tuple[str, object]], at: int = 0) -> QComboBox:
    box = QComboBox()
    for words, value in items:
        box.addItem(words, value)
    box.setCurrentIndex(at)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def _switch(words: str, on: bool, tip: str) -> QCheckBox:
    box = QCheckBox(words)
    box.setChecked(on)
    box.setToolTip(tip)
    return box


def _number(low: float, high: float, value: float, unit: str, step: float = 1) -> QDoubleSpinBox:
    spin = QDoubleSpinBox(minimum=low, maximum=high, value=value, suffix=unit, singleStep=step)
    spin.setDecimals(0 if step >= 1 else 1)
    spin.setFixedWidth(96)
    return spin


def _heading(words: str) -> QLabel:
    label = QLabel(words)
    label.setObjectName("title")
    return label


def _beside(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(UNIT)
    for widget in widgets:
        row.addWidget(widget, 1)
    return row


def _rows(*rows: tuple[str, QWidget | QHBoxLayout]) -> QFormLayout:
    form = QFormLayout()
    form.setSpacing(UNIT)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for words, field in rows:
        label = QLabel(words)
        label.setObjectName("quiet")
        label.setFixedWidth(84)
        label.setMinimumHeight(30)
        form.addRow(label, field)
    return form
