"""Train the vision transformers that vitviz ships, or your own, from any folder of pictures.

One folder per class (an ImageFolder, folders named by WordNet id when a teacher is used), a teacher
to learn from if you have one, and a student that is new from its first weight:

* ``vit``: a ViT whose patch size is drawn at random for each batch (FlexiViT, arXiv 2212.08013).
  Its patch kernel and its positions are stored once and resampled with timm's own
  ``resample_patch_embed`` and ``resample_abs_pos_embed``, as vitviz does when it loads them.
* ``tnt``: vitviz's Transformer in Transformer (arXiv 2103.00112) of one patch size, timm's keys.

    python packaging/models/train.py --smoke
    python packaging/models/train.py --data FOLDER --teacher FILE --work CACHE --out . --minutes 90
    python packaging/models/train.py --data FOLDER --teacher FILE --work CACHE --out . --start MODEL

``--resume`` goes on with a training that was stopped; ``--start`` begins a new one, with learning
rates of its own, from the weights of a model that an earlier one exported. ``--positions none``
trains a ViT without position embeddings.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from einops import rearrange, reduce, repeat
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data.imagenet_info import ImageNetInfo
from timm.layers.patch_embed import resample_patch_embed
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

try:
    from vitviz.models.nets.tnt import TNT as TNT  # for evaluate.py too
except ImportError:  # run without vitviz: timm's has the same names, numbers and speed
    from timm.models.tnt import TNT as TNT  # type: ignore[no-redef]

CHOICES = {"architecture": ("vit", "tnt"), "positions": ("learned", "none")}
SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp")
STORED_PATCH = 16
WORD = 4
SMALL_SIDE = 96
MEAN = STD = 0.5
TEACHER_LAYERS = 4
STUDENT_LAYERS = 3
FIGURES = (
    f"shares of held-out pictures; small: files of up to {SMALL_SIDE} px on the short side "
    "(Tiny-ImageNet-like), large: the others (Imagenette-like)"
)


@dataclass(frozen=True)
class Settings:
    """All that decides what comes out of a training; the card repeats it."""

    data: str | None = None
    teacher: str | None = None
    teacher_architecture: str = "vit_tiny_patch16_224"
    architecture: Literal["vit", "tnt"] = "vit"
    positions: Literal["learned", "none"] = "learned"
    input_size: int = 96
    store_size: int = 128
    width: int = 192
    depth: int = 8
    heads: int = 6
    inner_width: int = 24
    inner_heads: int = 4
    patch_sizes: tuple[int, ...] = (8, 12, 16, 24, 32)
    default_patch_size: int = 8
    seed: int = 0
    out: str = "."
    work: str = "work"
    name: str = ""
    start: str | None = None
    resume: bool = False
    device: str = "auto"
    threads: int = 0
    minutes: float | None = None
    steps: int | None = None
    micro_batch: int = 64
    micro_batches: int = 2
    views: int = 2
    crop_area: float = 0.3
    learning_rate: float = 1.2e-3
    muon_rate: float = 3e-3
    weight_decay: float = 0.05
    ema: float = 0.992
    cutmix: float = 0.15
    label_weight: float = 0.6
    logit_weight: float = 0.8
    feature_weight: float = 1.0
    attention_weight: float = 0.5
    temperature: float = 1.5
    fine_first: float = -0.6
    fine_last: float = 0.6
    save_minutes: float = 10.0
    smoke: bool = False

    @property
    def model_name(self) -> str:
        usual = {"vit": "flexvit", "tnt": "tnt"}[self.architecture]
        return self.name or (f"{usual}_nopos" if self.positions == "none" else usual)

    @property
    def teacher_grid(self) -> int:
        return self.input_size // 8


# --- Pictures ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """Every picture, decoded once and squashed to one square, with what undoes the squashing.

    ``pixels`` uint8 [picture channel row column]; ``labels`` the class; ``aspects`` width / height;
    ``sides`` the short side of the file in px; ``heldout`` marks the pictures never trained on.
    """

    classes: tuple[str, ...]
    pixels: Tensor
    labels: Tensor
    aspects: Tensor
    sides: Tensor
    heldout: Tensor

    def to(self, device: torch.device) -> Pictures:
        moved = {
            n: getattr(self, n).to(device)
            for n in ("pixels", "labels", "aspects", "sides", "heldout")
        }
        return replace(self, **moved)


def list_pictures(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """The classes (folder names, sorted) and every picture file with its class number."""
    classes = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir()))
    files = [
        (path, number)
        for number, name in enumerate(classes)
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    if not files:
        raise SystemExit(f"{folder}: no pictures found; expected one folder per class in it")
    return classes, files


def heldout_files(folder: Path, seed: int, share: float = 0.05) -> set[Path]:
    """The pictures set apart, a twentieth of every class, the same for the same seed and files."""
    _, files = list_pictures(folder)
    of_class: dict[int, list[Path]] = {}
    for path, number in files:
        of_class.setdefault(number, []).append(path)
    chosen: set[Path] = set()
    for paths in of_class.values():
        shuffled = sorted(paths)
        random.Random(f"{seed}:{paths[0].parent.name}").shuffle(shuffled)
        chosen.update(shuffled[: max(1, round(share * len(shuffled)))])
    return chosen


def decode(folder: Path, work: Path, *, size: int, seed: int) -> Pictures:
    """Every picture of an ImageFolder as uint8, kept on disk so that the next start is quick."""
    work.mkdir(parents=True, exist_ok=True)
    classes, files = list_pictures(folder)
    names = "\n".join(f"{path.parent.name}/{path.name}" for path, _ in files)
    key = hashlib.sha256(f"{size}\n{names}".encode()).hexdigest()[:12]
    store, sizes_file = work / f"pictures-{key}.u8", work / f"pictures-{key}.npy"
    shape = (len(files), 3, size, size)
    fresh = not sizes_file.exists()
    pixels = np.memmap(store, np.uint8, "w+" if fresh else "r+", shape=shape)
    if fresh:
        sizes = np.zeros((len(files), 2), np.int32)
        for i, (path, _) in enumerate(files):
            with Image.open(path) as picture:
                sizes[i] = picture.size
                square = picture.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
            pixels[i] = rearrange(np.asarray(square), "row column channel -> channel row column")
        pixels.flush()
        np.save(sizes_file, sizes)
    shapes = torch.from_numpy(np.load(sizes_file)).float()
    held = heldout_files(folder, seed)
    return Pictures(
        classes=classes,
        pixels=torch.from_numpy(pixels),
        labels=torch.tensor([number for _, number in files]),
        aspects=shapes[:, 0] / shapes[:, 1],
        sides=reduce(shapes, "picture side -> picture", "min"),
        heldout=torch.tensor([path in held for path, _ in files]),
    )


def draw_crops(aspects: Tensor, views: int, least_area: float, seed: int) -> Tensor:
    """Which part of each picture each view shows: [view picture (x y half_w half_h)] in -1 .. 1.

    View 0 is the whole centre square, as vitviz will show it; the others are random resized crops.
    """
    g = torch.Generator().manual_seed(seed)
    shape = (views, len(aspects))
    aspects = repeat(aspects.cpu(), "picture -> view picture", view=views)
    area = torch.empty(shape).uniform_(least_area, 1.0, generator=g)
    ratio = torch.empty(shape).uniform_(math.log(3 / 4), math.log(4 / 3), generator=g).exp()
    half_w = ((area * ratio * aspects).sqrt() / aspects).clamp(max=1.0)
    half_h = (area * aspects / ratio).sqrt().clamp(max=1.0)
    half_w[0] = aspects[0].clamp(max=1.0) / aspects[0]
    half_h[0] = aspects[0].clamp(max=1.0)
    x = torch.empty(shape).uniform_(-1, 1, generator=g) * (1 - half_w)
    y = torch.empty(shape).uniform_(-1, 1, generator=g) * (1 - half_h)
    x[0], y[0] = 0.0, 0.0
    return torch.stack([x, y, half_w, half_h], dim=-1)


def cut(pixels: Tensor, crops: Tensor, size: int, mode: str, flip: Tensor | None = None) -> Tensor:
    """The crops as float pictures in 0 .. 1, [picture channel row column], ``size`` px square."""
    x, y, half_w, half_h = crops.unbind(-1)
    zero = torch.zeros_like(x)
    across = half_w if flip is None else torch.where(flip, -half_w, half_w)
    theta = torch.stack([across, zero, x, zero, half_h, y], dim=-1)
    theta = rearrange(theta, "picture (two three) -> picture two three", two=2)
    grid = F.affine_grid(theta, [len(x), 3, size, size], align_corners=False)
    picture = F.grid_sample(
        pixels.float(), grid, mode=mode, padding_mode="reflection", align_corners=False
    )
    return (picture / 255).clamp(0, 1)


def per_picture(draws: Tensor) -> Tensor:
    return rearrange(draws, "picture -> picture 1 1 1")


def change_sharpness(x: Tensor, sharp: Tensor) -> Tensor:
    """Sharp pictures made coarse most of the time, coarse ones crisper half of it.

    Small files are blurred by enlarging and large ones are not; unless both kinds are seen either
    way, blur alone tells their classes apart.
    """
    size = x.shape[-1]
    side = int(torch.randint(size // 3, size * 5 // 6 + 1, ()))
    draw, other = torch.rand(2, len(x), device=x.device)
    blur = draw < torch.where(sharp, 0.7, 0.15)
    crisp = ~blur & (other < torch.where(sharp, 0.15, 0.5))
    if bool(blur.any()):
        small = F.interpolate(x[blur], (side, side), mode="bilinear", antialias=True)
        x[blur] = F.interpolate(small, (size, size), mode="bicubic").clamp(0, 1)
    if bool(crisp.any()):
        chosen = x[crisp]
        amount = torch.empty(len(chosen), device=x.device).uniform_(0.4, 2.0)
        soft = F.avg_pool2d(chosen, 3, stride=1, padding=1, count_include_pad=False)
        x[crisp] = chosen + per_picture(amount) * (chosen - soft)
    return x


def change_colours(x: Tensor, strength: float = 0.3) -> Tensor:
    """Brightness, contrast and saturation shifted at random, one picture in twenty made grey."""

    def draw() -> Tensor:
        return per_picture(torch.empty(len(x), device=x.device).uniform_(-strength, strength).exp())

    grey = reduce(x, "picture channel row column -> picture 1 row column", "mean")
    fade = per_picture(torch.rand(len(x), device=x.device) < 0.05)
    x = grey + torch.where(fade, 0.0, draw()) * (x - grey)
    middle = reduce(x, "picture channel row column -> picture 1 1 1", "mean")
    return (draw() * middle + draw() * (x - middle)).clamp(0, 1)


# --- Models --------------------------------------------------------------------------------------


class FlexibleViT(nn.Module):
    """timm's VisionTransformer, called with any patch size.

    ``vit`` holds the weights at one patch size and one position grid; each call resamples both.
    """

    def __init__(self, vit: VisionTransformer, patch_sizes: Sequence[int]) -> None:
        super().__init__()
        self.vit: Any = vit
        self.stored = int(self.vit.patch_embed.patch_size[0])
        for size in patch_sizes:
            # timm's resampling is linear in the kernel: what it does to the identity says it all.
            identity = rearrange(torch.eye(self.stored**2), "n (r c) -> n 1 r c", r=self.stored)
            matrix = resample_patch_embed(identity, [size, size])
            matrix = rearrange(matrix, "n 1 row column -> n (row column)")
            self.register_buffer(f"resample_{size}", matrix, persistent=False)

    def kernel(self, patch_size: int) -> Tensor:
        """The patch kernel at this size, [width channel row column]; float32."""
        weight: Tensor = self.vit.patch_embed.proj.weight
        weight = rearrange(weight, "w ch row column -> w ch (row column)")
        with torch.autocast(weight.device.type, enabled=False):
            weight = weight @ getattr(self, f"resample_{patch_size}")
        return rearrange(weight, "w ch (row column) -> w ch row column", row=patch_size)

    def features(self, x: Tensor, patch_size: int) -> Tensor:
        """Every token after the last norm, [picture 1+patch width]."""
        p = patch_size
        patches = rearrange(x, "b ch (r p1) (c p2) -> b (r c) (ch p1 p2)", p1=p, p2=p)
        weight = rearrange(self.kernel(p), "w ch p1 p2 -> w (ch p1 p2)")
        tokens = F.linear(patches, weight, self.vit.patch_embed.proj.bias)
        start = repeat(self.vit.cls_token, "1 1 w -> b 1 w", b=len(x))
        tokens = torch.cat([start.to(tokens.dtype), tokens], dim=1)
        if self.vit.pos_embed is not None:
            tokens = tokens + self.positions([n // p for n in x.shape[-2:]]).to(tokens.dtype)
        return self.vit.norm(self.vit.blocks(tokens))  # type: ignore[no-any-return]

    def positions(self, grid: list[int]) -> Tensor:
        return resample_abs_pos_embed(self.vit.pos_embed, grid)  # type: ignore[no-any-return]

    def head(self, tokens: Tensor) -> Tensor:
        return self.vit.forward_head(tokens)  # type: ignore[no-any-return]

    def forward(self, x: Tensor, patch_size: int) -> Tensor:
        return self.head(self.features(x, patch_size))


class WholeTNT(nn.Module):
    """A TNT behind the same three calls; its patch size is fixed by its weights."""

    def __init__(self, tnt: TNT) -> None:
        super().__init__()
        self.tnt: Any = tnt

    def features(self, x: Tensor, patch_size: int) -> Tensor:
        return self.tnt.forward_features(x)  # type: ignore[no-any-return]

    def head(self, tokens: Tensor) -> Tensor:
        return self.tnt.forward_head(tokens)  # type: ignore[no-any-return]

    def forward(self, x: Tensor, patch_size: int) -> Tensor:
        return self.head(self.features(x, patch_size))


Student = FlexibleViT | WholeTNT


def network(student: Student) -> Any:
    """The plain network in it, whose parameters have timm's names."""
    return student.vit if isinstance(student, FlexibleViT) else student.tnt


