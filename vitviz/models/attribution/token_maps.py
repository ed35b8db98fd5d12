"""Class activation maps over tokens: Grad-CAM and LayerCAM of what a block's first norm gives."""

from __future__ import annotations

from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor

PatchTokens = Float[Tensor, "patch dim"]


def grad_cam(tokens: PatchTokens, gradients: PatchTokens) -> Float[Tensor, "patch"]:
    """(sum over channels of activation * mean gradient of the channel)+.

    Selvaraju et al. 2017, arXiv:1610.02391, with patches in place of a feature map's cells.
    """
    weights = reduce(gradients.float(), "patch dim -> dim", "mean")
    return einsum(tokens.float(), weights, "patch dim, dim -> patch").clamp(min=0)


def layer_cam(tokens: PatchTokens, gradients: PatchTokens) -> Float[Tensor, "patch"]:
    """(sum over channels of activation * (gradient)+ at the same place)+.

    Jiang et al. 2021, LayerCAM, IEEE TIP 30, equations 5 to 7.
    """
    weighted = tokens.float() * gradients.float().clamp(min=0)
    return reduce(weighted, "patch dim -> patch", "sum").clamp(min=0)
