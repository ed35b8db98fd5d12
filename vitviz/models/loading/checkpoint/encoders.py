"""The image encoder among a checkpoint's tensors: found by what it is made of, not by its prefix.

An encoder is where a stem that reads pixels (a kernel of a few input channels, a patch embedding) and
numbered blocks with attention have the longest beginning of their names in common. Whatever stands
before it (`module.`, `vit.`, `0.`, `student.backbone.`) is taken off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from vitviz.core.progress import BadModel

Parts = tuple[str, ...]

_SPLIT = re.compile(r"[./]")
_NUMBERED = re.compile(r"(?:.*_)?\d+")
_ATTENDS = re.compile(r"att|qkv|q_proj|query|to_q|\bmsa|MultiHead", re.IGNORECASE)
_STEM = re.compile(
    r"(?:^|[./])(?:patch_embed\w*|patch_embedding\w*|to_patch_embedding|patchif\w+|embeds|pixel_embed"
    r"|embedding/kernel)(?:[./]|$)"
)
_CHANNELS = 32
"""How many channels a picture may have at most; the layers behind a stem have more."""


@dataclass(frozen=True, slots=True)
class FoundEncoder:
    """An image encoder in a file: what stands before its names ("student."), how many tensors."""

    prefix: str
    tensors: int

    @property
    def title(self) -> str:
        """What to call it, "" where nothing stands before its names."""
        return self.prefix.rstrip("./")


@dataclass(frozen=True, slots=True)
class ChosenEncoder:
    """The tensors of one encoder without what stood before their names, and those beside it.

    `others` are what else could have been taken, `reason` why this one was; "" without a choice.
    """

    state: dict[str, Tensor]
    encoder: FoundEncoder
    others: tuple[FoundEncoder, ...] = ()
    reason: str = ""


def find_encoders(tensors: Mapping[str, Tensor]) -> tuple[FoundEncoder, ...]:
    """All image encoders, in the file's order; () where there are none with attention."""
    names = {key: tuple(_SPLIT.split(key)) for key in tensors}
    attending = {key: item for key, parts in names.items() if (item := _block_of(parts))}
    blocks = set(attending.values())
    blocks -= {block[:end] for block in blocks for end in range(1, len(block))}
    outside = [key for key, parts in names.items() if not _is_inside(parts, blocks)]
    stems = [key for key in outside if _is_stem(key, tensors[key])]
    stems = stems or [key for key in outside if _reads_few_channels(tensors[key])]
    roots: dict[Parts, set[str]] = {}
    for block in blocks:
        common = [(_root(block, names[stem]), stem) for stem in stems]
        longest = max((len(root) for root, _ in common), default=0)
        for root, stem in common:
            if len(root) == longest:
                roots.setdefault(root, set()).add(stem)
    found = _with_stems_of_their_own(roots)
    order = {key: index for index, key in enumerate(tensors)}
    found.sort(key=lambda root: min(order[stem] for stem in roots[root]))
    return tuple(_described(root, tensors) for root in found)


def choose_encoder(
    tensors: dict[str, Tensor], groups: Sequence[str], name: str, wanted: str | None = None
) -> ChosenEncoder:
    """One encoder's tensors, by the published rule of the method where a file has two.

    `groups` are the paths of the dicts that the tensors lie in; `wanted` names one of the encoders by
    a part of what stands before it ("student"). BadModel where there is none of that name.
    """
    found = find_encoders(tensors)
    if not found:
        return _without_attention(tensors, groups, name, wanted)
    if wanted is not None:
        chosen, reason = _named(found, wanted, name), ""
    else:
        chosen, reason = _by_rule(found, tensors)
    others = tuple(each for each in found if each is not chosen)
    state = _inside(tensors, chosen.prefix) | {}
    for key, tensor in _beside(tensors, chosen, others, groups):
        state.setdefault(key, tensor)
    return ChosenEncoder(state, chosen, others, reason)


def _block_of(parts: Parts) -> Parts | None:
    """The numbered block with attention that a name belongs to: ("blocks", "3"); else None."""
    for index in range(len(parts) - 2, -1, -1):
        if _NUMBERED.fullmatch(parts[index]) and _ATTENDS.search(".".join(parts[index + 1 :])):
            return parts[: index + 1]
    return None


def _is_inside(parts: Parts, blocks: set[Parts]) -> bool:
    return any(parts[:end] in blocks for end in range(1, len(parts)))


