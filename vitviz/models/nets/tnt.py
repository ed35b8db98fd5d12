"""Transformer in Transformer: words inside sentences, to be read beside the paper.

Han et al., "Transformer in Transformer", arXiv:2103.00112. The picture is cut into patches, the
*visual sentences*, and every patch into smaller ones, its *visual words*. In each block an inner
transformer lets the words of one sentence look at each other, a projection adds what they found to
their sentence, and an outer transformer lets the sentences look at each other, as a ViT does.

Names of parameters and arguments are timm's (timm/models/tnt.py), so that weights fit both; there a
word is a "pixel" and a sentence a "patch". In the shapes b counts pictures, or the sentences of all
pictures where words look at each other: every sentence is then a sequence of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from timm.models import tnt
from torch import Tensor, nn
from torch.nn import functional

Sides = tuple[int, int]


class TNT(nn.Module):
    """The whole network: a picture in, one number for each class out.

    `img_size`, `patch_size` are one side or (rows, cols) in pixels; `first_stride` is the side of a
    word. `legacy` reads words by one convolution over the whole picture, so that they see over
    their patch's edges; otherwise every patch is convolved alone. `kernel` is that convolution's
    side, 7 in the paper; words larger than it would leave pixels between them unread. ValueError
    where patches do not fill the picture or words do not fill a patch.
    """

    def __init__(
        self,
        img_size: int | Sides = 224,
        patch_size: int | Sides = 16,
        in_chans: int = 3,
        num_classes: int = 1000,
        global_pool: str = "token",
        embed_dim: int = 768,
        inner_dim: int = 48,
        depth: int = 12,
        num_heads_inner: int = 4,
        num_heads_outer: int = 12,
        mlp_ratio: float = 4.0,
        qkv_bias: bool = False,
        drop_path_rate: float = 0.0,
        first_stride: int = 4,
        legacy: bool = False,
        kernel: int = 7,
    ) -> None:
        """Random weights; `embed_dim` and `inner_dim` are the widths of sentences and of words."""
        super().__init__()
        self.num_classes, self.global_pool = num_classes, global_pool
        self.pretrained_cfg: dict[str, Any] = {}
        self.num_features = self.embed_dim = embed_dim
        self.num_prefix_tokens = 1
        self.pixel_embed = WordEmbedding(
            _pair(img_size), _pair(patch_size), in_chans, inner_dim, first_stride, legacy, kernel
        )
        rows, cols = self.pixel_embed.grid_size
        down, across = self.pixel_embed.new_patch_size
        inner = down * across * inner_dim
        self.norm1_proj = nn.LayerNorm(inner)
        self.proj = nn.Linear(inner, embed_dim)
        self.norm2_proj = nn.LayerNorm(embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.patch_pos = nn.Parameter(torch.zeros(1, 1 + rows * cols, embed_dim))
        self.pixel_pos = nn.Parameter(torch.zeros(1, inner_dim, down, across))
        self.blocks = nn.ModuleList(
            TransformerBlock(
                inner_dim,
                embed_dim,
                down * across,
                num_heads_inner,
                num_heads_outer,
                mlp_ratio,
                qkv_bias,
                drop_path_rate * index / max(depth - 1, 1),
                legacy,
            )
            for index in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes) if num_classes else nn.Identity()
        self.apply(_fresh)
        for table in (self.cls_token, self.patch_pos, self.pixel_pos):
            nn.init.trunc_normal_(table, std=0.02)

    def forward(self, pixels: Float[Tensor, "b rgb row col"]) -> Float[Tensor, "b label"]:
        """A number for each class."""
        return self.forward_head(self.forward_features(pixels))

    def forward_features(
        self, pixels: Float[Tensor, "b rgb row col"]
    ) -> Float[Tensor, "b token dim"]:
        """The class token and all sentences after the last block, normalised."""
        words = self.pixel_embed(pixels, self.pixel_pos)
        sentences = self.sentences(words, len(pixels))
        for block in self.blocks:
            words, sentences = block(words, sentences)
        found: Tensor = self.norm(sentences)
        return found

    def sentences(
        self, words: Float[Tensor, "sentence word dim"], pictures: int
    ) -> Float[Tensor, "b token sentence_dim"]:
        """The sentences that enter the first block: the class token, then each sentence's words in
        one vector, projected; every one with its place added.
        """
        joined = rearrange(words, "(b sentence) word dim -> b sentence (word dim)", b=pictures)
        made = self.norm2_proj(self.proj(self.norm1_proj(joined)))
        first = repeat(self.cls_token, "1 1 dim -> b 1 dim", b=len(made))
        return torch.cat([first, made], dim=1) + self.patch_pos

    def forward_head(self, tokens: Float[Tensor, "b token dim"]) -> Float[Tensor, "b label"]:
        """The class token's (or the mean sentence's) answer."""
        read = tokens[:, 1:].mean(1) if self.global_pool == "avg" else tokens[:, 0]
        answer: Tensor = self.head(read)
        return answer


class WordEmbedding(nn.Module):
    """Cuts the picture into sentences and reads their words, with each word's place in its sentence
    added.
    """

    def __init__(
        self,
        img_size: Sides,
        patch_size: Sides,
        in_chans: int,
        dim: int,
        stride: int,
        legacy: bool,
        kernel: int,
    ) -> None:
        """Sizes in pixels; ValueError where patches leave pixels over, or words of side `stride` do."""
        super().__init__()
        _divides("a picture", img_size, "patches", patch_size)
        _divides("a patch", patch_size, "words", (stride, stride))
        self.img_size, self.patch_size, self.legacy = img_size, patch_size, legacy
        self.grid_size = (img_size[0] // patch_size[0], img_size[1] // patch_size[1])
        self.new_patch_size = (patch_size[0] // stride, patch_size[1] // stride)
        self.proj = nn.Conv2d(in_chans, dim, kernel, stride=stride, padding=kernel // 2)

    def forward(
        self, pixels: Float[Tensor, "b rgb row col"], places: Float[Tensor, "1 dim down across"]
    ) -> Float[Tensor, "sentence word dim"]:
        """Words of every patch of every picture. ValueError for a picture of another size."""
        if tuple(pixels.shape[-2:]) != self.img_size:
            raise ValueError(
                f"a picture of {_by(pixels.shape[-2:])} pixels does not fit this TNT, "
                f"which was built for {_by(self.img_size)}; load it with input_size"
            )
        rows, cols = self.grid_size
        if self.legacy:
            words: Tensor = rearrange(
                self.proj(pixels),
                "b dim (row down) (col across) -> (b row col) dim down across",
                row=rows,
                col=cols,
            )
        else:
            patches = rearrange(
                pixels, "b rgb (row p1) (col p2) -> (b row col) rgb p1 p2", row=rows, col=cols
            )
            words = self.proj(patches)
        words = words + places
        return rearrange(words, "sentence dim down across -> sentence (down across) dim")


class TransformerBlock(nn.Module):
    """One layer: the inner block on words, words into sentences, the outer block on sentences."""

    def __init__(
        self,
        dim: int,
        dim_out: int,
        words: int,
        heads_in: int,
        heads_out: int,
        mlp_ratio: float,
        qkv_bias: bool,
        drop_path: float,
        legacy: bool,
    ) -> None:
        """`dim` and `dim_out` are the widths of words and of sentences; `words` in each patch."""
        super().__init__()
        self.norm_in = nn.LayerNorm(dim)
        self.attn_in = MultiHeadAttention(dim, heads_in, qkv_bias)
        self.norm_mlp_in = nn.LayerNorm(dim)
        self.mlp_in = Mlp(dim, 4 * dim)
        self.legacy = legacy
        # Legacy: every word normalised alone and no norm behind the projection.
        self.norm1_proj = nn.LayerNorm(dim if legacy else words * dim)
        self.proj = nn.Linear(words * dim, dim_out, bias=legacy)
        self.norm2_proj = None if legacy else nn.LayerNorm(dim_out)
        self.norm_out = nn.LayerNorm(dim_out)
        self.attn_out = MultiHeadAttention(dim_out, heads_out, qkv_bias)
        self.norm_mlp = nn.LayerNorm(dim_out)
        self.mlp = Mlp(dim_out, int(dim_out * mlp_ratio))
        self.drop_path = DropPath(drop_path)

    def forward(
        self,
        words: Float[Tensor, "sentence word dim"],
        sentences: Float[Tensor, "b token sentence_dim"],
    ) -> tuple[Tensor, Tensor]:
        """The words and sentences that the next layer reads, shaped as those given."""
        words = words + self.drop_path(self.attn_in(self.norm_in(words)))
        words = words + self.drop_path(self.mlp_in(self.norm_mlp_in(words)))
        # The class token has no words: it learns of them from the sentences only.
        sentences = sentences + functional.pad(self.read(words, len(sentences)), (0, 0, 1, 0))
        sentences = sentences + self.drop_path(self.attn_out(self.norm_out(sentences)))
        sentences = sentences + self.drop_path(self.mlp(self.norm_mlp(sentences)))
        return words, sentences

    def read(
        self, words: Float[Tensor, "sentence word dim"], pictures: int
    ) -> Float[Tensor, "b sentence sentence_dim"]:
        """What every sentence is told by its words, all of them side by side."""
        if self.norm2_proj is None:
            words = self.norm1_proj(words)
        joined = rearrange(words, "(b sentence) word dim -> b sentence (word dim)", b=pictures)
        told: Tensor = (
            self.proj(joined)
            if self.norm2_proj is None
            else self.norm2_proj(self.proj(self.norm1_proj(joined)))
        )
        return told


class MultiHeadAttention(nn.Module):
    """softmax(q kᵀ / √d) v in several heads, with the fused kernel; the axis before last looks.

    `fused_attn` False takes the same numbers by plain products, which train faster on a processor.
    """

    def __init__(self, dim: int, heads: int, qkv_bias: bool) -> None:
        """ValueError where `heads` do not divide the `dim` dimensions equally."""
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads cannot share {dim} dimensions equally")
        self.num_heads, self.fused_attn = heads, True
        self.qk = nn.Linear(dim, 2 * dim, bias=qkv_bias)
        self.v = nn.Linear(dim, dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Float[Tensor, "b token dim"]) -> Float[Tensor, "b token dim"]:
        """What every token takes from the others, projected."""
        query, key = rearrange(
            self.qk(x), "b token (two head dim) -> two b head token dim", two=2, head=self.num_heads
        )
        value = rearrange(self.v(x), "b token (head dim) -> b head token dim", head=self.num_heads)
        if self.fused_attn:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        else:
            maps = torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, dim=-1)
            mixed = maps @ value
        out: Tensor = self.proj(rearrange(mixed, "b head token dim -> b token (head dim)"))
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between them, on every token alone."""

    def __init__(self, dim: int, hidden: int) -> None:
        """`dim` in and out, `hidden` between."""
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim)

    def forward(self, x: Float[Tensor, "... dim"]) -> Float[Tensor, "... dim"]:
        """Every token changed by itself."""
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


