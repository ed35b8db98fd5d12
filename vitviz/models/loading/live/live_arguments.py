"""What was said about a module in memory, checked before anything is asked of the module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image
from torch import Tensor, nn

from vitviz.core.progress import BadModel, Progress
from vitviz.models.loading.live.live_loading import LiveWishes, load_live
from vitviz.models.loading.model import Model


def load_module(
    module: Any,
    *,
    transform: Callable[[Image.Image], Any] | None,
    classes: Sequence[str],
    title: str,
    prefix: Sequence[str],
    call: Callable[[Any, Tensor], Any] | None,
    patch_size: int | None,
    input_size: int | tuple[int, int] | None,
    progress: Progress,
) -> Model:
    """As `vitviz.load` for a module. BadModel, in a sentence, for arguments that mean nothing."""
    if not isinstance(module, nn.Module):
        raise BadModel(
            f"a model is named by its name or a file's path, not {_what(module)}; or it is a torch "
            "module"
        )
    for name, value in (("transform", transform), ("call", call)):
        if value is not None and not callable(value):
            raise BadModel(f"{name}= is a function, not {_what(value)}")
    if isinstance(classes, str) or isinstance(prefix, str):
        raise BadModel("classes= and prefix= are lists of names, not one name")
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    if size is not None and min(size) < 1:
        raise BadModel(f"an input size is at least 1 pixel, not {min(size)}")
    wishes = LiveWishes(
        transform=transform,
        classes=tuple(map(str, classes)),
        title=title,
        patch_size=patch_size,
        prefix=tuple(map(str, prefix)),
        call=call,
        input_size=size,
    )
    return load_live(module, wishes, progress)


def _what(given: Any) -> str:
    """A value in a few words."""
    if isinstance(given, type):
        return f"the class {given.__name__} itself: make one with {given.__name__}(...)"
    return f"{given!r:.60}"
