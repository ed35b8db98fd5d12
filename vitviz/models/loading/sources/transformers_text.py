"""The text tower of a model of transformers, with the tokenizer that lies beside its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import transformers
from torch import Tensor, nn

from vitviz.core.progress import VitvizError
from vitviz.models.loading.live.called_module import answer_of
from vitviz.models.loading.text_tower import PromptTokens, TextTower

_ALONE = ("siglip", "siglip2")
"""Kinds of models whose prompts are each read by a sigmoid, and padded to the whole context."""


def text_side(module: nn.Module, where: str, local: dict[str, bool]) -> TextTower | None:
    """The side that reads words; None where a model has none. Its tokenizer is read when asked for."""
    model: Any = module
    if not hasattr(model, "get_text_features") or not hasattr(model, "logit_scale"):
        return None
    config = model.config
    context = int(getattr(config.text_config, "max_position_embeddings", 77))
    alone = config.model_type in _ALONE
    vocabulary = int(getattr(config.text_config, "vocab_size", 0))
    tokenizer = cache(partial(_tokenizer, where, local, vocabulary))
    bias = getattr(model, "logit_bias", None)
    return TextTower(
        partial(_tokens, tokenizer, context if alone else None),
        partial(_features, model),
        partial(_length, tokenizer),
        context,
        float(model.logit_scale.detach().exp()),
        0.0 if bias is None else float(bias.detach()),
        alone,
    )


def _tokenizer(where: str, local: dict[str, bool], vocabulary: int) -> Any:
    build: Any = transformers.AutoTokenizer
    missing = VitvizError(
        f"no tokenizer could be read beside the weights in {where}, so no prompt can be; put "
        "tokenizer.json and tokenizer_config.json there (tokenizer.save_pretrained(FOLDER))"
    )
    try:
        found = build.from_pretrained(where, **local)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise missing from error
    if 2 * len(found) < vocabulary:  # made of nothing but its marks, where there is no file
        raise missing
    return found


def _tokens(
    tokenizer: Callable[[], Any], whole: int | None, prompts: Sequence[str]
) -> PromptTokens:
    """As the library's processor gives them: padded to the longest, or to the whole context."""
    padding = {"padding": True} if whole is None else {"padding": "max_length", "max_length": whole}
    found = tokenizer()(list(prompts), return_tensors="pt", truncation=False, **padding)
    return {name: found[name] for name in ("input_ids", "attention_mask") if name in found}


def _length(tokenizer: Callable[[], Any], prompt: str) -> int:
    return len(tokenizer()(prompt, truncation=False)["input_ids"])


def _features(model: Any, tokens: PromptTokens) -> Tensor:
    device = next(model.parameters()).device
    given = {name: value.to(device) for name, value in tokens.items()}
    found = answer_of(model.get_text_features(**given))
    assert found is not None
    return found
