"""timm, imported without torch's compiler: nothing here compiles, and it takes a second to import.

torchvision and timm each take one function of the compiler when they are imported, and with it come
dynamo, sympy and torch.distributed. While timm is imported they are given stand-ins that do the same
when they are called. Whatever else is asked of the compiler imports it, as ever.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from vitviz.core.garbage import garbage_kept

COMPILER = "torch._dynamo"
UTILS = f"{COMPILER}.utils"


def import_timm() -> None:
    """Imports timm. A compiler that is here already, or was asked for meanwhile, stays."""
    if "timm" in sys.modules:
        importlib.import_module("timm")  # in another thread it may not have come to its end
        return
    with garbage_kept():
        _import_lean()


def _import_lean() -> None:
    if COMPILER in sys.modules:
        importlib.import_module("timm")
        return
    compiler, utils = _StandIn(COMPILER), _StandIn(UTILS)
    vars(compiler).update(utils=utils, disable=_disable)
    vars(utils).update(is_compile_supported=_is_compile_supported)
    sys.modules |= {COMPILER: compiler, UTILS: utils}
    try:
        importlib.import_module("timm")
    finally:
        _step_aside()


class _StandIn(ModuleType):
    """A module that becomes the real one when it is asked for what it does not have."""

    def __getattr__(self, name: str) -> Any:
        # __path__ is asked for when a part of the package is to be imported that is not here.
        if name.startswith("__") and (name, self.__name__) != ("__path__", COMPILER):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        _step_aside()
        return getattr(importlib.import_module(self.__name__), name)


def _step_aside() -> None:
    for name in (UTILS, COMPILER):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _is_compile_supported(device_type: str) -> bool:
    """As torchvision asks when it is to align regions of interest."""
    return bool(importlib.import_module(UTILS).is_compile_supported(device_type))


def _disable(function: Any = None, recursive: bool = True, **words: Any) -> Any:
    """`torch._dynamo.disable`, done when the function is called by a process that compiles."""
    if function is None:
        return functools.partial(_disable, recursive=recursive, **words)
    if not isinstance(function, FunctionType):
        _step_aside()
        return importlib.import_module(COMPILER).disable(function, recursive, **words)
    disabled: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        compiler = sys.modules.get(COMPILER)
        if compiler is None or isinstance(compiler, _StandIn):
            return function(*args, **kwargs)
        if not disabled:
            disabled.append(compiler.disable(function, recursive, **words))
        return disabled[0](*args, **kwargs)

    return call
