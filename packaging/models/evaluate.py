"""Measure a bundled model: what it names rightly, and whether what it attends to is the object.

    python packaging/models/evaluate.py --card flexvit.json --data FOLDER --teacher FILE PHOTOGRAPH ...

Accuracy and agreement with the teacher need the folder of pictures it was trained from (the held-out
twentieth is found again from the card's seed). The attention needs only photographs whose object is
boxed in ``boxes.json``. What is measured is written into the card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, reduce
from PIL import Image, ImageDraw
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from train import (
    FIGURES,
    SMALL_SIDE,
    TNT,
    heldout_files,
    imagenet_names,
    list_pictures,
    load_student,
    load_teacher,
    use_plain_attention,
)

RANDOM_SEEDS = (1, 2, 3)
TILE = 192


@dataclass(frozen=True)
class Box:
    """A rectangle in shares of what is shown: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


def centre_square(picture: Image.Image, size: int, share: float = 1.0) -> Image.Image:
    """The short side brought to ``size / share`` (bicubic), then the middle ``size`` px square."""
    side = round(size / share)
    scale = side / min(picture.size)
    wide = tuple(max(side, round(v * scale)) for v in picture.size)
    scaled = picture.convert("RGB").resize((wide[0], wide[1]), Image.Resampling.BICUBIC)
    left, top = (round((v - size) / 2) for v in scaled.size)
    return scaled.crop((left, top, left + size, top + size))


def as_input(squares: Sequence[Image.Image], mean: float = 0.5, std: float = 0.5) -> Tensor:
    pixels = torch.from_numpy(np.stack([np.asarray(s) for s in squares]))
    return (rearrange(pixels, "b row column ch -> b ch row column") / 255 - mean) / std


def box_in_square(box: Box, width: int, height: int) -> Box:
    """A box given in shares of the whole picture, in shares of its centre square."""
    side = min(width, height)
    across, down = (width - side) / 2, (height - side) / 2

    def share(value: float, length: int, cut: float) -> float:
        return min(1.0, max(0.0, (value * length - cut) / side))

    return Box(
        share(box.left, width, across),
        share(box.top, height, down),
        share(box.right, width, across),
        share(box.bottom, height, down),
    )


# --- Attention -----------------------------------------------------------------------------------


@contextmanager
def every_attention(model: Any) -> Iterator[list[Tensor]]:
    """Collects each layer's attention [picture head query key] of what is run inside."""
    found: list[Tensor] = []
    is_tnt = isinstance(model, TNT)
    parts = 2 if is_tnt else 3

    def keep(module: Any, inputs: Any, qkv: Tensor) -> None:
        attention = (block.attn_out if is_tnt else block.attn for block in model.blocks)
        heads = next(attention).num_heads
        query, key, *_ = rearrange(
            qkv, "b token (part head d) -> part b head token d", part=parts, head=heads
        )
        scores = torch.einsum("bhqd,bhkd->bhqk", query, key) * query.shape[-1] ** -0.5
        found.append(scores.softmax(-1))

    spots = [b.attn_out.qk if is_tnt else b.attn.qkv for b in model.blocks]
    handles = [spot.register_forward_hook(keep) for spot in spots]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def rollout(layers: Sequence[Tensor]) -> Tensor:
    """The class token's attention followed to the patches (arXiv 2005.00928), [picture row column].

    The heads' mean of each layer, half of it replaced by the identity, multiplied through; the
    class token's own share is dropped and the patches' scaled to sum to 1.
    """
    followed = torch.eye(layers[0].shape[-1])
    for layer in layers:
        mean = reduce(layer, "b head query key -> b query key", "mean")
        followed = (0.5 * mean + 0.5 * torch.eye(mean.shape[-1])) @ followed
    patches = followed[:, 0, 1:]
    patches = patches / reduce(patches, "b patch -> b 1", "sum")
    side = int(patches.shape[1] ** 0.5)
    return rearrange(patches, "b (row column) -> b row column", row=side)


def mass_inside(share: Tensor, box: Box) -> float:
    """How much of a map [row column] lies in the box; a patch cut by its edge counts in part."""
    rows, columns = share.shape

    def cover(count: int, low: float, high: float) -> Tensor:
        edges = torch.arange(count + 1) / count
        part = edges[1:].clamp(max=high) - edges[:-1].clamp(min=low)
        return part.clamp(min=0) * count

    inside = cover(rows, box.top, box.bottom)[:, None] * cover(columns, box.left, box.right)
    return float((share * inside).sum())


