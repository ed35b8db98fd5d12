"""The bar on top: model, patch size, what the model sees, device, and the verified badge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolBar,
    QToolButton,
    QWidget,
)

from vitviz.core.data.trace import Fit, ModelInfo, Trace
from vitviz.core.language import N_, _
from vitviz.gui.panels.badge_label import BadgeLabel
from vitviz.gui.widgets import theme
from vitviz.gui.widgets.fitting_labels import ElidedLabel
from vitviz.gui.widgets.theme import UNIT
from vitviz.session.columns.column import ModelChoice
from vitviz.session.columns.header_text import badge_words, tokens_words
from vitviz.session.work.request import ModelRequest

FITS: dict[Fit, tuple[str, str]] = {
    "crop": (
        N_("Centre crop"),
        N_("The model's own preprocessing: resize, then cut out the centre"),
    ),
    "pad": (N_("Whole, padded"), N_("The whole picture, its proportions kept, with a border")),
    "squash": (N_("Whole, squashed"), N_("The whole picture, stretched to the model's input")),
}


class TopBar(QToolBar):
    """Shows which model reads the picture and how; sends wishes for another."""

    requested = Signal(object)
    open_wished = Signal()
    find_wished = Signal()
    checkpoint_wished = Signal()
    evidence_wished = Signal()

    def __init__(self) -> None:
        super().__init__("Model")
        self.setObjectName("model-bar")
        self.setMovable(False)
        self._request: ModelRequest | None = None
        self._choices: Sequence[ModelChoice] = ()
        self._model = QToolButton()
        self._model.setObjectName("tool")
        self._model.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._model.setToolTip(_("Which model reads the picture (Ctrl+K finds one by name)"))
        self._model.setMenu(QMenu(self._model))
        self._model.menu().aboutToShow.connect(self._fill_menu)
        self._patch, self._fit = QComboBox(), QComboBox()
        self._patch.setToolTip(_("Patch size in pixels of the model's input"))
        self._patch.setAccessibleName(_("Patch size"))
        self._patch.currentIndexChanged.connect(self._patch_chosen)
        self._fit.setToolTip(_("What part of the picture the model sees"))
        self._fit.setAccessibleName(_("Fit"))
        for name, (words, tip) in FITS.items():
            self._fit.addItem(_(words), name)
            self._fit.setItemData(self._fit.count() - 1, _(tip), Qt.ItemDataRole.ToolTipRole)
        self._fit.currentIndexChanged.connect(self._fit_chosen)
        self._device = QToolButton()
        self._device.setObjectName("tool")
        self._device.setText("auto")
        self._device.setToolTip(_("Device and precision the model runs in"))
        self._device.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._device.setMenu(QMenu(self._device))
        self._facts = ElidedLabel()
        self._facts.setObjectName("quiet")
        self._facts.setFont(theme.font(numbers=True))
        self._badge = BadgeLabel()
        self._badge.clicked.connect(self.evidence_wished)
        self._badge.setObjectName("badge")
        self._badge.setFont(theme.font(-0.5, numbers=True))
        self._badge.setVisible(False)
        self._weights = QLabel()
        self._weights.setObjectName("badge")
        self._weights.setProperty("state", "bad")
        self._weights.setFont(theme.font(-0.5))
        self._weights.setVisible(False)
        self.addWidget(self._row())

    def show_choices(self, choices: Sequence[ModelChoice]) -> None:
        """Offers the bundled models and recent checkpoint files in the menu."""
        self._choices = choices
        self._show_patches()

    def show_request(self, request: ModelRequest) -> None:
        """Shows what was asked for."""
        self._request = request
        title = self._title(request.name)
        shown = title if len(title) <= 36 else f"{title[:22]}…{title[-13:]}"
        self._model.setText(f"{shown}  ▾")
        self._model.setAccessibleName(_("Model: {title}").format(title=title))
        blocker = QSignalBlocker(self._fit)
        self._fit.setCurrentIndex(list(FITS).index(request.fit))
        blocker.unblock()
        self._show_patches()

    def show_trace(self, trace: Trace | None) -> None:
        """Shows what was measured, with the badge."""
        self._badge.setVisible(trace is not None)
        self._weights.setVisible(False)
        if trace is None:
            self._facts.show_text("")
            return
        info = trace.model
        self._facts.show_text("  ·  ".join([tokens_words(trace), *info.notes]))
        self._facts.setToolTip("\n".join([tokens_words(trace), *info.notes]))
        words, tip = _weights_words(info)
        self._weights.setVisible(bool(words))
        self._weights.setText(words)
        self._weights.setToolTip(tip)
        self._device.setText(f"{info.device} · {info.precision}  ▾")
        words, state, tip = badge_words(trace)
        self._badge.show_words(words)
        self._badge.setProperty("state", state)
        self._badge.style().unpolish(self._badge)
        self._badge.style().polish(self._badge)
        self._badge.setToolTip(tip)

    def show_devices(self, devices: Sequence[tuple[str, str, Sequence[str]]]) -> None:
        """Offers devices: (name, words, precisions)."""
        menu = self._device.menu()
        menu.clear()
        menu.addAction(_("Automatic")).setData(("auto", "auto"))
        for name, words, precisions in devices:
            for precision in precisions:
                menu.addAction(f"{words} · {precision}").setData((name, precision))
        for action in menu.actions():
            action.triggered.connect(self._device_chosen)

    def _row(self) -> QWidget:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(UNIT)
        opener = QToolButton()
        opener.setObjectName("tool")
        opener.setText(_("Open…"))
        opener.setToolTip(_("Open pictures (Ctrl+O)"))
        opener.clicked.connect(self.open_wished)
        for widget in (opener, self._model, self._patch, self._fit, self._device):
            layout.addWidget(widget)
        layout.addWidget(self._facts, 1)
        layout.addWidget(self._weights)
        layout.addWidget(self._badge)
        row.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        return row

    def _choice(self, name: str) -> ModelChoice | None:
        return next((choice for choice in self._choices if choice.name == name), None)

    def _title(self, name: str) -> str:
        choice = self._choice(name)
        return choice.title if choice is not None else Path(name).name

    def _show_patches(self) -> None:
        request = self._request
        choice = None if request is None else self._choice(request.name)
        blocker = QSignalBlocker(self._patch)
        self._patch.clear()
        if choice is not None and request is not None:
            chosen = request.patch_size or choice.default_patch_size
            sizes = {*choice.patch_sizes, chosen}
            for size in sorted(size for size in sizes if size is not None):
                self._patch.addItem(_("patch {size}").format(size=size), size)
            self._patch.setCurrentIndex(self._patch.findData(chosen))
        self._patch.setVisible(self._patch.count() > 1)
        blocker.unblock()

    def _fill_menu(self) -> None:
        menu = self._model.menu()
        menu.clear()
        menu.setToolTipsVisible(True)
        for bundled in (True, False):
            choices = [choice for choice in self._choices if choice.bundled is bundled]
            if choices and not bundled:
                menu.addSection(_("Recent files"))
            for choice in choices:
                action = menu.addAction(choice.title)
                action.setToolTip(choice.name)
                action.setData(ModelRequest(choice.name))
                action.setCheckable(True)
                action.setChecked(self._request is not None and self._request.name == choice.name)
                action.triggered.connect(self._model_chosen)
        menu.addSeparator()
        menu.addAction(_("Model library…")).triggered.connect(self.find_wished)
        menu.addAction(_("Open checkpoint file…")).triggered.connect(self.checkpoint_wished)

    def _model_chosen(self) -> None:
        wished = cast(ModelRequest, cast(QAction, self.sender()).data())
        if self._request is not None:
            wished = replace(
                wished,
                fit=self._request.fit,
                device=self._request.device,
                precision=self._request.precision,
            )
        self.requested.emit(wished)

    def _patch_chosen(self) -> None:
        if self._request is not None:
            self.requested.emit(replace(self._request, patch_size=self._patch.currentData()))

    def _fit_chosen(self) -> None:
        if self._request is not None:
            self.requested.emit(replace(self._request, fit=self._fit.currentData()))

    def _device_chosen(self) -> None:
        if self._request is not None:
            device, precision = cast(QAction, self.sender()).data()
            self.requested.emit(replace(self._request, device=device, precision=precision))


def _weights_words(info: ModelInfo) -> tuple[str, str]:
    """(what to warn of, why) where the weights are not simply trained ones."""
    match info.weights:
        case "untrained":
            return _("untrained weights"), _("What is shown is real, but no training has shaped it")
        case "partly loaded":
            return _("partly loaded"), "\n".join(info.notes)
        case "trained":
            return ("resampled", "\n".join(info.notes)) if info.resampled else ("", "")
