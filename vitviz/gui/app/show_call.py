"""`vitviz.show`: the window on a model of a script or notebook. Qt is imported when it is called."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vitviz.core.data.trace import Picture
from vitviz.core.files import expanded
from vitviz.core.language import _
from vitviz.core.pictures.picture_files import open_picture
from vitviz.core.progress import BadImage, VitvizError
from vitviz.gui.app import qt_platform

if TYPE_CHECKING:
    from vitviz.models import Model

    Shown = str | Path | bytes | Picture | Image.Image | np.ndarray
    """What is taken as a picture."""

_OTHER_QT = ("PyQt5", "PyQt6", "PySide2")


def show(model: Model | str | Path | Any, pictures: Shown | Sequence[Shown] = ()) -> None:
    """Opens vitviz's window on a model and pictures.

    >>> import vitviz
    >>> vitviz.show("test_vit", ["gone.jpg"])
    Traceback (most recent call last):
    ...
    vitviz.core.progress.BadImage: there is no file gone.jpg; give the path of a picture

    `model` is what `vitviz.load` gives; a module, a name or a file's path is loaded first, as `load`
    does it. `pictures` are paths, files' bytes, PIL images, uint8 arrays (row col channel) or a
    `Picture`, one or several; without any, the bundled ones are shown.

    In a script this waits until the window is closed. In IPython and Jupyter it returns at once, and
    the shell's event loop is set up as `%gui qt` does it; several windows may be open. The model
    is not copied: it reads pictures in a thread of the window, and is in evaluation mode meanwhile.

    BadModel where the model cannot be loaded, BadImage for what is no picture, VitvizError where no
    window can be opened: without a display, from another thread, beside another Qt. Each in a sentence.
    """
    _check_window_possible()
    sources = [_source(given, at) for at, given in enumerate(_several(pictures), 1)]
    from vitviz import models

    loaded = model if isinstance(model, models.Model) else models.load(model)
    from vitviz.gui.app.shown_window import open_window, wait_for

    shell = _shell()
    if shell is not None:
        _run_events_in(shell)
    window = open_window(loaded, sources)
    if shell is None:
        wait_for(window)


def _check_window_possible() -> None:
    """VitvizError where Qt would end the process, or would not answer."""
    if threading.current_thread() is not threading.main_thread():
        raise VitvizError(
            _(
                "a window is opened by the main thread, not by {name}; call vitviz.show there"
            ).format(name=threading.current_thread().name)
        )
    other = next((name for name in _OTHER_QT if f"{name}.QtCore" in sys.modules), None)
    if other is not None:
        raise VitvizError(
            _(
                "{other} is at work in this process, and vitviz's window needs PySide6: "
                "two copies of Qt do not go together; begin a process without it "
                "(matplotlib takes PySide6 where QT_API is pyside6)"
            ).format(other=other)
        )
    if problem := qt_platform.explain():
        raise VitvizError(problem)


def _several(pictures: Any) -> Sequence[Any]:
    """One picture, or some, as some."""
    return pictures if isinstance(pictures, list | tuple) else [pictures]


def _source(given: Any, number: int) -> str | Path | Picture:
    """What the session opens off the window's thread; what has no file is a picture at once."""
    match given:
        case str() | Path():
            from vitviz.session.pictures.picture_list import is_address

            if not is_address(str(given)) and not expanded(given).exists():
                raise BadImage(
                    _("there is no file {given}; give the path of a picture").format(given=given)
                )
            return given
        case Picture():
            return given
        case _:
            name = (
                ""
                if getattr(given, "filename", "")
                else _("picture {number}").format(number=number)
            )
            return open_picture(given, name=name)


def _shell() -> Any:
    """The running IPython, None in a script."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _run_events_in(shell: Any) -> None:
    """Has IPython run Qt's events between its cells, with the Qt that is used here."""
    import_module("PySide6.QtWidgets")  # IPython takes the Qt that is there
    try:
        shell.enable_gui("qt")
    except (ImportError, NotImplementedError, RuntimeError) as error:
        raise VitvizError(
            _(
                "this shell cannot run a window beside it ({error}); call vitviz.show in "
                "a script, in IPython or in Jupyter"
            ).format(error=error)
        ) from error
