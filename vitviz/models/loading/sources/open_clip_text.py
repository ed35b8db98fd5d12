"""The text tower of a model of open_clip, with open_clip's own tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import open_clip
from torch import Tensor, nn

from vitviz.core.progress import VitvizError
from vitviz.models.loading.text_tower import PromptTokens, TextTower


def text_side(module: nn.Module, architecture: str) -> TextTower | None:
    """The side that reads words; None where a model has none. Its tokenizer is read when asked for."""
    model: Any = module
    if not hasattr(model, "encode_text"):
        return None
    bias = getattr(model, "logit_bias", None)
    tokenizer = cache(partial(_tokenizer, architecture))
    context = int(getattr(model, "context_length", 77))
    return TextTower(
        partial(_tokens, tokenizer),
        partial(_features, model),
        partial(_length, tokenizer, context),
        context,
        float(model.logit_scale.detach().exp()),
        0.0 if bias is None else float(bias.detach()),
        bias is not None,  # only models that were trained with a sigmoid have one
    )


def _tokenizer(architecture: str) -> Any:
    try:
        return open_clip.get_tokenizer(architecture)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise VitvizError(
            f"the tokenizer of open_clip/{architecture} is not on this computer and could not be "
            "fetched, so no prompt can be read"
        ) from error


def _tokens(tokenizer: Callable[[], Any], prompts: Sequence[str]) -> PromptTokens:
    return {"text": tokenizer()(list(prompts))}


def _length(tokenizer: Callable[[], Any], context: int, prompt: str) -> int:
    """Tokens with the marks around them, before open_clip cuts what is too long."""
    words = tokenizer()
    if hasattr(words, "encode"):
        return len(words.encode(prompt)) + 2
    return len(words.tokenizer(prompt)["input_ids"])


def _features(model: Any, tokens: PromptTokens) -> Tensor:
    device = next(model.parameters()).device
    found: Tensor = model.encode_text(tokens["text"].to(device))
    return found