def architecture_arguments(s: Settings, classes: int) -> dict[str, Any]:
    """What timm's constructor is given, as the card repeats it."""
    common = {
        "img_size": s.input_size,
        "in_chans": 3,
        "num_classes": classes,
        "global_pool": "token",
        "embed_dim": s.width,
        "depth": s.depth,
        "mlp_ratio": 4.0,
        "qkv_bias": True,
    }
    match s.architecture:
        case "vit":
            own: dict[str, Any] = {
                "patch_size": STORED_PATCH,
                "num_heads": s.heads,
                "class_token": True,
            }
            if s.positions == "none":
                own["pos_embed"] = "none"
        case "tnt":
            own = {
                "patch_size": s.patch_sizes[0],
                "inner_dim": s.inner_width,
                "num_heads_inner": s.inner_heads,
                "num_heads_outer": s.heads,
                "first_stride": WORD,
            }
    return common | own


def make_student(s: Settings, classes: int) -> Student:
    """A student with new random weights, drawn from torch's current seed."""
    arguments = architecture_arguments(s, classes)
    match s.architecture:
        case "vit":
            return FlexibleViT(VisionTransformer(**arguments), s.patch_sizes)
        case "tnt":
            return WholeTNT(TNT(**arguments))


def use_plain_attention(model: nn.Module) -> None:
    """On a CPU the fused attention's backward pass takes half the step; plain matrices do not."""
    for module in model.modules():
        if getattr(module, "fused_attn", False):
            module.fused_attn = False  # type: ignore[assignment]


