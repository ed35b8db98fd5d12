"""The model's own fused kernel, asked for the log-sum-exp that it reckons anyway and throws away."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend

_EXACT = {torch.float32, torch.float64}
"""In half precision the kernel adds up rounded exponentials: its sum is off by 4e-5."""


@dataclass(frozen=True, slots=True, eq=False)
class KernelAnswer:
    """What F.scaled_dot_product_attention answered, and the log-sum-exp of every query's logits where
    its kernel gave that too.
    """

    output: Float[Tensor, "*batch head query value"]
    log_sum_exp: Float[Tensor, "batch head query"] | None = None


def attended(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> KernelAnswer:
    """F.scaled_dot_product_attention, bit for bit: the kernel that torch itself would choose."""
    exact = query.device.type == "cpu" and query.dtype in _EXACT and query.ndim == 4
    boolean = attn_mask is not None and attn_mask.dtype == torch.bool
    if exact and not boolean and dropout_p == 0:
        chosen = torch._fused_sdp_choice(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
        if chosen == SDPBackend.FLASH_ATTENTION.value:
            return KernelAnswer(
                *torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                    query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale
                )
            )
    return KernelAnswer(
        functional.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    )
