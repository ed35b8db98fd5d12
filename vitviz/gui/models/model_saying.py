"""Models opened with what somebody says of them, asked about where something is assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from vitviz.core.language import _
from vitviz.core.pictures.likely_preparations import PreparationAnswer
from vitviz.core.progress import Progress
from vitviz.gui.models.checkpoint_dialog import CheckpointDialog
from vitviz.gui.models.named_model_dialog import NamedModelDialog
from vitviz.session.files.confirmed_models import ConfirmedModel, confirmed_of
from vitviz.session.session import Session
from vitviz.session.work.log import sentence
from vitviz.session.work.request import ModelRequest, checkpoint_request, is_checkpoint

if TYPE_CHECKING:
    from vitviz.models.loading.checkpoint.recognise import RecognisedFile


class ModelSaying:
    """Opens checkpoint files: at once where something says what they are, else after asking. Asks about
    the model in front, whatever it is, with what was said of it before.
    """

    def __init__(
        self, parent: QWidget, session: Session, wish: Callable[[ModelRequest], None]
    ) -> None:
        self._parent, self._session, self._wish = parent, session, wish

    def open(self, path: str) -> None:
        """Looks at the file off the window's thread; then has it shown, or asks."""
        request = checkpoint_request(self._session.request, path)
        if self._session.settings.is_confirmed(path):
            self._wish(self._session.settings.confirmed(request))
            return
        self._recognise(path, ConfirmedModel(), self._recognised, self._failed)

    def ask(self, request: ModelRequest) -> None:
        """Asks about a model that is open."""
        if not is_checkpoint(request.name):
            self._ask_named(request)
            return
        said = confirmed_of(request)

        def shown(found: RecognisedFile) -> None:
            self._shown(found, said)

        self._recognise(request.name, said, shown, self._failed)

    def _recognised(self, found: RecognisedFile) -> None:
        if found.sure or _built_by_its_library(found):
            self._wish(checkpoint_request(self._session.request, str(found.path)))
            return
        self._shown(found, ConfirmedModel())

    def _shown(self, found: RecognisedFile, said: ConfirmedModel) -> None:
        dialog = CheckpointDialog(self._parent, found, said)
        request = checkpoint_request(self._session.request, str(found.path))
        dialog.asked.connect(partial(self._look_again, dialog))
        dialog.tried.connect(partial(self._try, dialog, request))
        dialog.confirmed.connect(partial(self._confirm, request))
        dialog.rejected.connect(_let_go)
        dialog.open()
        dialog.try_preparations()

    def _ask_named(self, request: ModelRequest) -> None:
        trace = self._session.trace
        if trace is None:
            return
        dialog = NamedModelDialog(self._parent, request, trace.model)
        dialog.tried.connect(partial(self._try, dialog, request))
        dialog.confirmed.connect(partial(self._confirm, request))
        dialog.open()
        dialog.try_preparations()

    def _look_again(self, dialog: CheckpointDialog, said: ConfirmedModel) -> None:
        def done(found: RecognisedFile) -> None:
            if isValid(dialog):
                dialog.show_found(found)
                dialog.try_preparations()

        def failed(error: Exception) -> None:
            if isValid(dialog):
                dialog.show_failure(sentence(error, _("recognising the file")))

        self._recognise(str(dialog.path), said, done, failed)

    def _try(
        self,
        dialog: CheckpointDialog | NamedModelDialog,
        request: ModelRequest,
        said: ConfirmedModel,
    ) -> None:
        names = self._session.tried_pictures

        def done(answers: Sequence[PreparationAnswer]) -> None:
            if isValid(dialog):
                dialog.show_preparations(answers, [each.name for each in names])

        def failed(error: Exception) -> None:
            if isValid(dialog):
                dialog.preparations.show_waiting(sentence(error, _("trying preparations")))

        self._session.try_preparations(said.of(request), done, failed)

    def _recognise(
        self,
        path: str,
        said: ConfirmedModel,
        done: Callable[[RecognisedFile], None],
        failed: Callable[[Exception], None],
    ) -> None:
        size = said.input_size
        sides = (size, size) if isinstance(size, int) else size

        def work(progress: Progress) -> RecognisedFile:
            from vitviz.models.loading.checkpoint.recognise import recognise
            from vitviz.models.loading.said import said_of

            return recognise(
                path,
                said.architecture or None,
                said=said_of(said.facts, sides),
                encoder=said.facts.encoder or None,
                classes=said.facts.classes,
                progress=progress,
            )

        self._session.jobs.submit(
            "recognise",
            work,
            lane="read",
            done=done,
            failed=failed,
            label=_("looking at {name}").format(name=Path(path).name),
        )

    def _failed(self, error: Exception) -> None:
        self._session.problems.emit([sentence(error, _("opening a checkpoint file"))])

    def _confirm(self, request: ModelRequest, said: ConfirmedModel) -> None:
        wished = said.of(request)
        self._session.settings.confirm(wished)
        self._wish(wished)


def _built_by_its_library(found: RecognisedFile) -> bool:
    """Whether transformers, which wrote the folder, builds what no table of names here maps."""
    if not found.problem or find_spec("transformers") is None:
        return False
    from vitviz.models.loading.sources.saved_folder import saved_by_transformers

    return saved_by_transformers(found.path) is not None


def _let_go() -> None:
    """Frees the tensors that were read to be looked at: nobody opens them."""
    from vitviz.models.loading.checkpoint.checkpoint import forget_checkpoint

    forget_checkpoint()
