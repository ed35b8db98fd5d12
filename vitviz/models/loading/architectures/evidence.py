"""How the facts about a checkpoint are known, once it is known which architectures it can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import timm

from vitviz.core.data.evidence import Certainty, Evidence
from vitviz.core.notation import shown_number
from vitviz.models.loading.architectures.facts import FACTS, Fact

Prepared = tuple[tuple[float, ...], tuple[float, ...]]

_WORDS = {
    "heads": "{} heads",
    "window": "windows of {} tokens",
    "activation": "{}",
    "norm eps": "norm eps {}",
    "rope": "{}",
    "pooling": "{} pooling",
    "rest": "{}",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An architecture of timm's that has a file's names and shapes, with what no shape shows."""

    name: str
    size: tuple[int, int]
    facts: tuple[Fact, ...]


def agreed(candidates: Sequence[Candidate]) -> tuple[Evidence, ...]:
    """The evidence where a file is the first of these by its shapes: proven as far as all agree."""
    first, names = candidates[0], [each.name for each in candidates]
    found = [_architecture(candidates)]
    for place, fact in enumerate(FACTS):
        words = first.facts[place][0]
        others = {each.facts[place] for each in candidates} - {first.facts[place]}
        if fact == "rest" or not (words or others):
            continue
        differ = [each for each in candidates if each.facts[place] != first.facts[place]]
        if not differ:
            found.append(Evidence(fact, _said(fact, words), "proven", _because(names)))
        elif fact in ("pooling", "heads", "window", "activation", "norm eps", "rope"):
            found.append(Evidence(fact, _said(fact, words), "assumed", _unlike(differ, place)))
    sizes = dict.fromkeys(each.size for each in candidates)
    if len(sizes) > 1:
        found.append(
            Evidence(
                "input size",
                f"{first.size[1]} × {first.size[0]} pixels",
                "assumed",
                f"no tensor shows it; with these shapes timm has {listed(_pixels(s) for s in sizes)}",
            )
        )
    return (*found, mean_and_std(names))


def _architecture(candidates: Sequence[Candidate]) -> Evidence:
    first, names = candidates[0], [each.name for each in candidates]
    rest = FACTS.index("rest")
    differ = [each.name for each in candidates if each.facts[rest] != first.facts[rest]]
    if differ:
        because = f"{listed(differ)} of timm has the same names and shapes and computes otherwise"
        return Evidence("architecture", first.name, "assumed", because)
    return Evidence("architecture", first.name, "proven", _because(names))


def _because(names: Sequence[str]) -> str:
    if len(names) == 1:
        return "the only one of timm's architectures with these names and shapes"
    return f"so have all of timm's with these names and shapes: {listed(names)}"


def _unlike(differ: Sequence[Candidate], place: int) -> str:
    said = dict.fromkeys((each.facts[place][0] or "another") for each in differ)
    of_each = {
        words: next(each.name for each in differ if (each.facts[place][0] or "another") == words)
        for words in said
    }
    others = listed(f"{words} in {name}" for words, name in of_each.items())
    return f"no tensor shows it; the same names and shapes: {others}"


def _said(fact: str, words: str) -> str:
    if fact == "heads" and words:
        return counted_heads(words)
    return _WORDS[fact].format(words) if words else f"no {fact}"


def counted_heads(count: object) -> str:
    """How many heads, in words; of several stages "3, 6, 12, 24 heads"."""
    return "1 head" if str(count) == "1" else f"{count} heads"


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[1]} × {size[0]}"


def trainings(names: Iterable[str]) -> dict[Prepared, list[str]]:
    """How timm's trainings of these architectures have pictures prepared: (mean, std) -> names."""
    found: dict[Prepared, list[str]] = {}
    for name in names:
        architecture, _, tag = name.partition(".")
        configs = timm.models.get_arch_pretrained_cfgs(architecture)
        if tag:
            configs = {key: each for key, each in configs.items() if key == name}
        if not configs and (own := timm.models.get_pretrained_cfg(name)) is not None:
            configs = {name: own}
        for key, config in configs.items():
            found.setdefault((tuple(config.mean), tuple(config.std)), []).append(key)
    return found


def mean_and_std(names: Sequence[str], certainty: Certainty = "proven") -> Evidence:
    """How sure mean and std are where a file is of one of these architectures, the first likeliest."""
    known = trainings(names)
    if not known:
        return mean_and_std_of(((0.485,) * 3, (0.229,) * 3), "assumed", "nothing says it")
    first = next(iter(known))
    if len(known) == 1:
        count = len(next(iter(known.values())))
        what = "timm's one training has" if count == 1 else f"all {count} of timm's trainings have"
        return mean_and_std_of(first, certainty, f"{what} pictures so")
    others = [f"{shown(each)} for {names[0]}" for each, names in known.items() if each != first]
    return mean_and_std_of(first, "assumed", f"no tensor shows it; {listed(others)}")


def mean_and_std_of(prepared: Prepared, certainty: Certainty, because: str) -> Evidence:
    """The fact in words."""
    return Evidence("mean and std", f"mean/std of {shown(prepared)}", certainty, because)


_KNOWN = {
    (0.485, 0.456, 0.406): "ImageNet",
    (0.5, 0.5, 0.5): "0.5/0.5",
    (0.48145466, 0.4578275, 0.40821073): "CLIP",
}


def shown(prepared: Prepared) -> str:
    """Mean and std in a word where they have one."""
    mean, std = prepared
    if mean in _KNOWN and (mean != (0.5, 0.5, 0.5) or std == mean):
        return _KNOWN[mean]
    if mean == (0.0, 0.0, 0.0) and std == (1.0, 1.0, 1.0):
        return "0/1"
    return " and ".join("/".join(map(shown_number, each)) for each in (mean, std))


def listed(names: Iterable[str]) -> str:
    """The first three, and how many more."""
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more


def replaced(evidence: Iterable[Evidence], *new: Evidence) -> tuple[Evidence, ...]:
    """The facts with those in place of the same ones, each fact once."""
    facts = {each.fact: each for each in evidence} | {each.fact: each for each in new}
    return tuple(facts.values())
