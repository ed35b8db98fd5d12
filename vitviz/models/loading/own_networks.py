"""Networks of vitviz's own in place of timm's: the same weights under the same names."""

from __future__ import annotations

from typing import Any

import torch
from timm.models import tnt
from torch import nn

from vitviz.core.progress import BadModel
from vitviz.models.nets.tnt import TNT


def own(module: nn.Module) -> nn.Module:
    """vitviz's TNT with the weights of timm's; every other model, and a TNT whose words leave pixels
    over, as it is. BadModel where its patches do not fill the picture.
    """
    try:
        return _own_tnt(module) if type(module) is tnt.TNT else module
    except ValueError as error:
        raise BadModel(f"the TNT cannot be built so: {error}") from error


def _own_tnt(theirs: Any) -> nn.Module:
    embed, block = theirs.pixel_embed, theirs.blocks[0]
    stride = embed.proj.stride[0]
    if any(side % stride for side in embed.patch_size):
        return theirs  # type: ignore[no-any-return]
    with torch.device("meta"):  # the weights come from timm's
        network = TNT(
            img_size=embed.img_size,
            patch_size=embed.patch_size,
            in_chans=theirs.in_chans,
            num_classes=theirs.num_classes,
            global_pool=theirs.global_pool,
            embed_dim=theirs.embed_dim,
            inner_dim=embed.in_dim,
            depth=len(theirs.blocks),
            num_heads_inner=block.attn_in.num_heads,
            num_heads_outer=block.attn_out.num_heads,
            # Half a unit more, so that rounding down gives the same number of hidden units.
            mlp_ratio=(block.mlp.fc1.out_features + 0.5) / theirs.embed_dim,
            qkv_bias=block.attn_in.qk.bias is not None,
            first_stride=stride,
            legacy=embed.legacy,
        )
    network.load_state_dict(theirs.state_dict(), assign=True)
    network.pretrained_cfg = theirs.pretrained_cfg
    return network.train(theirs.training)
