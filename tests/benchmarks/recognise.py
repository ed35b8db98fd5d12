"""Every architecture of timm's, its name taken away: is it recognised, asked for, or taken for another?

Each is built without memory on torch's "meta" device, and the recogniser is given its names and shapes.
`VITVIZ_RECOGNISE` names a part of timm ("swin*"); VITVIZ_RECOGNISE_FILES how many files below 200 MB
are written and loaded with random weights, and compared by their outputs.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

import vitviz
from tests.benchmarks.run import BenchmarkRun, Row
from vitviz.core.data.evidence import assumed
from vitviz.core.progress import BadModel, VitvizError
from vitviz.models.catalogue.catalogue_build import has_attention
from vitviz.models.loading.architectures.by_tensors import Sources, by_tensors
from vitviz.models.loading.architectures.network import ModelBlueprint, empty
from vitviz.models.loading.said import Said

FILES = int(os.environ.get("VITVIZ_RECOGNISE_FILES", "24"))
LARGEST = 200 * 10**6
_UNLIKE = frozenset({"mean and std"})
"""Facts about pictures, counted apart."""


def rows(run: BenchmarkRun) -> Iterator[Row]:
    """What is counted: right, asked and wrong; how long it takes; what files give."""
    names = timm.list_models("test_vit*" if run.toy else os.environ.get("VITVIZ_RECOGNISE", ""))
    counted: Counter[str] = Counter()
    prepared: Counter[str] = Counter()
    said: dict[str, list[str]] = {"wrong": [], "refused": []}
    seconds: list[float] = []
    for name in names:
        module = _built(name)
        if module is None:
            counted["not built"] += 1
            continue
        begun = time.process_time()
        found = _recognised(dict(module.state_dict()))
        seconds.append(time.process_time() - begun)
        verdict, pictures = _verdict(name, module, found)
        counted[verdict] += 1
        prepared[pictures] += 1
        if verdict in said:
            said[verdict].append(name)
    told = _wrong_first(counted)
    yield f"timm's {len(names)} architectures without a name", "0 wrong", told
    yield (
        "how their pictures are prepared",
        "0 wrong",
        _wrong_first(prepared),
    )
    for what, which in said.items():
        if which:
            yield f"{what}", "none", " ".join(which[:40])
    ordered = sorted(seconds)
    yield (
        "to recognise one beside reading it (of a core)",
        "1 s",
        f"{ordered[-1]:.2f} s the slowest, {ordered[len(ordered) // 2]:.2f} s the median",
    )
    yield from _files(1 if run.toy else FILES, names)


def _wrong_first(counted: Counter[str]) -> str:
    """The counts in words, the one that has a target first."""
    others = [
        f"{count} {what}" for what, count in counted.most_common() if what not in ("wrong", "")
    ]
    return ", ".join([f"{counted['wrong']} wrong", *others])


def _recognised(state: dict[str, Any]) -> ModelBlueprint | BadModel:
    """What a file of these tensors is, or why it is not opened."""
    try:
        return by_tensors(Sources(Path("mine.pth"), state, {}, Said()))[0]
    except BadModel as error:
        return error


def _verdict(name: str, module: nn.Module, plan: ModelBlueprint | BadModel) -> tuple[str, str]:
    """right, asked, wrong, refused or without attention; the same of mean and std."""
    try:
        if isinstance(plan, BadModel):
            raise plan
        same = plan.timm_name.partition(".")[0] == name and set(plan.arguments) <= {"num_classes"}
        found = module if same else empty(plan, "mine.pth")
    except BadModel as error:
        if "no attention" in str(error):
            return ("wrong" if has_attention(module) else "without attention"), ""
        return ("refused" if has_attention(module) else "without attention, refused"), ""
    guesses = {each.fact for each in assumed(plan.evidence)}
    return _of_network(name, plan, found, module, guesses), _of_pictures(name, plan, guesses)


def _of_network(
    name: str, plan: ModelBlueprint, found: nn.Module, module: nn.Module, guesses: set[str]
) -> str:
    if guesses - _UNLIKE:
        listed = {each.partition(".")[0] for each in plan.others}
        if plan.family and name not in listed:
            return "wrong"
        return "asked"
    same = found is module or _computes(found) == _computes(module)
    return "right" if same else "wrong"


def _of_pictures(name: str, plan: ModelBlueprint, guesses: set[str]) -> str:
    """Whether mean and std are among those of the architecture's own trainings."""
    configs = timm.models.get_arch_pretrained_cfgs(name) or {
        name: timm.models.get_pretrained_cfg(name)
    }
    theirs = {(tuple(each.mean), tuple(each.std)) for each in configs.values() if each}
    if "mean and std" in guesses:
        return "asked"
    own = timm.models.get_pretrained_cfg(plan.family) if plan.family else None
    mean = plan.config.get("mean") or (own.mean if own else ())
    std = plan.config.get("std") or (own.std if own else ())
    return "right" if theirs == {(tuple(mean), tuple(std))} else "wrong"


