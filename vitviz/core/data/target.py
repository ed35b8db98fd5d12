"""What is asked about an answer: a class, one class against another, a feature, a prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal, assert_never

from vitviz.core.counted import layer_name
from vitviz.core.language import N_, _
from vitviz.core.progress import VitvizError

TargetKind = Literal[
    "predicted", "class", "contrast", "prompt", "output", "feature", "cosine", "lens", "function"
]

_KINDS_BY_WORD: dict[str, TargetKind] = {
    "prompt": "prompt",
    "output": "output",
    "feature": "feature",
    "like": "cosine",
    "lens": "lens",
}

HOW = N_(
    "say a class by number or name (285, Egyptian cat), two as 285-281 or cat - dog, predicted, "
    "output:2, feature:17, lens:5 or lens:5:285, prompt:a photo of a cat, or like:PICTURE"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One number of a model's pass, of which maps say what it depends on.

    >>> from vitviz.core.data.target import target_of
    >>> target_of("285-281").words()
    'class 285 against class 281'
    >>> target_of("Egyptian cat").kind, target_of("feature:17").words()
    ('class', 'feature 17 of the embedding')
    >>> target_of("feature:x")
    Traceback (most recent call last):
    vitviz.core.progress.VitvizError: the target 'feature:x' names no number; say a class by ...

    | kind | the number |
    |---|---|
    | predicted | the logit of the likeliest class; the first output of a model with one |
    | class | the logit of the class `index`, or of the one called `text` |
    | contrast | that logit less the one of `against` (or of `other`, by name) |
    | output | output `index` of a head that is no classifier |
    | feature | feature `index` of the embedding, the head left out |
    | cosine | cosine of the embedding with that of another picture (`text` is its key) |
    | lens | what the head would say after layer `layer` of `index` (None: of its likeliest) |
    | prompt | the similarity with the text `text`, for models with a text tower |
    | function | `function(output)`, called `text` |

    `picture` and `function` are of this process: `written` leaves them out.
    """

    kind: TargetKind = "predicted"
    index: int | None = None
    against: int | None = None
    layer: int | None = None
    text: str = ""
    other: str = ""
    function: Any = None
    picture: Any = None

    def written(self) -> Target:
        """What of it goes into a file: no folder's name, nothing of this process."""
        name = PurePath(self.other).name if self.kind == "cosine" else self.other
        return replace(self, function=None, picture=None, other=name)

    def words(self, labels: Sequence[str] = ()) -> str:
        """What to call it in titles and captions."""
        match self.kind:
            case "predicted":
                return "the predicted class"
            case "class":
                return class_words(self.index, self.text, labels)
            case "contrast":
                first = class_words(self.index, self.text, labels)
                return f"{first} against {class_words(self.against, self.other, labels)}"
            case "output":
                return f"output {self.index}"
            case "feature":
                return f"feature {self.index} of the embedding"
            case "cosine":
                called = self.picture.name if self.picture is not None else self.other
                return f"similarity with {called or 'another picture'}"
            case "lens":
                of = (
                    "its likeliest class"
                    if self.index is None
                    else class_words(self.index, "", labels)
                )
                return f"{of} as {layer_name(self.layer or 0)} would answer"
            case "prompt":
                return f'similarity with "{self.text}"'
            case "function":
                return self.text or "a function of the output"
            case _:
                assert_never(self.kind)

    def __str__(self) -> str:
        """As `target_of` reads it."""
        match self.kind:
            case "predicted":
                return "predicted"
            case "class":
                return self.text if self.index is None else str(self.index)
            case "contrast":
                if self.index is not None and self.against is not None:
                    return f"{self.index}-{self.against}"
                one, two = ((self.index, self.text), (self.against, self.other))
                return " - ".join(text if at is None else str(at) for at, text in (one, two))
            case "lens":
                return f"lens:{self.layer}" + ("" if self.index is None else f":{self.index}")
            case "cosine":
                return f"like:{self.other or self.text}"
            case "prompt":
                return f"prompt:{self.text}"
            case "function":
                return f"function:{self.text}"
            case "output" | "feature":
                return f"{self.kind}:{self.index}"
            case _:
                assert_never(self.kind)