class DropPath(nn.Module):
    """While training, leaves a branch out for some pictures (stochastic depth, arXiv:1603.09382)."""

    def __init__(self, share: float) -> None:
        """`share` of the pictures, 0 to 1, that go without the branch."""
        super().__init__()
        self.share = share

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The branch, 0 for those left out and larger for the others, so that the mean stays."""
        if not self.training or self.share == 0:
            return x
        stays = torch.rand(len(x), *(1,) * (x.ndim - 1), device=x.device) >= self.share
        return x * stays / (1 - self.share)


def embed_by_linear(
    pixels: Float[Tensor, "b rgb row col"],
    weight: Float[Tensor, "dim rgb p1 p2"],
    bias: Float[Tensor, "dim"] | None = None,
) -> Float[Tensor, "b patch dim"]:
    """Patch embedding as a ViT's paper writes it: every patch one vector, times one matrix."""
    patches = rearrange(
        pixels,
        "b rgb (row p1) (col p2) -> b (row col) (rgb p1 p2)",
        p1=weight.shape[2],
        p2=weight.shape[3],
    )
    matrix = rearrange(weight, "dim rgb p1 p2 -> dim (rgb p1 p2)")
    return functional.linear(patches, matrix, bias)


def embed_by_convolution(
    pixels: Float[Tensor, "b rgb row col"],
    weight: Float[Tensor, "dim rgb p1 p2"],
    bias: Float[Tensor, "dim"] | None = None,
) -> Float[Tensor, "b patch dim"]:
    """Patch embedding as its code writes it: a convolution that steps by its own width. The same
    numbers.
    """
    made = functional.conv2d(pixels, weight, bias, stride=weight.shape[2:])
    return rearrange(made, "b dim row col -> b (row col) dim")