@contextmanager
def class_attention(net: nn.Module, heads: int, layers: int) -> Iterator[list[Tensor]]:
    """Collects, from the last layers run inside, the class token's log attention to the patches.

    Each entry [picture patch]: the heads' mean, over the patches alone, so that it sums to 1.
    """
    found: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], qkv: Tensor) -> None:
        width = qkv.shape[-1] // parts
        query, key = qkv[:, 0, :width].float(), qkv[:, 1:, width : 2 * width].float()
        query = rearrange(query, "b (head d) -> b head d", head=heads)
        key = rearrange(key, "b token (head d) -> b head token d", head=heads)
        scores = torch.einsum("bhd,bhnd->bhn", query, key)
        each = (scores / math.sqrt(query.shape[-1])).softmax(-1)
        found.append(reduce(each, "b head patch -> b patch", "mean").clamp_min(1e-8).log())

    blocks = net.blocks[-layers:]  # type: ignore[index]
    parts = 2 if hasattr(blocks[0], "attn_out") else 3
    spots = [b.attn_out.qk if parts == 2 else b.attn.qkv for b in blocks]
    handles = [spot.register_forward_hook(keep) for spot in spots]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def square(tokens: Tensor) -> int:
    return math.isqrt(tokens.shape[1])


def pool(maps: Tensor, grid: int) -> Tensor:
    """Token maps [picture patch feature] averaged onto a coarser grid, or spread over a finer one."""
    maps = rearrange(maps, "b (r c) f -> b f r c", r=square(maps))
    return rearrange(F.adaptive_avg_pool2d(maps, grid), "b f r c -> b (r c) f")


