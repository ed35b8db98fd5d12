"""Recipes inside figures: real ones with hostile values in any place, and spoilt figures."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .mutations import mutated
from .trial_run import Refused, TrialCase

SHORT = 120
HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**12,
    1e308,
    -1e308,
    "",
    "x" * 5000,
    "../../etc/passwd",
    "\0\x1b[2J",
    [],
    {},
    [[[[[]]]]],
    {"checkpoint_path": "executed"},
    "hf-hub:someone/model",
    ["page", 10**9],
    "NaN",
)
"""What is put into a recipe or a session, wherever something else stands."""


def attempt(name: str, data: bytes, folder: Path) -> None:
    """Makes the figure again."""
    from vitviz.core.progress import VitvizError
    from vitviz.figures.recipes import read_recipe
    from vitviz.session.figure.figure_replay import FigureReplay, raw_again, replayed

    file = folder / name.split()[0]
    file.write_bytes(data)
    Image.fromarray(picture()).save(folder / "array.png")
    (folder / "test_vit.safetensors").write_bytes(weights())
    try:
        known = read_recipe(file)
        if "raw" in known:
            raw_again(known, file, FigureReplay(folder))
        else:
            replayed(known, file.name, FigureReplay(folder))
    except VitvizError as error:
        raise Refused(str(error)) from None


def picture() -> np.ndarray:
    """What the figures are of."""
    rows, cols = np.mgrid[0:60, 0:80]
    return np.stack([rows * 4, cols * 3, (rows + cols) % 255], -1).astype(np.uint8)


@cache
def weights() -> bytes:
    """Of the smallest model, the same every time."""
    import timm
    import torch
    from safetensors.torch import save

    torch.manual_seed(0)
    return save(timm.create_model("test_vit", pretrained=False).state_dict())


@cache
def figures() -> dict[str, bytes]:
    """A figure in every format that carries a recipe."""
    import tempfile

    import vitviz
    from vitviz.figures.raw import raw_attention
    from vitviz.views.api import selection_of

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_vit.safetensors").write_bytes(weights())
        Image.fromarray(picture()).save(Path(folder, "array.png"))
        model = vitviz.load(Path(folder, "test_vit.safetensors"))
        trace = vitviz.trace(model, Path(folder, "array.png"))
        drawing = vitviz.draw("rollout", trace)
        for ending in ("png", "svg", "pdf", "npz", "csv", "tiff"):
            file = vitviz.save(drawing, Path(folder, f"figure.{ending}"))
            found[file.name] = file.read_bytes()
    return found | {"raw.npz": raw_attention(trace, selection_of(trace))[0]}


def cases(seed: int) -> Iterator[TrialCase]:
    """The same for one seed, without end."""
    from vitviz.figures.recipes import _checked, _found

    whole = figures()
    yield from (TrialCase(f"{name} whole", data) for name, data in whole.items())
    known = _checked("figure.png", _found(whole["figure.png"]))
    draw, names, every = np.random.default_rng(seed), list(whole), list(whole.values())
    while True:
        if draw.random() < 0.6:
            recipe, how = changed(known, draw)
            yield TrialCase(f"figure.png {how}", with_recipe(recipe))
        else:
            name = names[int(draw.integers(len(names)))]
            data, how = mutated(whole[name], draw, every)
            yield TrialCase(f"{name} {how}", data)


def with_recipe(recipe: Any) -> bytes:
    """A picture that carries it."""
    said, file = PngInfo(), io.BytesIO()
    said.add_itxt("vitviz", json.dumps(recipe))
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=said)
    return file.getvalue()


def changed(known: Any, draw: np.random.Generator) -> tuple[Any, str]:
    """A copy with a hostile value in one to three places."""
    found, told = copy.deepcopy(known), []
    for _ in range(int(draw.integers(1, 4))):
        ways = places(found)
        way = ways[int(draw.integers(len(ways)))]
        inner = found
        for step in way[:-1]:
            inner = inner[step]
        value = HOSTILE[int(draw.integers(len(HOSTILE)))]
        inner[way[-1]] = copy.deepcopy(value)
        told.append(f"{'.'.join(map(str, way))}={str(value)[:20]!r}")
    return found, " ".join(told).replace("\n", " ")


def places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested lists and mappings."""
    inside = (
        value.items()
        if isinstance(value, dict)
        else (enumerate(value) if isinstance(value, list) else ())
    )
    found = []
    for key, each in inside:
        found += [(*before, key), *places(each, (*before, key))]
    return found