def checkpoint_filter_fn(state: dict[str, Tensor], module: TNT) -> dict[str, Tensor]:
    """A file's tensors by this network's names: timm's or the authors' own, places resampled.

    ValueError where it has other words, because a projection reads all words of a sentence at once.
    """
    found: dict[str, Tensor] = tnt.checkpoint_filter_fn(state, module)
    words = [table["pixel_pos"].shape[-2:] for table in (found, module.state_dict())]
    if words[0] != words[1]:
        raise ValueError(
            f"its patches are {_by(words[0])} words, which cannot be resampled to "
            f"{_by(words[1])}; a TNT keeps its patch size"
        )
    return found


def _fresh(part: nn.Module) -> None:
    """A linear layer's first weights, as timm draws them."""
    if isinstance(part, nn.Linear):
        nn.init.trunc_normal_(part.weight, std=0.02)
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def _pair(size: int | Sides) -> Sides:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _divides(whole: str, size: Sides, parts: str, part: Sides) -> None:
    if size[0] % part[0] or size[1] % part[1]:
        raise ValueError(
            f"{whole} of {_by(size)} pixels cannot be cut into {parts} of {_by(part)}; "
            "take sizes that divide it"
        )


def _by(size: Sides | torch.Size) -> str:
    return f"{size[0]} × {size[1]}"