# --- The teacher ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """What the teacher says of some pictures.

    ``logits`` [picture class] over our classes alone; ``attention`` [picture patch], sums to 1;
    ``features`` [picture 1+patch width] on a grid half as fine, the class token first.
    """

    logits: Tensor
    attention: Tensor
    features: Tensor


def imagenet_names() -> list[str]:
    """The WordNet ids of ImageNet's 1,000 classes, in the order of everybody's heads."""
    info: Any = ImageNetInfo("imagenet-1k")
    return list(info.label_names())


class Teacher:
    """The teacher's answers, asked for once for each view of each picture and then remembered."""

    def __init__(self, s: Settings, pictures: Pictures, device: torch.device) -> None:
        known = imagenet_names()
        strange = [name for name in pictures.classes if name not in known]
        if strange:
            raise SystemExit(
                f"the teacher names ImageNet's 1,000 classes by WordNet id and {len(strange)} of "
                f"{len(pictures.classes)} folders are not among them ({strange[0]}, ...): rename "
                "the folders, or train without --teacher"
            )
        self.columns = torch.tensor([known.index(n) for n in pictures.classes], device=device)
        self.size = s.teacher_grid * 16
        self.model = load_teacher(str(s.teacher), s.teacher_architecture, self.size).to(device)
        if device.type == "cpu":
            use_plain_attention(self.model)
        self.heads = int(self.model.blocks[0].attn.num_heads)
        shape = (s.views, len(pictures.labels))
        grid, half, width = s.teacher_grid, s.teacher_grid // 2, int(self.model.embed_dim)
        self.fresh = False
        self.known = torch.zeros(shape, dtype=torch.bool, device=device)
        self.memory = Lesson(
            torch.zeros(*shape, len(pictures.classes), dtype=torch.float16, device=device),
            torch.zeros(*shape, grid**2, dtype=torch.float16, device=device),
            torch.zeros(*shape, 1 + half**2, width, dtype=torch.float16, device=device),
        )

    @property
    def width(self) -> int:
        return int(self.model.embed_dim)

    @torch.inference_mode()
    def look(self, pixels: Tensor, crops: Tensor) -> Lesson:
        """The teacher's own look at these crops, unflipped and with their true colours."""
        x = (cut(pixels, crops, self.size, "bilinear") - MEAN) / STD
        with (
            torch.autocast(x.device.type, torch.bfloat16),
            class_attention(self.model, self.heads, TEACHER_LAYERS) as maps,
        ):
            tokens = self.model.forward_features(x)
            logits = self.model.forward_head(tokens)[:, self.columns]
        tokens = F.layer_norm(tokens.float(), tokens.shape[-1:])
        half = pool(tokens[:, 1:], self.size // 32)
        attention = without_corners(torch.stack(maps).exp().mean(0))
        return Lesson(logits.float(), attention, torch.cat([tokens[:, :1], half], dim=1))

    def teach(self, pictures: Pictures, crops: Tensor, view: Tensor, index: Tensor) -> Lesson:
        """The lesson for these views of these pictures; only those never asked for cost time."""
        new = ~self.known[view, index]
        if bool(new.any()):
            v, i = view[new], index[new]
            fresh = self.look(pictures.pixels[i], crops[v, i])
            for name in ("logits", "attention", "features"):
                getattr(self.memory, name)[v, i] = getattr(fresh, name).half()
            self.known[v, i] = self.fresh = True
        m = self.memory
        rows = (m.logits[view, index], m.attention[view, index], m.features[view, index])
        return Lesson(*(row.float() for row in rows))

    def save(self, path: Path) -> None:
        write(path, {"known": self.known, **vars(self.memory)})
        self.fresh = False

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.known.device, weights_only=True)
        if state["logits"].shape == self.memory.logits.shape:
            self.known = state.pop("known")
            self.memory = Lesson(**state)


def without_corners(maps: Tensor) -> Tensor:
    """Maps [picture patch] with the corner patches set to their neighbours' mean; sums to 1.

    The teacher parks attention that it has no use for on the four corners, whatever they show.
    """
    n = square(maps)
    maps = rearrange(maps, "b (r c) -> b r c", r=n).clone()
    for r, r1 in ((0, 1), (n - 1, n - 2)):
        for c, c1 in ((0, 1), (n - 1, n - 2)):
            maps[:, r, c] = (maps[:, r1, c] + maps[:, r, c1] + maps[:, r1, c1]) / 3
    maps = rearrange(maps, "b r c -> b (r c)")
    return maps / reduce(maps, "b patch -> b 1", "sum")


def load_teacher(file: str, architecture: str, size: int) -> Any:
    """A trained timm ViT at another input size; its positions are resampled to the new grid."""
    model: Any = timm.create_model(architecture, pretrained=False, img_size=size)
    state = {name: value.float() for name, value in load_file(file).items()}
    grid = [size // int(model.patch_embed.patch_size[0])] * 2
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], grid)
    model.load_state_dict(state)
    return model.eval().requires_grad_(False)


def flip_lesson(lesson: Lesson, flip: Tensor) -> Lesson:
    """The lesson for the same pictures mirrored."""

    def mirror(maps: Tensor) -> Tensor:
        n = square(maps)
        turned = rearrange(maps, "b (r c) f -> b r c f", r=n).flip(2)
        turned = rearrange(turned, "b r c f -> b (r c) f")
        return torch.where(rearrange(flip, "b -> b 1 1"), turned, maps)

    attention = rearrange(lesson.attention, "b patch -> b patch 1")
    return Lesson(
        lesson.logits,
        rearrange(mirror(attention), "b patch 1 -> b patch"),
        torch.cat([lesson.features[:, :1], mirror(lesson.features[:, 1:])], dim=1),
    )


# --- One batch -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Pictures with what they should be taken for: [picture channel row column], [picture class]."""

    x: Tensor
    labels: Tensor
    soft: Tensor | None = None
    lesson: Lesson | None = None


def next_batch(
    s: Settings, pictures: Pictures, crops: Tensor, chances: Tensor, teacher: Teacher | None
) -> Batch:
    """Pictures drawn at random, cropped, mirrored, made sharp or coarse, recoloured and mixed."""
    index = torch.multinomial(chances, s.micro_batch, replacement=True)
    view = torch.randint(len(crops), index.shape, device=index.device)
    flip = torch.rand(index.shape, device=index.device) < 0.5
    mode = "bicubic" if float(torch.rand(())) < 0.3 else "bilinear"
    x = cut(pictures.pixels[index], crops[view, index], s.input_size, mode, flip)
    x = change_colours(change_sharpness(x, pictures.sides[index] > SMALL_SIDE))
    labels = F.one_hot(pictures.labels[index], len(pictures.classes)).float()
    batch = Batch((x - MEAN) / STD, labels)
    if teacher is not None:
        lesson = flip_lesson(teacher.teach(pictures, crops, view, index), flip)
        soft = (lesson.logits / s.temperature).softmax(-1)
        batch = replace(batch, lesson=lesson, soft=soft)
    return cutmix(batch) if float(torch.rand(())) < s.cutmix else batch