_SKIPPED = (nn.Identity, nn.Dropout)
_IDLE = (
    "training",
    "pretrained_cfg",
    "default_cfg",
    "feature_info",
    "in_chans",
    "num_classes",
    "init_values",
)


def _computes(module: nn.Module) -> dict[str, Any]:
    """All that a module's parts say of how they compute, the recogniser's own list of it unasked."""
    found: dict[str, Any] = {}
    for path, part in module.named_modules():
        kind = type(part).__name__
        if isinstance(part, _SKIPPED) or "Drop" in kind:
            continue
        if path:
            found[path] = kind
        for name, value in vars(part).items():
            plain = isinstance(value, int | float | str | tuple | list)
            if plain and not name.startswith("_") and name not in _IDLE and "drop" not in name:
                found[f"{path}.{name}"] = str(value)
    return found


def _built(name: str) -> nn.Module | None:
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        try:
            module: nn.Module = timm.create_model(name, pretrained=False)
        except (TypeError, ValueError, RuntimeError, AssertionError, NotImplementedError):
            return None
    return module


def _files(count: int, names: list[str]) -> Iterator[Row]:
    """A sample of files with random weights, opened under a neutral name: the outputs are compared."""
    mixed = random.Random(0).sample(names, len(names))
    chosen = list(islice(filter(_is_small_and_attends, mixed), count))
    counted: Counter[str] = Counter()
    said: list[str] = []
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            verdict = _opened(name, Path(folder) / "mine.pth")
        counted[verdict] += 1
        if verdict not in ("equal", "asked, equal"):
            said.append(f"{name}: {verdict}")
    others = ", ".join(f"{count} {what}" for what, count in counted.most_common())
    yield (
        f"{len(chosen)} files with random weights, opened and run",
        "0 with other outputs",
        f"{counted['other outputs']} with other outputs: {others}"
        + (f" ({'; '.join(said)})" if said else ""),
    )


def _opened(name: str, file: Path) -> str:
    torch.manual_seed(0)
    theirs = timm.create_model(name, pretrained=False).eval()
    torch.save(theirs.state_dict(), file)
    try:
        model = vitviz.load(file)
    except VitvizError as error:
        return f"refused ({error})"
    size = timm.models.get_pretrained_cfg(name).input_size
    pixels = torch.randn(1, *size)
    with torch.inference_mode():
        try:
            wanted, found = theirs(pixels), model.module(pixels)
        except (AssertionError, RuntimeError):
            return "asked" if _asked(model.info.evidence) else "built for another size"
    same = found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-4, rtol=1e-3)
    asked = "asked, " if _asked(model.info.evidence) else ""
    return f"{asked}{'equal' if same else 'other outputs'}"


def _asked(evidence: Any) -> bool:
    return any(each.fact not in _UNLIKE for each in assumed(evidence))


def _is_small_and_attends(name: str) -> bool:
    module = _built(name)
    if module is None or not has_attention(module):
        return False
    return 4 * sum(tensor.numel() for tensor in module.state_dict().values()) < LARGEST