@torch.inference_mode()
def attention_maps(model: Any, square: Image.Image) -> tuple[Tensor, Tensor]:
    """The rollout and the last layer's class attention (heads' mean), each [row column], sum 1."""
    with every_attention(model) as layers:
        model(as_input([square]))
    last = reduce(layers[-1][:, :, 0, 1:], "1 head patch -> patch", "mean")
    followed = rollout(layers)[0]
    return followed, rearrange(last / last.sum(), "(r c) -> r c", r=len(followed))


def random_twin(card: dict[str, Any], patch_size: int, seed: int) -> Any:
    """The same architecture with new weights, as timm draws them."""
    torch.manual_seed(seed)
    arguments = card["architecture"]["arguments"] | {"patch_size": patch_size}
    maker = {"VisionTransformer": VisionTransformer, "TNT": TNT}[card["architecture"]["class"]]
    return maker(**arguments).eval()


def measure_attention(card_file: Path, photographs: Sequence[Path]) -> dict[str, Any]:
    """Attention inside the object's box, trained and random, beside the box's share of area."""
    boxes = json.loads(Path(__file__).with_name("boxes.json").read_text())["boxes"]
    known = [p for p in photographs if p.stem in boxes]
    card = json.loads(card_file.read_text())
    figures: dict[str, Any] = {}
    for size in card["patch_sizes"]:
        trained, _ = load_student(card_file, size)
        twins = [random_twin(card, size, seed) for seed in RANDOM_SEEDS]
        rows: dict[str, dict[str, float]] = {}
        for photograph in known:
            picture = Image.open(photograph)
            box = box_in_square(Box(*boxes[photograph.stem]), *picture.size)
            square = centre_square(picture, card["input_size"][-1])
            followed, last = (mass_inside(m, box) for m in attention_maps(trained, square))
            chance = [[mass_inside(m, box) for m in attention_maps(twin, square)] for twin in twins]
            rows[photograph.stem] = {
                "area": box.area,
                "trained": followed,
                "random": sum(pair[0] for pair in chance) / len(chance),
                "last_layer_trained": last,
                "last_layer_random": sum(pair[1] for pair in chance) / len(chance),
            }
        names = tuple(rows[known[0].stem])
        rows["mean"] = {n: sum(r[n] for r in rows.values()) / len(known) for n in names}
        figures[str(size)] = {
            n: {k: round(v, 4) for k, v in row.items()}
            for n, row in rows.items()
            if n == "mean" or size == card["default_patch_size"]
        }
    return figures


# --- Names ---------------------------------------------------------------------------------------


@torch.inference_mode()
def guesses(model: Any, files: Sequence[Path], size: int, share: float = 1.0) -> Tensor:
    """The logits for each file, [picture class]."""
    rows = []
    for start in range(0, len(files), 64):
        squares = []
        for path in files[start : start + 64]:
            with Image.open(path) as picture:
                squares.append(centre_square(picture, size, share))
        with torch.autocast("cpu", torch.bfloat16):
            rows.append(model(as_input(squares)).float())
    return torch.cat(rows)


def short_side(path: Path) -> int:
    with Image.open(path) as picture:
        return min(picture.size)


def shares(hits: Tensor, small: Tensor) -> dict[str, float]:
    return {
        name: round(float(hits[group].float().mean()), 4)
        for name, group in (("small", small), ("large", ~small))
        if bool(group.any())
    }


def switch_off(model: Any) -> str:
    """What a model can be asked to do without, now zeroed: its name; "" where there is nothing.

    A TNT's words no longer look at each other, a ViT's position embeddings say nothing.
    """
    if not isinstance(model, TNT):
        if model.pos_embed is None:
            return ""
        model.pos_embed.zero_()
        return "positions"
    blocks: Any = model.blocks
    for block in blocks:
        for layer in (block.attn_in.proj, block.mlp_in.fc2):
            layer.weight.zero_()
            layer.bias.zero_()
    return "inner_blocks"


