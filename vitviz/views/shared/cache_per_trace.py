"""Parts of a drawing that stay the same while the cursor moves, kept while their trace lives.

A painter recognises an array that it has seen before, so what is kept costs nothing to draw again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from functools import update_wrapper
from threading import Lock
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from vitviz.core.data.trace import Trace
from vitviz.core.language import current_language

_P = ParamSpec("_P")
_R = TypeVar("_R")
_NOTHING = object()


class KeptResults(Generic[_P, _R]):
    """A function of a trace and hashable arguments that remembers its last results for each trace."""

    def __init__(self, function: Callable[Concatenate[Trace, _P], _R], most: int) -> None:
        """`most` results are remembered for each trace."""
        update_wrapper(self, function)
        self._function, self._most = function, most
        self._shelves: WeakKeyDictionary[Trace, OrderedDict[Hashable, Any]] = WeakKeyDictionary()
        self._lock = Lock()

    def __call__(self, trace: Trace, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """The result, which every caller shares."""
        key = _key(args, kwargs)
        shelf, found = self._look(trace, key)
        if found is not _NOTHING:
            known: _R = found
            return known
        made = self._function(trace, *args, **kwargs)
        with self._lock:
            first: _R = shelf.setdefault(key, made)
            while len(shelf) > self._most:
                shelf.popitem(last=False)
        return first

    def known(self, trace: Trace, /, *args: _P.args, **kwargs: _P.kwargs) -> _R | None:
        """The result where it is remembered, and None where it would have to be made."""
        found = self._look(trace, _key(args, kwargs))[1]
        return None if found is _NOTHING else found

    def _look(self, trace: Trace, key: Hashable) -> tuple[OrderedDict[Hashable, Any], Any]:
        with self._lock:
            shelf = self._shelves.setdefault(trace, OrderedDict())
            if key in shelf:
                shelf.move_to_end(key)
            return shelf, shelf.get(key, _NOTHING)


def _key(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Hashable:
    """Words are of one language, so what holds some is remembered for each."""
    return current_language(), args, tuple(sorted(kwargs.items()))


def kept(most: int = 8) -> Callable[[Callable[Concatenate[Trace, _P], _R]], KeptResults[_P, _R]]:
    """Remembers the last `most` results of `function(trace, *hashable arguments)` for each trace."""

    def decorate(function: Callable[Concatenate[Trace, _P], _R]) -> KeptResults[_P, _R]:
        return KeptResults(function, most)

    return decorate
