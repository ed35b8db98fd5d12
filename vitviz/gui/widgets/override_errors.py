"""Errors in what Qt calls back, made whole before Qt sees them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

OTHERS = (
    "boundingRect",
    "data",
    "drawBackground",
    "drawForeground",
    "event",
    "eventFilter",
    "heightForWidth",
    "itemChange",
    "minimumSizeHint",
    "paint",
    "rowCount",
    "sizeHint",
)
"""What Qt calls besides the methods that end in `Event`."""


def make_errors_whole() -> None:
    """Has an error in an override reach whoever shall hear of it, in classes defined from now on.

    Up to CPython 3.11 an error that C code raised (an index, a conversion, a deleted widget) is no
    exception yet, only a kind and a text, until some `except` has seen it; PySide reads its arguments
    all the same and the program dies without a word.
    """
    if sys.version_info >= (3, 12):
        return
    from shiboken6 import Shiboken

    told: Any = Shiboken.Object
    told.__init_subclass__ = classmethod(_wrap_overrides)


def _wrap_overrides(cls: type, /, **options: Any) -> None:
    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and (name.endswith("Event") or name in OTHERS):
            setattr(cls, name, _whole(method))


def _whole(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def caught(*given: Any, **named: Any) -> Any:
        try:
            return method(*given, **named)
        except BaseException:  # seen here, it becomes an exception
            raise

    return caught
