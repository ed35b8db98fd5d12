"""What is compared with, said in a few words: a patch size, another model, another picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vitviz.core.language import _
from vitviz.core.progress import VitvizError
from vitviz.session.work.request import ModelRequest, is_checkpoint


def against(request: ModelRequest, picture: str, words: Sequence[str]) -> tuple[ModelRequest, str]:
    """The model and the picture with what the words change; VitvizError when that is nothing."""
    found = changed(request, picture, words)
    if words and found == (request, picture):
        raise VitvizError(
            _(
                "{words} is what is drawn already; compare with another model, patch "
                "size or picture"
            ).format(words=" ".join(words))
        )
    return found


def changed(request: ModelRequest, picture: str, words: Sequence[str]) -> tuple[ModelRequest, str]:
    """The model and the picture with what the words say instead.

    A number is a patch size, with @ the picture's size in model pixels ("8", "8@112", "@448"); a file
    that is no checkpoint is a picture; all else is a model's name.
    """
    for word in words:
        sizes = re.fullmatch(r"(\d+)?(?:@(\d+))?", word)
        if word and sizes:
            patch, pixels = sizes.groups()
            request = replace(
                request,
                patch_size=int(patch) if patch else request.patch_size,
                input_size=int(pixels) if pixels else request.input_size,
            )
        elif Path(word).is_file() and not is_checkpoint(word):
            picture = word
        else:
            request = replace(request, name=word)
    return request, picture