def cutmix(batch: Batch) -> Batch:
    """A rectangle of each picture replaced by its neighbour's (CutMix, arXiv 1905.04899).

    The rectangle lies on a 6 x 6 grid, so that the teacher's features can be cut the same way.
    """
    n = 6
    h, w = (int(v) for v in torch.randint(2, n, (2,)))
    top, left = int(torch.randint(n - h + 1, ())), int(torch.randint(n - w + 1, ()))
    coarse = torch.zeros(n, n, dtype=torch.bool, device=batch.x.device)
    coarse[top : top + h, left : left + w] = True
    share = h * w / n**2

    def inside(side: int) -> Tensor:
        rows = torch.arange(side, device=coarse.device) * n // side
        return coarse[rows][:, rows]

    def blend(a: Tensor) -> Tensor:
        return torch.lerp(a, a.roll(1, 0), share)

    x = torch.where(inside(batch.x.shape[-1]), batch.x.roll(1, 0), batch.x)
    mixed = replace(batch, x=x, labels=blend(batch.labels))
    if batch.lesson is None or batch.soft is None:
        return mixed
    old = batch.lesson
    fine = rearrange(inside(square(old.attention)), "r c -> (r c)")
    attention = torch.where(fine, old.attention.roll(1, 0), old.attention)
    half = rearrange(inside(math.isqrt(old.features.shape[1] - 1)), "r c -> (r c) 1")
    patches = torch.where(half, old.features[:, 1:].roll(1, 0), old.features[:, 1:])
    lesson = Lesson(
        old.logits,
        attention / reduce(attention, "b patch -> b 1", "sum"),
        torch.cat([blend(old.features[:, :1]), patches], dim=1),
    )
    return replace(mixed, soft=blend(batch.soft), lesson=lesson)


def losses(
    s: Settings, student: Student, bridge: nn.Module | None, batch: Batch, patch_size: int
) -> dict[str, Tensor]:
    """Each part of what is minimised, weighted: the label's, and the teacher's three."""
    with (
        torch.autocast(batch.x.device.type, torch.bfloat16),
        class_attention(network(student), s.heads, STUDENT_LAYERS) as maps,
    ):
        tokens = student.features(batch.x, patch_size)
        logits = student.head(tokens)
        guess = None if bridge is None else bridge(tokens)
    log_p = logits.float().log_softmax(-1)
    parts = {"label": s.label_weight * -(batch.labels * log_p).sum(-1).mean()}
    if batch.lesson is None or batch.soft is None or guess is None:
        return parts
    log_q = (logits.float() / s.temperature).log_softmax(-1)
    parts["logits"] = s.logit_weight * F.kl_div(log_q, batch.soft, reduction="batchmean")
    grid = math.isqrt(tokens.shape[1] - 1)
    wanted = batch.lesson.attention[..., None]
    wanted = pool(wanted, grid)
    wanted = rearrange(wanted / wanted.sum(1, keepdim=True), "b patch 1 -> b patch")
    attention = sum(F.kl_div(m, wanted, reduction="batchmean") for m in maps) / len(maps)
    parts["attention"] = s.attention_weight * torch.as_tensor(attention)
    target = batch.lesson.features
    common = min(grid, math.isqrt(target.shape[1] - 1))
    target = torch.cat([target[:, :1], pool(target[:, 1:], common)], dim=1)
    guess = torch.cat([guess[:, :1], pool(guess[:, 1:], common)], dim=1).float()
    parts["features"] = s.feature_weight * (1 - F.cosine_similarity(guess, target, dim=-1)).mean()
    return parts


# --- Training ------------------------------------------------------------------------------------


class Muon(torch.optim.Optimizer):
    """Momentum whose step for each weight matrix is made orthogonal; learns in fewer pictures.

    Keller Jordan's Muon (https://kellerjordan.github.io/posts/muon) with the scale of
    arXiv 2502.16982, so that AdamW's learning rates fit. Group option ``parts``: how many
    matrices lie stacked in each weight, as query, key and value do.
    """

    def __init__(self, groups: list[dict[str, Any]], momentum: float = 0.95) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0, "parts": 1})
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    alike.setdefault(tuple(weight.shape), []).append(weight)
            for weights in alike.values():
                self.move(weights, group["lr"], group["weight_decay"], group["parts"])

    def move(self, weights: list[Tensor], rate: float, decay: float, parts: int) -> None:
        """One step for weights of one shape, all of them in one batch of matrices."""
        pushes = []
        for weight in weights:
            gradient = torch.as_tensor(weight.grad)
            moving = self.state[weight].setdefault("moving", torch.zeros_like(weight))
            moving.lerp_(gradient, 1 - self.momentum)
            pushes.append(torch.lerp(gradient, moving, self.momentum))
        stack = rearrange(torch.stack(pushes), "w (part row) col -> w part row col", part=parts)
        scale = 0.2 * math.sqrt(max(stack.shape[-2:]))
        turned = rearrange(orthogonal(stack), "w part row col -> w (part row) col")
        for weight, step in zip(weights, turned, strict=True):
            weight.mul_(1 - rate * decay).add_(step.to(weight.dtype), alpha=-rate * scale)


def orthogonal(x: Tensor) -> Tensor:
    """The nearest orthogonal matrices, roughly, of [... row column]: five Newton-Schulz steps."""
    tall = x.shape[-2] > x.shape[-1]
    x = (x.mT if tall else x).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if tall else x


@dataclass(frozen=True)
class Earlier:
    """What the weights that a training begins from have already seen."""

    recipe: str = ""
    steps: int = 0
    seen: int = 0
    minutes: float = 0.0