PREDICTED = Target()
"""What is asked about unless something else is chosen."""


def class_words(index: int | None, name: str, labels: Sequence[str] = ()) -> str:
    """What to call a class: the first of its names, else its number."""
    if index is None:
        return name
    return labels[index].split(",")[0] if index < len(labels) else f"class {index}"


def target_of(said: Target | int | str | Callable[[Any], Any] | None) -> Target:
    """A target, however it was said: a number, words, a function of the model's output, or itself.

    VitvizError, with what can be said, for anything else.
    """
    match said:
        case Target():
            return said
        case None:
            return Target()
        case bool():
            raise VitvizError(f"{said!r} is no target; {_(HOW)}")
        case int():
            return _checked(Target("class", index=said), str(said))
        case str():
            return _checked(_read(said.strip()), said)
        case _ if callable(said):
            return Target("function", text=getattr(said, "__name__", "function"), function=said)
    raise VitvizError(f"{said!r} is no target; {_(HOW)}")


def _read(text: str) -> Target:
    word, colon, rest = text.partition(":")
    if text in ("", "predicted"):
        return Target()
    if colon and word in _KINDS_BY_WORD:
        return _kinded(_KINDS_BY_WORD[word], rest.strip(), text)
    if found := re.fullmatch(r"(\d+)\s*-\s*(\d+)", text):
        return Target("contrast", index=int(found[1]), against=int(found[2]))
    if found := re.fullmatch(r"(.+?)\s+(?:-|vs|against)\s+(.+)", text):
        (index, name), (against, other) = _class(found[1]), _class(found[2])
        return Target("contrast", index=index, text=name, against=against, other=other)
    index, name = _class(text)
    return Target("class", index=index, text=name)


def _kinded(kind: TargetKind, rest: str, text: str) -> Target:
    if kind == "lens":
        found = re.fullmatch(r"(-?\d+)(?::(\d+))?", rest)
        if found is None:
            raise VitvizError(
                f"the target {text!r} is not lens:LAYER or lens:LAYER:CLASS; {_(HOW)}"
            )
        return Target("lens", layer=int(found[1]), index=int(found[2]) if found[2] else None)
    if kind in ("output", "feature"):
        if not rest.isdecimal():
            raise VitvizError(f"the target {text!r} names no number; {_(HOW)}")
        return Target(kind, index=int(rest))
    if not rest:
        raise VitvizError(f"the target {text!r} is empty behind the colon; {_(HOW)}")
    return Target(kind, text=rest) if kind == "prompt" else Target(kind, other=rest)


def _class(text: str) -> tuple[int | None, str]:
    return (int(text), "") if text.isdecimal() else (None, text)


def _checked(target: Target, text: str) -> Target:
    if target.index is not None and target.index < 0:
        raise VitvizError(f"the target {text!r} is below zero: classes count from 0")
    return target


def named_class(name: str, labels: Sequence[str]) -> int:
    """The number of the class of that name, whole or as one of several names behind commas.

    VitvizError, with what is near, where no class or more than one is called so.
    """
    wanted = name.strip().lower()
    names = [[each.strip().lower() for each in label.split(",")] for label in labels]
    exact = [at for at, each in enumerate(names) if wanted in each or wanted == ", ".join(each)]
    found = exact or [at for at, each in enumerate(names) if any(wanted in one for one in each)]
    if len(found) == 1:
        return found[0]
    if not labels:
        raise VitvizError(
            f"nobody knows what this model's classes are called; give {name!r} by number"
        )
    if not found:
        raise VitvizError(
            f"no class is called {name!r}; give its number, or a name as predictions have"
        )
    few = ", ".join(f"{at} {labels[at].split(',')[0]}" for at in found[:4])
    raise VitvizError(f"{len(found)} classes are called {name!r}: {few}; give a number")