def _is_stem(key: str, tensor: Tensor) -> bool:
    """A kernel that reads pixels: few input channels and not one for each output (depthwise)."""
    if not key.endswith(("weight", "kernel")) or tensor.ndim < 2:
        return False
    if _STEM.search(key):
        return True
    depthwise = tensor.ndim >= 4 and tensor.shape[1] == 1 and tensor.shape[-1] < 8
    return _reads_few_channels(tensor) and not depthwise


def _reads_few_channels(tensor: Tensor) -> bool:
    return tensor.ndim in (4, 5) and 1 <= tensor.shape[1] <= _CHANNELS < tensor.shape[0] * 4


def _root(block: Parts, stem: Parts) -> Parts:
    """What both names begin with, ending before a list that both are items of."""
    length = 0
    while length < min(len(block), len(stem)) and block[length] == stem[length]:
        length += 1
    while length and (_is_item(block, length) or _is_item(stem, length)):
        length -= 1
    return block[:length]


def _is_item(parts: Parts, index: int) -> bool:
    return index < len(parts) and _NUMBERED.fullmatch(parts[index]) is not None


def _with_stems_of_their_own(roots: Mapping[Parts, set[str]]) -> list[Parts]:
    """Those that are encoders: not the blocks of a text tower or decoder that stand above one, nor a
    stage of one in which some convolution has few channels.
    """
    whole = [root for root in roots if roots[root] - _stems_below(root, roots)]
    return [root for root in whole if not _is_stage(root, whole, roots)]


def _stems_below(root: Parts, roots: Mapping[Parts, set[str]]) -> set[str]:
    below = [each for each in roots if len(each) > len(root) and each[: len(root)] == root]
    return set().union(*(roots[each] for each in below)) if below else set()


def _is_stage(root: Parts, whole: Sequence[Parts], roots: Mapping[Parts, set[str]]) -> bool:
    """Whether it lies in another encoder, and begins with something else than that one."""
    own = {_SPLIT.split(stem)[len(root) :][0] for stem in roots[root]}
    for outer in whole:
        if len(outer) < len(root) and root[: len(outer)] == outer:
            theirs = roots[outer] - _stems_below(outer, roots)
            if own.isdisjoint(_SPLIT.split(stem)[len(outer) :][0] for stem in theirs):
                return True
    return False


def _described(root: Parts, tensors: Mapping[str, Tensor]) -> FoundEncoder:
    if not root:
        return FoundEncoder("", len(tensors))
    keys = [key for key in tensors if tuple(_SPLIT.split(key))[: len(root)] == root]
    length = len("".join(root)) + len(root)
    return FoundEncoder(keys[0][:length], len(keys))


def _inside(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }


_HEADS = re.compile(r"(?:head|classifier|fc|linear|cls|probe|predictor)\w*$", re.IGNORECASE)


def _beside(
    tensors: Mapping[str, Tensor],
    chosen: FoundEncoder,
    others: Iterable[FoundEncoder],
    groups: Sequence[str],
) -> Iterable[tuple[str, Tensor]]:
    """What lies in the same dict as the encoder and belongs to no other: heads, decoders, a text tower.

    A head in a dict of its own beside the encoder's is taken too.
    """
    group = max((each for each in groups if chosen.prefix.startswith(each)), key=len, default="")
    theirs = tuple(each.prefix for each in others if each.prefix)
    above = group.rstrip(".").rpartition(".")[0]
    above = f"{above}." if above else ""
    heads = tuple(
        each
        for each in groups
        if each not in ("", group)
        and each.startswith(above)
        and _HEADS.fullmatch(each[len(above) : -1])
    )
    for key, tensor in tensors.items():
        if (chosen.prefix and key.startswith(chosen.prefix)) or key.startswith(theirs or ("\0",)):
            continue
        if key.startswith(group) and not _in_deeper_group(key, group, groups):
            yield _without(key, chosen.prefix, len(group)), tensor
        elif heads and key.startswith(heads):
            yield key[len(above) :], tensor


def _in_deeper_group(key: str, group: str, groups: Sequence[str]) -> bool:
    """Whether a name of the outermost level lies in a dict of its own there."""
    return any(len(each) > len(group) and key.startswith(each) for each in groups)


def _without(key: str, prefix: str, at_least: int) -> str:
    """A name beside an encoder without what it has in common with the encoder's."""
    length = at_least
    for end in range(at_least, min(len(key), len(prefix))):
        if key[end] != prefix[end]:
            break
        if key[end] in "./":
            length = end + 1
    return key[length:]