@dataclass
class Run:
    """All that a resumed training needs to go on as if it had never stopped."""

    student: Student
    average: Student
    bridge: nn.Module | None
    optimisers: list[torch.optim.Optimizer]
    step: int = 0
    seconds: float = 0.0
    seen: int = 0
    earlier: Earlier = field(default_factory=Earlier)
    figures: dict[str, Any] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "bridge": None if self.bridge is None else self.bridge.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "counts": [self.step, self.seconds, self.seen],
            "earlier": astuple(self.earlier),
            "random": torch.get_rng_state(),
        }
        if torch.cuda.is_available():
            parts["random_cuda"] = torch.cuda.get_rng_state_all()
        return parts

    def restore(self, state: dict[str, Any]) -> None:
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        if self.bridge is not None:
            self.bridge.load_state_dict(state["bridge"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.step, self.seconds, self.seen = state["counts"]
        self.earlier = Earlier(*state["earlier"])
        torch.set_rng_state(state["random"].cpu())
        if "random_cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all([r.cpu() for r in state["random_cuda"]])


def write(path: Path, state: dict[str, Any]) -> None:
    """Saved whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)  # noqa: PTH105


def make_run(s: Settings, classes: int, teacher_width: int | None, device: torch.device) -> Run:
    student, average = (make_student(s, classes).to(device) for _ in range(2))
    average.load_state_dict(student.state_dict())
    average.requires_grad_(False).eval()
    if device.type == "cpu":
        use_plain_attention(student)
        use_plain_attention(average)
    bridge = None if teacher_width is None else nn.Linear(s.width, teacher_width).to(device)
    run = Run(student, average, bridge, make_optimisers(s, student, bridge))
    if s.start is not None:
        run.earlier = begin_from(Path(s.start), classes, s.positions, student, average)
    return run


def begin_from(file: Path, classes: int, positions: str, *students: Student) -> Earlier:
    """The weights of a model exported before, and what its card says of how it came about.

    Without `positions` those that it has learned are left behind.
    """
    state = {name: value.float() for name, value in load_file(file).items()}
    if positions == "none":
        state.pop("pos_embed", None)
    card = json.loads(file.with_suffix(".json").read_text())
    if len(card["classes"]) != classes:
        raise SystemExit(
            f"{file} names {len(card['classes'])} classes and the data has {classes}: begin from a "
            "model of the same classes, or without --start"
        )
    for student in students:
        try:
            network(student).load_state_dict(state)
        except RuntimeError as error:
            raise SystemExit(
                f"{file} is of another shape than the model asked for: {error}"
            ) from error
    return Earlier(card["recipe"], card["steps"], card["pictures_seen"], card["minutes"])


def make_optimisers(
    s: Settings, student: Student, bridge: nn.Module | None
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks; AdamW for the two ends, biases and norms."""
    blocks: dict[int, list[Tensor]] = {1: [], 2: [], 3: []}
    matrices: list[Tensor] = []
    rest: list[Tensor] = []
    for name, weight in student.named_parameters():
        if ".blocks." in name and weight.ndim == 2:
            blocks[3 if ".qkv." in name else 2 if ".qk." in name else 1].append(weight)
        elif weight.ndim in (2, 4):
            matrices.append(weight)
        else:
            rest.append(weight)
    rest += [] if bridge is None else list(bridge.parameters())
    stacks = [
        {"params": weights, "parts": parts, "weight_decay": s.weight_decay}
        for parts, weights in blocks.items()
        if weights
    ]
    ends: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": s.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return [Muon(stacks), torch.optim.AdamW(ends, betas=(0.9, 0.98), fused=True)]


def rate_share(progress: float) -> float:
    """Of the full learning rate: warm-up over the first 3 %, then a cosine to nothing."""
    if progress < 0.03:
        return max(progress, 0.001) / 0.03
    return 0.003 + 0.997 * (0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0)))


def draw_patch_size(s: Settings, progress: float) -> int:
    """Coarse grids, which cost little, come more often at first; fine ones towards the end.

    How much more often: patches across, to a power that goes from ``fine_first`` to ``fine_last``.
    """
    power = s.fine_first + (s.fine_last - s.fine_first) * progress
    weights = [(s.input_size / p) ** power for p in s.patch_sizes]
    return s.patch_sizes[int(torch.multinomial(torch.tensor(weights), 1))]


def train_step(
    s: Settings,
    run: Run,
    progress: float,
    pictures: Pictures,
    crops: Tensor,
    chances: Tensor,
    teacher: Teacher | None,
) -> dict[str, float]:
    """One step of the optimiser over several small batches, each with a patch size of its own."""
    for optimiser, rate in zip(run.optimisers, (s.muon_rate, s.learning_rate), strict=True):
        for group in optimiser.param_groups:
            group["lr"] = rate * rate_share(progress)
    told: dict[str, float] = {}
    for _ in range(s.micro_batches):
        batch = next_batch(s, pictures, crops, chances, teacher)
        parts = losses(s, run.student, run.bridge, batch, draw_patch_size(s, progress))
        total: Any = torch.stack(list(parts.values())).sum() / s.micro_batches
        total.backward()
        told = {n: told.get(n, 0.0) + float(v.detach()) / s.micro_batches for n, v in parts.items()}
    nn.utils.clip_grad_norm_(run.student.parameters(), 1.0)
    for optimiser in run.optimisers:
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    run.step += 1
    run.seen += s.micro_batch * s.micro_batches
    keep = min(s.ema, (1 + run.step) / (10 + run.step))
    with torch.no_grad():
        torch._foreach_lerp_(
            list(run.average.parameters()), list(run.student.parameters()), 1 - keep
        )
    return told


