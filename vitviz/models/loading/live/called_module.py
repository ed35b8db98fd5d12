"""Somebody's module as one that is called with pixels and answers a tensor, its parts as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from vitviz.core.progress import BadModel

ANSWERS = ("logits", "out", "pred", "pooler_output", "last_hidden_state", "feature_maps")
"""What outputs of several tensors call the one that is the answer, the likeliest first."""


class CalledModule(nn.Module):
    """The parts of `inner` under their own names, and its attributes; called with pixels alone.

    Nothing of `inner` is copied, wrapped or registered: both share the same dictionaries of parts.
    `run` is the pass itself, which may go through more than `inner`.
    """

    def __init__(self, inner: nn.Module, run: Callable[[Tensor], Any]) -> None:
        """`run` takes pixels (picture channel row col) and answers as `inner` does."""
        super().__init__()
        for shared in ("_parameters", "_buffers", "_modules"):
            self.__dict__[shared] = inner.__dict__[shared]
        self.__dict__["inner"], self.__dict__["run"] = inner, run

    def __getattr__(self, name: str) -> Any:
        """Any attribute of `inner`. AttributeError, in its words, where it has none."""
        return getattr(self.__dict__["inner"], name)

    def forward(self, pixels: Tensor) -> Tensor:
        """The answer to pixels (picture channel row col). BadModel where it is no tensor."""
        answer = answer_of(self.__dict__["run"](pixels))
        if answer is None:
            raise BadModel(
                f"{type(self.__dict__['inner']).__name__} returns no tensor; say what its answer is "
                "with call=lambda module, pixels: ..."
            )
        return answer


def answer_of(output: Any) -> Tensor | None:
    """The tensor that is the answer, of whatever a module returns; None where there is none."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        named = [output[each] for each in ANSWERS if each in output]
        return _first([*named, *output.values()])
    if isinstance(output, tuple | list):
        return _first(output)
    return _first([getattr(output, each, None) for each in ANSWERS])


def _first(found: Any) -> Tensor | None:
    for each in found:
        if isinstance(each, Tensor):
            return each
        if isinstance(each, tuple | list) and each and isinstance(each[-1], Tensor):
            return each[-1]  # maps of several stages
    return None
