"""Parts of a drawing that stay the same while the cursor moves, kept while their trace lives.

A painter recognises an array that it has seen before, so what is kept costs nothing to draw again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from vitviz.core.data.trace import Trace

_P = ParamSpec("_P")
_R = TypeVar("_R")


def kept(
    most: int = 8,
) -> Callable[[Callable[Concatenate[Trace, _P], _R]], Callable[Concatenate[Trace, _P], _R]]:
    """Remembers the last `most` results of `function(trace, *hashable arguments)` for each trace."""

    def decorate(
        function: Callable[Concatenate[Trace, _P], _R],
    ) -> Callable[Concatenate[Trace, _P], _R]:
        shelves: WeakKeyDictionary[Trace, OrderedDict[Hashable, Any]] = WeakKeyDictionary()
        lock = Lock()

        @wraps(function)
        def remembered(trace: Trace, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            key = (args, tuple(sorted(kwargs.items())))
            with lock:
                shelf = shelves.setdefault(trace, OrderedDict())
                if key in shelf:
                    shelf.move_to_end(key)
                    found: _R = shelf[key]
                    return found
            made = function(trace, *args, **kwargs)
            with lock:
                first: _R = shelf.setdefault(key, made)
                while len(shelf) > most:
                    shelf.popitem(last=False)
            return first

        return remembered

    return decorate