@torch.inference_mode()
def check(s: Settings, run: Run, pictures: Pictures, crops: Tensor, most: int) -> dict[str, Any]:
    """Share of held-out pictures named rightly at each patch size, small and large files apart."""
    index: Any = pictures.heldout.nonzero()[:, 0]
    index = index[torch.linspace(0, len(index) - 1, min(most, len(index))).long()]
    small = pictures.sides[index] <= SMALL_SIDE
    figures: dict[str, Any] = {}
    for p in s.patch_sizes:
        right: list[Tensor] = []
        for i in index.split(128):
            x = (cut(pictures.pixels[i], crops[0, i], s.input_size, "bicubic") - MEAN) / STD
            with torch.autocast(x.device.type, torch.bfloat16):
                right.append(run.average(x, p).argmax(-1) == pictures.labels[i])
        good = torch.cat(right).float()
        groups = (("small", small), ("large", ~small))
        figures[str(p)] = {n: round(float(good[g].mean()), 4) for n, g in groups if bool(g.any())}
    return figures


def chosen_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def sampling_chances(pictures: Pictures) -> Tensor:
    """How often each picture is drawn: rich classes less than their share, held-out ones never."""
    counts = torch.bincount(pictures.labels[~pictures.heldout], minlength=len(pictures.classes))
    chances = counts[pictures.labels].clamp_min(1).float() ** -0.5
    return torch.where(pictures.heldout, 0.0, chances)


def train(s: Settings) -> Path:
    """Trains what the settings describe and returns the exported safetensors file."""
    if s.data is None:
        raise SystemExit("--data FOLDER is needed: one folder of pictures per class (or --smoke)")
    device = chosen_device(s.device)
    if s.threads:
        torch.set_num_threads(s.threads)
    torch.manual_seed(s.seed)
    work = Path(s.work)
    pictures = decode(Path(s.data), work, size=s.store_size, seed=s.seed).to(device)
    print(f"{len(pictures.labels)} pictures, {len(pictures.classes)} classes", flush=True)
    crops = draw_crops(pictures.aspects, s.views, s.crop_area, s.seed).to(device)
    chances = sampling_chances(pictures)
    teacher = None if s.teacher is None else Teacher(s, pictures, device)
    run = make_run(s, len(pictures.classes), None if teacher is None else teacher.width, device)
    print(f"{sum(p.numel() for p in run.student.parameters()):,} parameters", flush=True)
    saved, lessons = work / f"{s.model_name}.pt", work / "lessons.pt"
    if teacher is not None and lessons.exists():
        teacher.load(lessons)
    if s.resume and saved.exists():
        run.restore(torch.load(saved, map_location=device, weights_only=True))
        print(f"resumed at step {run.step}, {run.seconds / 60:.1f} min", flush=True)
    loop(s, run, pictures, crops, chances, teacher)
    return export(s, run, pictures)


def loop(
    s: Settings,
    run: Run,
    pictures: Pictures,
    crops: Tensor,
    chances: Tensor,
    teacher: Teacher | None,
) -> None:
    """Steps until the minutes or the steps are used up, saving and exporting on the way."""
    begun, last_saved = time.monotonic() - run.seconds, time.monotonic()
    mean: dict[str, float] = {}
    work = Path(s.work)

    def progress() -> float:
        if s.steps is not None:
            return run.step / s.steps
        return run.seconds / (60 * (s.minutes or 60))

    def save() -> None:
        write(work / f"{s.model_name}.pt", run.state())
        if teacher is not None and teacher.fresh:
            teacher.save(work / "lessons.pt")
        run.figures = check(s, run, pictures, crops, 1200)
        print("held out", json.dumps(run.figures), flush=True)
        export(s, run, pictures)

    while progress() < 1:
        told = train_step(s, run, progress(), pictures, crops, chances, teacher)
        run.seconds = time.monotonic() - begun
        mean = {n: 0.98 * mean.get(n, v) + 0.02 * v for n, v in told.items()}
        if run.step % 50 == 0:
            parts = " ".join(f"{n} {v:.3f}" for n, v in mean.items())
            known = "" if teacher is None else f" lessons {float(teacher.known.float().mean()):.2f}"
            rate = run.seen / run.seconds
            line = f"step {run.step} min {run.seconds / 60:.1f} seen {run.seen} {rate:.0f}/s"
            print(f"{line} {parts}{known}", flush=True)
        if time.monotonic() - last_saved > 60 * s.save_minutes:
            save()
            last_saved = time.monotonic()
    save()


# --- Export --------------------------------------------------------------------------------------


def class_entries(classes: Sequence[str]) -> list[dict[str, str]]:
    """The head's classes in order; WordNet ids get their short English name."""
    info: Any = ImageNetInfo("imagenet-1k")
    known = set(info.label_names())

    def name(wnid: str) -> str:
        if wnid not in known:
            return wnid
        return info.label_name_to_description(wnid).split(",")[0]  # type: ignore[no-any-return]

    return [{"wnid": wnid, "name": name(wnid)} for wnid in classes]


def describe_recipe(s: Settings, earlier: Earlier) -> str:
    grids = ", ".join(str(p) for p in s.patch_sizes)
    taught = (
        "hard labels, and distilled from a teacher: its logits over these classes, its last tokens "
        f"(cosine) and the class attention of its last {TEACHER_LAYERS} layers"
        if s.teacher
        else "hard labels"
    )
    drawn = (
        f"patch size drawn at random from {grids} px for each batch of {s.micro_batch}, "
        f"weights kept at {STORED_PATCH} px and resampled by timm (FlexiViT, arXiv 2212.08013)"
        if s.architecture == "vit"
        else f"sentences of {s.patch_sizes[0]} px, words of {WORD} px (TNT, arXiv 2103.00112)"
    )
    begun = (
        f"From a model that this script had trained from scratch ({earlier.seen} pictures seen, "
        f"{earlier.minutes} minutes: {earlier.recipe}), trained on in another cycle"
        if earlier.seen
        else "From scratch"
    )
    if s.positions == "none":
        begun += ", its position embeddings left out" if earlier.seen else ""
        drawn += "; no position embeddings: nothing tells the model where a patch lies"
    return (
        f"{begun}; {drawn}; {taught}; crops, mirroring, colour, sharpness and CutMix; Muon "
        f"at {s.muon_rate} and AdamW at {s.learning_rate}, cosine, "
        f"batch {s.micro_batch * s.micro_batches}; "
        f"the weights' moving average is what ships."
    )


def hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU cores"


def export(s: Settings, run: Run, pictures: Pictures) -> Path:
    """The averaged weights as float16 safetensors under timm's names, their card beside them."""
    out = Path(s.out)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{s.model_name}.safetensors"
    state = {
        n: v.detach().half().contiguous().cpu()
        for n, v in network(run.average).state_dict().items()
    }
    part = file.with_suffix(".part")
    save_file(state, part)
    os.replace(part, file)  # noqa: PTH105
    sizes = list(s.patch_sizes) if s.architecture == "vit" else [s.patch_sizes[0]]
    default = s.default_patch_size if s.default_patch_size in sizes else sizes[0]
    card = {
        "name": f"vitviz/{s.model_name}",
        "title": {"vit": "Flexible-patch ViT", "tnt": "Transformer in Transformer"}[s.architecture]
        + (" without positions" if s.positions == "none" else ""),
        "architecture": {
            "class": {"vit": "VisionTransformer", "tnt": "TNT"}[s.architecture],
            "arguments": architecture_arguments(s, len(pictures.classes)),
        },
        "patch_sizes": sizes,
        "default_patch_size": default,
        "input_size": [3, s.input_size, s.input_size],
        "mean": [MEAN] * 3,
        "std": [STD] * 3,
        "interpolation": "bicubic",
        "crop_pct": 1.0,
        "crop_mode": "center",
        "classes": class_entries(pictures.classes),
        "trained": not s.smoke,
        "data": f"{int((~pictures.heldout).sum())} pictures of {len(pictures.classes)} classes; "
        f"{int(pictures.heldout.sum())} held out (5 % of each class)",
        "recipe": describe_recipe(s, run.earlier),
        "seed": s.seed,
        "figures": {"what": FIGURES, "accuracy": run.figures},
        "steps": run.earlier.steps + run.step,
        "pictures_seen": run.earlier.seen + run.seen,
        "minutes": round(run.earlier.minutes + run.seconds / 60, 1),
        "hardware": hardware(pictures.labels.device),
        "licence": "MIT",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    file.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n")
    return file


def load_student(card_file: Path, patch_size: int | None = None) -> tuple[Any, dict[str, Any]]:
    """An exported model at one of its patch sizes, as a plain timm model, and its card."""
    card = json.loads(card_file.read_text())
    arguments = dict(card["architecture"]["arguments"])
    state = {n: v.float() for n, v in load_file(card_file.with_suffix(".safetensors")).items()}
    match card["architecture"]["class"]:
        case "VisionTransformer":
            size = patch_size or card["default_patch_size"]
            grid = [arguments["img_size"] // size] * 2
            kernel = state["patch_embed.proj.weight"]
            state["patch_embed.proj.weight"] = resample_patch_embed(kernel, [size, size])
            if "pos_embed" in state:
                state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], grid)
            model: Any = VisionTransformer(**(arguments | {"patch_size": size}))
        case "TNT":
            model = TNT(**arguments)
        case other:
            raise SystemExit(f"{card_file}: {other!r} is neither VisionTransformer nor TNT")
    model.load_state_dict(state)
    return model.eval().requires_grad_(False), card


# --- A minute's trial, and the command line -------------------------------------------------------


def make_pictures(folder: Path, *, classes: int = 3, each: int = 6, seed: int = 0) -> None:
    """A tiny ImageFolder of coloured noise in several shapes and sizes: a trial needs no data."""
    draw = np.random.default_rng(seed)
    sides = ((64, 64), (140, 100), (90, 130))
    for number in range(classes):
        (folder / f"class{number}").mkdir(parents=True)
        for i in range(each):
            noise = draw.integers(0, 160, (*sides[i % 3][::-1], 3), dtype=np.uint8)
            noise[..., number % 3] += 95
            Image.fromarray(noise).save(folder / f"class{number}" / f"{i}.png")


def smoke(s: Settings) -> list[Path]:
    """Both architectures, a few steps each, exported and read back: does everything still work?"""
    with tempfile.TemporaryDirectory() as scratch:
        data = s.data or f"{scratch}/pictures"
        if s.data is None:
            make_pictures(Path(data))
        small = replace(
            s,
            data=data,
            work=f"{scratch}/work",
            width=64,
            depth=2,
            heads=2,
            inner_width=12,
            inner_heads=2,
            micro_batch=8,
            steps=4,
            minutes=None,
            smoke=True,
        )
        files = []
        without = replace(small, positions="none")
        for tried in (small, without, replace(small, architecture="tnt", patch_sizes=(16,))):
            file = train(tried)
            model, card = load_student(file.with_suffix(".json"))
            logits = model(torch.zeros(1, *card["input_size"]))
            if logits.shape != (1, len(card["classes"])) or not bool(logits.isfinite().all()):
                raise SystemExit(f"{file}: read back, it answers {logits}")
            files.append(file)
    return files


def read_settings(words: Sequence[str] | None = None) -> Settings:
    """The settings from a command line; every field of Settings is an option of the same name."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    plain = Settings()
    for name, value in vars(plain).items():
        option = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            parser.add_argument(option, action="store_true")
        elif name in CHOICES:
            parser.add_argument(option, choices=CHOICES[name], default=value)
        elif name == "patch_sizes":
            parser.add_argument(option, type=int, nargs="+", default=value)
        elif name == "minutes":
            parser.add_argument(option, type=float, default=value)
        elif name == "steps":
            parser.add_argument(option, type=int, default=value)
        else:
            parser.add_argument(option, type=str if value is None else type(value), default=value)
    found = vars(parser.parse_args(words))
    return Settings(**(found | {"patch_sizes": tuple(found["patch_sizes"])}))


def main() -> None:
    settings = read_settings()
    for file in smoke(settings) if settings.smoke else [train(settings)]:
        print(f"{file}: {file.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