def measure_names(card_file: Path, data: Path, teacher_file: str | None) -> dict[str, Any]:
    """Accuracy on the held-out pictures at each patch size, and how often the teacher agrees."""
    card = json.loads(card_file.read_text())
    classes, listed = list_pictures(data)
    if list(classes) != [entry["wnid"] for entry in card["classes"]]:
        raise SystemExit(
            f"{data} holds {len(classes)} classes and {card_file.name} names "
            f"{len(card['classes'])}, or others: measure on the folder that it was trained from"
        )
    held = heldout_files(data, card["seed"])
    files = [path for path, _ in listed if path in held]
    labels = torch.tensor([number for path, number in listed if path in held])
    small = torch.tensor([short_side(path) <= SMALL_SIDE for path in files])
    figures: dict[str, Any] = {
        "what": FIGURES,
        "pictures": {"small": int(small.sum()), "large": int((~small).sum())},
        "accuracy": {},
    }
    taught = None
    if teacher_file is not None:
        teacher = load_teacher(teacher_file, "vit_tiny_patch16_224", 224)
        use_plain_attention(teacher)
        known = imagenet_names()
        taught = guesses(teacher, files, 224, 0.9)[:, [known.index(n) for n in classes]].argmax(-1)
        figures |= {"teacher_accuracy": shares(taught == labels, small), "teacher_agreement": {}}
    for size in card["patch_sizes"]:
        model, _ = load_student(card_file, size)
        use_plain_attention(model)
        guess = guesses(model, files, card["input_size"][-1])
        figures["accuracy"][str(size)] = shares(guess.argmax(-1) == labels, small)
        five = (guess.topk(min(5, len(classes))).indices == labels[:, None]).any(-1)
        figures.setdefault("accuracy_top5", {})[str(size)] = shares(five, small)
        if taught is not None:
            agree = shares(guess.argmax(-1) == taught, small)
            figures["teacher_agreement"][str(size)] = agree
        if part := switch_off(model):
            plain = guesses(model, files, card["input_size"][-1]).argmax(-1) == labels
            figures.setdefault(f"accuracy_{part}_off", {})[str(size)] = shares(plain, small)
    return figures


# --- To look at ----------------------------------------------------------------------------------


def tell(card_file: Path, photographs: Sequence[Path]) -> None:
    """Prints the three likeliest names of each photograph at each patch size."""
    card = json.loads(card_file.read_text())
    for size in card["patch_sizes"]:
        model, _ = load_student(card_file, size)
        for photograph in photographs:
            likely = guesses(model, [photograph], card["input_size"][-1]).softmax(-1)[0].topk(3)
            pairs = zip(likely.indices.tolist(), likely.values.tolist(), strict=True)
            said = ", ".join(f"{card['classes'][i]['name']} {v:.0%}" for i, v in pairs)
            print(f"{size:>3} px  {photograph.stem:<22} {said}")


def draw_figure(card_file: Path, photographs: Sequence[Path], file: Path) -> None:
    """Each photograph beside its rollout at every patch size, from its least (dark) to its most."""
    card = json.loads(card_file.read_text())
    sizes = card["patch_sizes"]
    sheet = Image.new("RGB", (TILE * (1 + len(sizes)), 16 + TILE * len(photographs)), "white")
    pen = ImageDraw.Draw(sheet)
    models = [load_student(card_file, size)[0] for size in sizes]
    for row, photograph in enumerate(photographs):
        picture = Image.open(photograph)
        square = centre_square(picture, card["input_size"][-1])
        large = np.asarray(centre_square(picture, TILE)).astype(np.float32)
        sheet.paste(Image.fromarray(large.astype(np.uint8)), (0, 16 + row * TILE))
        for column, model in enumerate(models, 1):
            share, _ = attention_maps(model, square)
            share = (share - share.min()) / (share.max() - share.min()).clamp_min(1e-9)
            light = Image.fromarray(share.numpy()).resize((TILE, TILE), Image.Resampling.NEAREST)
            shown = large * (0.12 + 0.88 * np.asarray(light)[..., None])
            place = (column * TILE, 16 + row * TILE)
            sheet.paste(Image.fromarray(shown.astype(np.uint8)), place)
    for column, size in enumerate(sizes, 1):
        pen.text((column * TILE + 4, 2), f"patches of {size} px", fill="black")
    sheet.save(file)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("photographs", type=Path, nargs="*")
    parser.add_argument(
        "--card",
        type=Path,
        default=Path(__file__).resolve().parents[2] / "resources" / "models" / "flexvit.json",
    )
    parser.add_argument("--data", type=Path, help="the ImageFolder that it was trained from")
    parser.add_argument("--teacher", help="the teacher's safetensors file")
    parser.add_argument("--figure", type=Path, help="draw the photographs' rollouts into this file")
    parser.add_argument(
        "--tell", action="store_true", help="print the photographs' likeliest names"
    )
    return parser.parse_args()


def main() -> None:
    options = read_options()
    card = json.loads(options.card.read_text())
    figures = dict(card["figures"])
    if options.data is not None:
        figures |= measure_names(options.card, options.data, options.teacher)
    if options.photographs:
        figures["rollout_mass"] = {
            "what": "share of the class token's rollout (mean of heads, half identity) inside the "
            "object's hand-set box (boxes.json), beside the box's share of the area and the mean "
            f"of {len(RANDOM_SEEDS)} models of the same architecture with random weights; "
            "last_layer: the class token's attention in the last layer instead",
            "by_patch_size": measure_attention(options.card, options.photographs),
        }
    if options.tell:
        tell(options.card, options.photographs)
    if options.figure:
        draw_figure(options.card, options.photographs, options.figure)
    options.card.write_text(json.dumps(card | {"figures": figures}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
