"""What is remembered between starts, as it is now: changed, announced and saved in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from psygnal import Signal

from vitviz.session.files.confirmed_models import as_confirmed, confirmed_of, with_confirmed
from vitviz.session.files.settings import Settings, write_settings
from vitviz.session.work.request import ModelRequest, is_checkpoint
from vitviz.views.options import Look

_RECENT = 12
"""Pictures of a folder that are remembered as recent ones."""


def recent(paths: tuple[str, ...], path: str, most: int = 12) -> tuple[str, ...]:
    """The list of recent paths with one put first."""
    return (path, *(each for each in paths if each != path))[:most]


class SettingsStore:
    """`now` are the settings; `save` writes them and returns a sentence when that failed."""

    changed = Signal(Settings)
    models_changed = Signal()
    """Other checkpoint files were opened lately."""
    problems = Signal(list)

    def __init__(
        self, settings: Settings | None = None, save: Callable[[Settings], str] = write_settings
    ) -> None:
        self.now = self._saved = settings or Settings()
        self._save = save

    def remember(self, **changes: Any) -> None:
        """Changes settings (theme, memory_mb, window_state ...) and saves them."""
        settings = msgspec.structs.replace(self.now, **changes)
        if settings == self._saved:
            return
        self.now = self._saved = settings
        self.changed.emit(settings)
        if problem := self._save(settings):
            self.problems.emit([problem])

    def confirm(self, request: ModelRequest) -> None:
        """What a request says of its model holds from now on, whenever that is opened."""
        said = with_confirmed(self.now.said, request.name, confirmed_of(request))
        self.remember(said=said)

    def is_confirmed(self, name: str) -> bool:
        """Whether somebody was asked about a model and has answered."""
        return name in self.now.said or name in self.now.confirmed

    def confirmed(self, request: ModelRequest) -> ModelRequest:
        """The request as its model was confirmed before."""
        return as_confirmed(request, self.now.said, self.now.confirmed)

    def take_look(self, look: Look) -> None:
        """Another look was chosen; it is saved with the next change, or at the end."""
        self.now = msgspec.structs.replace(self.now, look=look)

    def take_files(self, paths: Sequence[str]) -> None:
        """Picture files were opened; it is saved with the next change, or at the end."""
        files = self.now.recent_files
        for path in paths[-_RECENT:]:
            files = recent(files, path)
        self.now = msgspec.structs.replace(self.now, recent_files=files)

    def remember_model(self, name: str) -> None:
        """A model has worked; a checkpoint file is offered again at the next start."""
        names = recent(self.now.recent_models, name)
        if is_checkpoint(name) and names != self.now.recent_models:
            self.remember(recent_models=names)
            self.models_changed.emit()

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Checkpoint files opened before, as far as they are still there."""
        return tuple(name for name in self.now.recent_models if Path(name).is_file())