def _named(found: Sequence[FoundEncoder], wanted: str, name: str) -> FoundEncoder:
    exact = [each for each in found if each.title == wanted.rstrip("./")]
    near = [each for each in found if wanted in _SPLIT.split(each.title)]
    if len(exact or near) == 1:
        return (exact or near)[0]
    raise BadModel(f"{name} has no encoder {wanted!r}; it has {listed_encoders(found)}")


def listed_encoders(found: Sequence[FoundEncoder]) -> str:
    """The encoders' names, in quotes; one that nothing stands before is the "plain" one."""
    return " and ".join(
        f"“{each.title}”" if each.title else "one without a prefix" for each in found
    )


_BETTER = (
    (
        re.compile(r"(?:^|_)(?:ema|averaged|swa)(?:$|_)|^module_ema$"),
        4,
        "averaged weights are those that are evaluated",
    ),
    (re.compile(r"^target_encoder$"), 3, "as I-JEPA and V-JEPA evaluate it"),
    (re.compile(r"^teacher"), 3, "as DINO, iBOT and DINOv2 evaluate it"),
    (re.compile(r"^base_encoder$"), 2, "as MoCo v3 evaluates it"),
    (re.compile(r"^encoder_q$"), 2, "as MoCo evaluates it"),
    (re.compile(r"^online"), 2, "as BYOL evaluates it"),
    (
        re.compile(r"^(?:vision|visual|image)(?:_encoder|_model|_tower)?$"),
        1,
        "it is the one that sees",
    ),
)
_WORSE = re.compile(
    r"^(?:momentum|encoder_k|target|teacher_\d|.*_m)(?:$|_)|_momentum$|_m$|^decoder|_decoder$"
)


def _by_rule(
    found: Sequence[FoundEncoder], tensors: Mapping[str, Tensor]
) -> tuple[FoundEncoder, str]:
    """The encoder that its method's own evaluation uses, and why."""
    if len(found) == 1:
        return found[0], ""
    twins = len({_numbers(each, tensors) for each in found}) == 1
    if not twins and any(_SPLIT.split(each.title)[-1:] for each in found):
        teacher = [each for each in found if "teacher" in each.title.lower()]
        rest = [each for each in found if each not in teacher]
        if teacher and rest:
            # Distillation: the teacher is another, larger network, and the student what was trained.
            best, reason = _ranked(rest)
            return best, reason or "the teacher is another network that it was distilled from"
    return _ranked(found)


def _ranked(found: Sequence[FoundEncoder]) -> tuple[FoundEncoder, str]:
    ranked = [(_rank(each), -index, each) for index, each in enumerate(found)]
    (_, reason), _, best = max(ranked, key=lambda each: (each[0][0], each[1]))
    return best, reason


def _rank(encoder: FoundEncoder) -> tuple[int, str]:
    parts = _SPLIT.split(encoder.title.lower())
    for pattern, score, reason in _BETTER:
        if any(pattern.search(part) for part in parts):
            return score, reason
    if any(_WORSE.search(part) for part in parts):
        return -1, ""
    return 0, ""


def _numbers(encoder: FoundEncoder, tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for key, tensor in tensors.items() if key.startswith(encoder.prefix))


def _without_attention(
    tensors: dict[str, Tensor], groups: Sequence[str], name: str, wanted: str | None
) -> ChosenEncoder:
    """The largest dict of tensors, without what all its names begin with."""
    if wanted is not None:
        raise BadModel(f"{name} has no encoder {wanted!r}: none of its tensors looks like one")
    sizes = {group: len(_of_group(tensors, group, groups)) for group in groups}
    group = max(sizes, key=lambda each: sizes[each])
    state = _of_group(tensors, group, groups) or tensors
    prefix = group
    while len(firsts := {key.partition(".")[0] for key in state}) == 1 and all(
        "." in key for key in state
    ):
        (first,) = firsts
        if first.isdigit():
            break
        prefix += f"{first}."
        state = {key.partition(".")[2]: tensor for key, tensor in state.items()}
    return ChosenEncoder(state, FoundEncoder(prefix, len(state)))


def _of_group(
    tensors: Mapping[str, Tensor], group: str, groups: Sequence[str]
) -> dict[str, Tensor]:
    return {
        key[len(group) :]: tensor
        for key, tensor in tensors.items()
        if key.startswith(group) and not _in_deeper_group(key, group, groups)
    }
