"""See inside vision transformers: `load` a model, `trace` a picture, `draw` a view, `save` a figure,
`batch` a folder of pictures, or `show` the window.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vitviz.core.old_paths import answer_to_old_paths
from vitviz.core.version import __version__
from vitviz.notebook import register_if_running

if TYPE_CHECKING:
    from vitviz.core.data.intervention import Intervention
    from vitviz.core.progress import VitvizError
    from vitviz.figures.figure import figure
    from vitviz.figures.save import save
    from vitviz.folders.batch_call import batch
    from vitviz.gui.app.show_call import show
    from vitviz.models import load, trace
    from vitviz.views.api import draw

__all__ = [
    "Intervention",
    "VitvizError",
    "__version__",
    "batch",
    "draw",
    "figure",
    "load",
    "save",
    "show",
    "trace",
]

_HOMES = {
    "Intervention": "vitviz.core.data.intervention",
    "VitvizError": "vitviz.core.progress",
    "batch": "vitviz.folders.batch_call",
    "draw": "vitviz.views.api",
    "figure": "vitviz.figures.figure",
    "load": "vitviz.models",
    "save": "vitviz.figures.save",
    "show": "vitviz.gui.app.show_call",
    "trace": "vitviz.models",
}


answer_to_old_paths()
register_if_running()


def __getattr__(name: str) -> Any:
    """The public names, found when first used: importing vitviz alone costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vitviz' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
