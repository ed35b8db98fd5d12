"""Shapes in signatures are checked while the tests run: a wrong axis or kind of number fails there.

test_shapes.py runs the tests of numbers with this installed over core, models, views and figures
(`--jaxtyping-packages=...,shapes.checked`); the program itself never pays for it.
Only arrays are looked at, with their axes bound to one size in a call; all other types are mypy's.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import torch
from jaxtyping import AbstractArray

_NAMES = vars(jaxtyping) | {"np": np, "torch": torch, "Tensor": torch.Tensor}
"""What shapes are made of, also where a module imports it for mypy alone."""

COUNTED = {"checked": 0}
"""How many arguments and results were looked at, so that a test can see that something was."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that says which argument or result has not the shape that its signature names."""
    signature = inspect.signature(function)
    hints: dict[str, tuple[type, ...]] | None = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal hints
        if hints is None:
            hints = _array_hints(function)
        if hints:
            for name, value in signature.bind(*args, **kwargs).arguments.items():
                _look(function, name, value, hints.get(name))
        result = function(*args, **kwargs)
        if hints:
            _look(function, "return", result, hints.get("return"))
        return result

    return call


def _look(
    function: Callable[..., Any], name: str, value: Any, hint: tuple[type, ...] | None
) -> None:
    if hint is None or not hasattr(value, "shape") or not hasattr(value, "dtype"):
        return
    COUNTED["checked"] += 1
    if not any(isinstance(value, one) for one in hint):
        said = " | ".join(one.__name__ for one in hint)
        raise TypeError(
            f"{function.__qualname__}: {name} is {value.dtype}{tuple(value.shape)}, not {said}"
        )


def _array_hints(function: Callable[..., Any]) -> dict[str, tuple[type, ...]]:
    """The arguments that may be arrays, with all array types that each may have."""
    found = {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        try:
            hint = (
                eval(annotation, _NAMES | function.__globals__)
                if isinstance(annotation, str)
                else annotation
            )
        except NameError:  # no array, and imported for mypy alone
            continue
        union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        parts = typing.get_args(hint) if union else (hint,)
        arrays = tuple(one for one in parts if isinstance(one, type) and _is_array(one))
        others = [one for one in parts if one not in arrays and one is not type(None)]
        if arrays and not others:
            found[name] = arrays
    return found


def _is_array(hint: type) -> bool:
    return issubclass(hint, AbstractArray)
