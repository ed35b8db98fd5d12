"""Makes the catalogue: builds every pretrained transformer of timm without memory and counts.

`python -m vitviz.models.catalogue.catalogue_build` writes the one that comes with vitviz.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

import timm
import torch
from torch import nn

from vitviz.core.data.geometry import TokenGrid
from vitviz.core.progress import Progress, silent
from vitviz.core.resources import resource
from vitviz.models.catalogue.catalogue import FILE, CatalogueEntry, ModelCatalogue, catalogue, write
from vitviz.models.catalogue.shape_fingerprint import fingerprint
from vitviz.models.families import anatomy_of, family_of
from vitviz.models.families.anatomy import has_heads

ModelSides = tuple[int, int]

HEADLESS = frozenset({"LinearSelfAttention"})
"""Attention that has no heads to know it by."""


def take(progress: Progress = silent, *, known: ModelCatalogue | None = None) -> ModelCatalogue:
    """The catalogue of the installed timm; what `known` says of a name is not asked again."""
    names = timm.list_pretrained()
    old = {entry.name: entry for entry in known.entries} if known else {}
    others = set(known.others) if known else set()
    found: list[CatalogueEntry] = []
    for done, name in enumerate(names):
        progress(done, len(names), f"looking at {name}")
        architecture = name.partition(".")[0]
        entry = old.get(name) or (None if architecture in others else _entry(name))
        if entry is None:
            others.add(architecture)
        else:
            found.append(entry)
    return ModelCatalogue(timm.__version__, tuple(found), frozenset(others))


def refreshed(progress: Progress) -> ModelCatalogue:
    """The catalogue brought up to the installed timm, kept for the next time."""
    from vitviz.models.catalogue.catalogue import cache_file

    found = take(progress, known=catalogue())
    write(found, cache_file(timm.__version__))
    return found


def _entry(name: str) -> CatalogueEntry | None:
    """The facts of a model; None where no attention is in it."""
    config = timm.models.get_pretrained_cfg(name)
    size = (int(config.input_size[1]), int(config.input_size[2]))
    facts = _facts(name.partition(".")[0], size, config.num_classes)
    if facts is None:
        return None
    licence = "" if config.license in (None, "unknown") else config.license
    return CatalogueEntry(
        name=name,
        **facts,
        classes=config.num_classes or 0,
        licence=licence,
        repository=config.hf_hub_id or "",
    )


@cache
def _facts(architecture: str, size: ModelSides, classes: int) -> dict[str, Any] | None:
    """The entry's fields from `kind` to `numbers`."""
    module = _built(architecture, size, classes)
    if module is None or not has_attention(module):
        return None
    patch, tokens, registers = _tokens(module, size, architecture)
    anatomy, state = anatomy_of(module), module.state_dict()
    return {
        "kind": type(module).__name__,
        "patch": patch,
        "size": size,
        "tokens": tokens,
        "registers": registers,
        "depth": len(anatomy.blocks),
        "dim": anatomy.dim,
        "parameters": sum(parameter.numel() for parameter in module.parameters()),
        "numbers": sum(tensor.numel() for tensor in state.values()),
        "shapes": fingerprint(state),
    }


def _tokens(module: nn.Module, size: ModelSides, architecture: str) -> tuple[int, int, int]:
    """Patch size, tokens and registers of the first attention; zeros where nothing says them."""
    anatomy = anatomy_of(module)
    told = anatomy.says_grid or anatomy.words  # a TNT enters with the words in its patches
    entered = (0, 0) if told else entering(module, size)
    grid = None if entered[0] else _grid(module, size, architecture)
    if grid is None:
        return (*entered, 0)
    registers = sum("register" in name for name in grid.prefix)
    return round(grid.patch[0]), grid.tokens, registers


def entering(module: nn.Module, size: ModelSides) -> tuple[int, int]:
    """Patch size and tokens with which a module without bytes enters its first attention.

    It is run up to there. Zeros where the tokens do not lie evenly, as in padded windows.
    """
    hooks = [
        part.register_forward_pre_hook(_stop, with_kwargs=True)
        for part in module.modules()
        if part is not module and _attends(part)
    ]
    tokens = 0
    try:
        with torch.no_grad(), torch.device("meta"):
            module.eval()(torch.zeros(1, 3, *size))
    except _Entered as found:
        tokens = found.tokens
    except (AttributeError, TypeError, ValueError, RuntimeError, AssertionError):
        pass  # it takes other things than pictures
    finally:
        for hook in hooks:
            hook.remove()
    for prefix in range(min(tokens, 3)):
        patch = math.isqrt(size[0] * size[1] // (tokens - prefix))
        cells = (size[0] // patch) * (size[1] // patch)
        if cells == tokens - prefix and size[0] % patch == size[1] % patch == 0:
            return patch, tokens
    return 0, 0


class _Entered(Exception):
    """The first attention was reached, with so many tokens."""

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


def _stop(part: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Counts the tokens of what comes in: all axes but the channels, which a convolution has first."""
    given = next(each for each in (*arguments, *named.values()) if isinstance(each, torch.Tensor))
    first = next(each for each in part.modules() if isinstance(each, nn.Linear | nn.Conv2d))
    last = isinstance(first, nn.Linear) and first.in_features == given.shape[-1]
    raise _Entered(given.numel() // given.shape[-1 if last else 1])


def _grid(module: nn.Module, size: ModelSides, architecture: str) -> TokenGrid | None:
    """The grid of the first attention by embedding, family or name; None where it would be a guess."""
    _, family = family_of(module)
    try:
        grid = family.grid(module, size)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        grid = None
    if anatomy_of(module).says_grid:
        return grid
    # Where nothing says it, families begin with cells of 16 pixels until they see the calls.
    if grid != TokenGrid(size[0] // 16, size[1] // 16, (16, 16)):
        return grid
    named = re.search(r"_p(?:atch)?(\d+)(?:_|$)", architecture)
    if named is None:
        return None
    patch = int(named[1])
    return TokenGrid(size[0] // patch, size[1] // patch, (patch, patch))


def _built(architecture: str, size: ModelSides, classes: int) -> nn.Module | None:
    """The module on torch's "meta" device, where tensors have shapes and no bytes."""
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        for arguments in ({"img_size": size, "num_classes": classes}, {"num_classes": classes}, {}):
            try:
                module: nn.Module = timm.create_model(architecture, pretrained=False, **arguments)
            except (TypeError, ValueError, RuntimeError, AssertionError, NotImplementedError):
                continue
            return module
    return None


def has_attention(module: nn.Module) -> bool:
    """Whether tokens look at each other in it: a part with heads that is more than a last pooling."""
    return any(_attends(part) for part in module.modules())


def _attends(part: nn.Module) -> bool:
    kind = type(part).__name__
    return kind in HEADLESS or (has_heads(part) and "Pool" not in kind)


def main(arguments: Iterable[str]) -> int:
    """Writes the catalogue that comes with vitviz."""

    def report(done: float, total: float, what: str = "") -> None:
        print(f"\r{done:.0f} of {total:.0f}  {what:70.70}", end="", file=sys.stderr, flush=True)

    found = take(report)
    file = resource(FILE)
    write(found, file)
    print(f"\n{len(found.entries)} models of timm {found.timm} in {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
