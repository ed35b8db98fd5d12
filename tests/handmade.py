"""A transformer as people write it in a notebook: in one cell, with attention by hand."""

from __future__ import annotations

import torch
from torch import nn


class HandmadeBlock(nn.Module):
    """Attention and an MLP, with nothing that vitviz could know by its name."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.first, self.second = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.net = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.to_qkv(self.first(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        maps = (q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5).softmax(dim=-1)
        x = x + self.out((maps @ v).transpose(1, 2).reshape(b, t, d))
        return x + self.net(self.second(x))


class Handmade(nn.Module):
    """Patches of 8 rows by 6 columns of a picture of 48 x 48 pixels, then blocks and a head.

    `last`: the class token comes last; `down`: patches are in columns; `overlap`: a convolution before
    the patches; `random`: a third of the patches is left out at random.
    """

    def __init__(
        self, *, last=False, down=False, overlap=False, random=False, depth=3, dim=32, classes=5
    ) -> None:
        super().__init__()
        self.last, self.down, self.random = last, down, random
        self.before = nn.Conv2d(3, 3, 3, padding=1) if overlap else nn.Identity()
        self.cut = nn.Conv2d(3, dim, (8, 6), stride=(8, 6))
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim))
        self.pos = nn.Parameter(torch.randn(1, 49, dim) * 0.1)
        self.stack = nn.ModuleList(HandmadeBlock(dim, 4) for _ in range(depth))
        self.end, self.answer = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, x):
        x = self.cut(self.before(x))
        x = (x.transpose(2, 3) if self.down else x).flatten(2).transpose(1, 2)
        own = self.cls_token.expand(len(x), -1, -1)
        x = torch.cat([x, own] if self.last else [own, x], dim=1) + self.pos
        if self.random:
            x = x[:, torch.randperm(49)[:33]]
        for block in self.stack:
            x = block(x)
        return self.answer(self.end(x)[:, -1 if self.last else 0])
