"""The menu Model: the library, checkpoint files, patch sizes."""

from __future__ import annotations

from PySide6.QtWidgets import QFileDialog

from vitviz.core.language import N_, _
from vitviz.gui.app.actions import action
from vitviz.gui.app.actions.window_parts import WindowParts
from vitviz.gui.models.model_saying import ModelSaying

CHECKPOINTS = N_(
    "Checkpoints (*.safetensors *.pth *.pt *.bin *.ckpt *.tar *.npz *.index.json);;All files (*)"
)


@action("Model &library", keys="Ctrl+K", menu="Model")
def find_model(parts: WindowParts) -> None:
    """Search all models, download and open them; pressed again it closes"""
    library, focus = parts.library, parts.frame.focusWidget()
    if library.isVisible() and focus is not None and library.isAncestorOf(focus):
        parts.hide_library()
    else:
        parts.docks.open_library(first=library.panel is None)
        library.begin()


@action("Open &checkpoint file…", keys="Ctrl+M", menu="Model")
def open_model(parts: WindowParts) -> None:
    """A .safetensors, .pth, .pt, .bin or .npz file"""
    name, _unused = QFileDialog.getOpenFileName(
        parts.frame, _("Open checkpoint file"), "", _(CHECKPOINTS)
    )
    if name:
        open_checkpoint(parts, name)


def open_checkpoint(parts: WindowParts, path: str) -> None:
    """Looks at a checkpoint file and opens it, after a question where nothing says what it is."""
    ModelSaying(parts.frame, parts.session, parts.request_model).open(path)


def say_of_model(parts: WindowParts) -> None:
    """Shows what is assumed of the model in front, where it can be said."""
    ModelSaying(parts.frame, parts.session, parts.request_model).ask(parts.session.request)


@action("&Patch size lab…", keys="Ctrl+P", menu="Model")
def patch_lab(parts: WindowParts) -> None:
    """Any patch size that the model can be resampled to, and what it costs"""
    parts.columns.headers.wish("lab", parts.session.columns.active.id)
