"""A field of a frozen value that is made when somebody first looks, and is then the same for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Owner = TypeVar("Owner")


class Later:
    """Given to a lazy field in place of its value: how to make it from what it is a field of."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[Any], Any]) -> None:
        """`make` is given what the field belongs to, and returns the field's value."""
        self.make = make


class LazyField:
    """Holds a value, or a `Later` until the first look.

    Two threads that look first at the same moment both make it, and one of the two is kept.
    """

    def __init__(self, name: str) -> None:
        """`name` is the field's own, under which its owner keeps the value."""
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        """The value, made now if nobody looked before."""
        given = vars(instance)[self._name]
        if isinstance(given, Later):
            given = vars(instance)[self._name] = given.make(instance)
        return given

    def __set__(self, instance: object, value: Any) -> None:
        """Takes a value, or a `Later` that makes it."""
        vars(instance)[self._name] = value


def lazy_fields(*names: str) -> Callable[[type[Owner]], type[Owner]]:
    """Above a dataclass without slots: these of its fields may be given as `later(...)`."""

    def change(owner: type[Owner]) -> type[Owner]:
        for name in names:
            setattr(owner, name, LazyField(name))
        return owner

    return change


def later(make: Callable[[Any], Any]) -> Any:
    """What to give to a lazy field whose value is to be made at the first look."""
    return Later(make)


def as_given(instance: object, name: str) -> Any:
    """What a lazy field was given, made or not, to be handed on to another value."""
    return vars(instance)[name]
