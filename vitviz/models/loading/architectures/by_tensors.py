"""What a file is by its tensors: one of timm's architectures, another library's, or one of no name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from vitviz.core.data.evidence import Certainty, Evidence
from vitviz.core.progress import BadModel
from vitviz.models.catalogue.catalogue import CatalogueEntry, catalogue
from vitviz.models.families import anatomy_of
from vitviz.models.loading.architectures.evidence import (
    Candidate,
    agreed,
    listed,
    mean_and_std,
    mean_and_std_of,
    replaced,
)
from vitviz.models.loading.architectures.facts import FACTS, counted, facts_of
from vitviz.models.loading.architectures.fitting import (
    Fitting,
    empty_timm,
    fitted,
    heads_of_file,
    is_after,
)
from vitviz.models.loading.architectures.index import Architecture, index, needed_of
from vitviz.models.loading.architectures.marks import exact, is_computed, is_head, is_on_path
from vitviz.models.loading.architectures.network import ModelBlueprint
from vitviz.models.loading.architectures.structure import (
    Tensors,
    kind_of,
    stored_windows,
    strangers,
)
from vitviz.models.loading.architectures.timm_names import converted
from vitviz.models.loading.libraries.layout import (
    Layout,
    LibraryConfig,
    Renamed,
    numbers_in,
)
from vitviz.models.loading.libraries.tables import in_timms_names
from vitviz.models.loading.said import Said

MOST = 4
"""Architectures of other facts that are built to see whether they take a file's sizes."""


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """A checkpoint's tensors, what lies beside the file, and what somebody said."""

    path: Path
    state: Tensors
    config: LibraryConfig
    said: Said

    @property
    def name(self) -> str:
        """The file's name, for sentences."""
        return self.path.name


Understood = tuple[ModelBlueprint, dict[str, Any]]
"""A plan, and the file's tensors by the names that the planned network has for them."""


def of_timm(name: str, file: Sources, because: str) -> Understood:
    """The architecture of that timm name, if the tensors confirm it. BadModel where they do not."""
    architecture = name.split(".")[0]
    known = name if timm.models.is_model_pretrained(name) else architecture
    found = _fitting(architecture, file)
    if found is None:
        raise BadModel(_unlike(known, file))
    fitting, state = found
    facts = facts_of(fitting.module)
    evidence = [Evidence("architecture", known, "known", because)]
    evidence += [
        Evidence(each.fact, each.value, "known", because)
        for each in agreed([_candidate(architecture, fitting.module, facts)])
        if each.fact not in ("architecture", "mean and std")
    ]
    evidence += [mean_and_std([known], "known"), *_guessed_size(state, fitting)]
    plan = ModelBlueprint("", fitting.arguments, family=known, title=name, evidence=tuple(evidence))
    return plan, dict(state)


def _fitting(architecture: str, file: Sources) -> tuple[Fitting, Tensors] | None:
    """The fitting with the names that fit: another library's in timm's, the file's, timm's loader's."""
    states = [file.state]
    renamed = in_timms_names(file.state, file.config)
    if renamed is not None and not any(map(is_on_path, renamed.left)):
        states.insert(0, renamed.state)
    for state in states:
        fitting = fitted(architecture, state, file.said)
        if fitting is not None:
            return fitting, state
    module = empty_timm(
        architecture, {**heads_of_file(architecture, file.state), **file.said.changes}
    )
    if module is None:
        return None
    for state in states:
        try:
            turned = converted(module, dict(state), file.name)
        except BadModel:
            continue
        fitting = fitted(architecture, turned, file.said)
        if fitting is not None:
            return fitting, turned
    return None


def _unlike(name: str, file: Sources) -> str:
    """The first tensors that do not fit, in a sentence."""
    arguments = {**heads_of_file(name.split(".")[0], file.state), **file.said.changes}
    module = empty_timm(name, arguments)
    if module is None:
        asked = ", ".join(f"{key}={value}" for key, value in file.said.changes.items())
        return (
            f"{file.name} cannot be built as {name} with {asked or 'these sizes'}; leave them out"
        )
    return (
        f"{file.name} does not fit {type(module).__name__}, which {name} is: {_first(module, file)}"
    )


def _first(module: nn.Module, file: Sources) -> str:
    renamed = in_timms_names(file.state, file.config)
    state = file.state if renamed is None else renamed.state
    needed, own = needed_of(module), module.state_dict()
    missing = [key for key in needed if key not in state and not is_after(key)]
    wrong = [
        key
        for key, value in needed.items()
        if key in state and state[key].shape != value.shape and not is_head(key)
    ]
    extra = [key for key in state if key not in own and not is_computed(key) and is_on_path(key)]
    if wrong and len(missing) < len(needed) / 2:
        key = wrong[0]
        there, here = tuple(state[key].shape), tuple(needed[key].shape)
        return f"{key} is {there} in the file and {here} in the model; name another architecture"
    parts = []
    if missing:
        parts.append(
            f"missing: {listed(missing)}, and attention would run through numbers that nobody trained"
        )
    if extra:
        parts.append(f"in the file and not in the model: {listed(extra)}")
    return (
        f"{'; '.join(parts) or 'its sizes differ'}; name another architecture, or open a whole file"
    )


def by_tensors(file: Sources) -> Understood:
    """What the tensors alone say, with a config.json of transformers' where there is one.

    BadModel where nothing fits, naming what is left over.
    """
    from vitviz.models.loading.architectures.of_no_name import structured

    renamed = in_timms_names(file.state, file.config)
    if renamed is None:
        found = _of_index(file, file.state, None)
        kind = kind_of(file.state)
        if found is None and kind is not None:
            found = structured(file, kind, file.state, None)
        if found is None and (strange := strangers(file.state)):
            raise BadModel(
                f"{file.name} looks like a ViT, but its blocks have tensors that no ViT of timm's has: "
                f"{listed(strange)}; name its architecture"
            )
        if found is None:
            raise BadModel(
                f"{file.name}: neither its name nor its tensors ({', '.join(list(file.state)[:3])}, "
                "...) say which architecture it is; name one"
            )
        return found
    _refuse_left(renamed, file.name)
    layout = renamed.layout
    found = _of_index(file, renamed.state, layout) if layout.as_timm else None
    plan, state = found or structured(file, layout.kind, renamed.state, layout)
    if found is not None and (own := _of_index(file, file.state, None)) is not None:
        plan = _shared_names(plan, own[0], layout)
    note = f"the tensors are named as {layout.title} names them"
    if outside := (*renamed.others, *renamed.left):
        note += f"; left out is what is no part of it: {listed(outside)}"
    return replace(plan, notes=(note, *plan.notes)), state


def _shared_names(plan: ModelBlueprint, own: ModelBlueprint, layout: Layout) -> ModelBlueprint:
    """Assumed, where the names of another library's file are also another network's of timm's."""
    first, second = (each.family.partition(".")[0] for each in (plan, own))
    if first == second or second in {each.partition(".")[0] for each in plan.others}:
        return plan
    because = (
        f"timm's {second} has the names and shapes of {layout.title} too, and computes otherwise"
    )
    fact = Evidence("architecture", first, "assumed", because)
    others = (*plan.others, *own.others)
    return replace(plan, evidence=replaced(plan.evidence, fact), others=others)


def _refuse_left(renamed: Renamed, name: str) -> None:
    path = [key for key in renamed.left if is_on_path(key) and not is_computed(key)]
    if path:
        raise BadModel(
            f"{name} is named as {renamed.layout.title}, but has tensors that steer attention and that "
            f"no such network has: {listed(path)}; name its architecture"
        )


def _of_index(file: Sources, state: Tensors, layout: Layout | None) -> Understood | None:
    """The likeliest of timm's architectures with these names and shapes; None where there is none."""
    near = [each for each in index().like(state) if layout is None or layout.only in each.name]
    near = _as_said(_as_stored(near, state, file.name), file.said)
    fits = _exact(near, state, file) or _resized(near, state, file)
    if not fits:
        return None
    names = [each.name for each, _ in fits]
    heads = fits[0][0].facts[FACTS.index("heads")][0]
    if not heads and not catalogue().others.isdisjoint(names):
        raise BadModel(f"{file.name} is timm's {names[0]}, which has no attention to look into")
    tagged = preferred(file.path, state, names)
    fits.sort(key=lambda each: each[0].name != tagged.split(".")[0])
    fitting = fits[0][1]
    evidence = agreed([each for each, _ in fits])
    prepared = mean_and_std([tagged, *(each.name for each, _ in fits)])
    evidence = replaced(
        evidence,
        prepared,
        *_of_layout(layout, file),
        *_moco(state),
        *_rotations(state),
        *_guessed_size(state, fitting),
    )
    config = {} if layout is None else {"mean": layout.prepared[0], "std": layout.prepared[1]}
    plan = ModelBlueprint(
        "",
        fitting.arguments,
        family=tagged,
        config=config,
        evidence=evidence,
        others=_trainings_of(names),
    )
    return plan, dict(state)


def _as_said(near: Sequence[Architecture], said: Said) -> list[Architecture]:
    """Those with the heads and windows that somebody said, if there are such."""
    found = list(near)
    for fact, value in (("heads", said.num_heads), ("window", said.window_size)):
        words = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        found = [each for each in found if each.fact(fact)[0] == words] or found
    return found


def _as_stored(near: Sequence[Architecture], state: Tensors, name: str) -> list[Architecture]:
    """Those with the windows for which a Swin V2 stored its coordinates."""
    if "layers.0.blocks.0.attn.logit_scale" not in state:
        return list(near)
    words = counted(stored_windows(state, numbers_in(state, "layers.*."), name))
    return [each for each in near if words in ("", each.fact("window")[0])]


Fits = list[tuple[Candidate, Fitting]]


def _exact(near: Sequence[Architecture], state: Tensors, file: Sources) -> Fits:
    """Those of the file's very shapes: the likeliest is built to be sure, and where it leaves
    anything over one of each kind.
    """
    mark = exact(state)
    same = [each for each in near if each.exact == mark]
    if not same:
        return []
    said = _with_mocos_heads(state, file.said)
    likeliest = preferred(file.path, state, [each.name for each in same]).partition(".")[0]
    first = next(each for each in same if each.name == likeliest)
    whole = fitted(first.name, state, said, exact=True)
    if whole is not None and not (whole.after or whole.others):
        return [
            (Candidate(each.name, each.size, each.facts), whole)
            for each in same
            if each.groups == first.groups
        ]
    found: Fits = []
    built: dict[tuple[Any, ...], Fitting | None] = {}
    for each in same:
        key = (each.facts, each.size)
        if key not in built:
            built[key] = fitted(each.name, state, said, exact=True)
        fitting = built[key]
        if fitting is not None:
            found.append((Candidate(each.name, each.size, each.facts), fitting))
    return _most_used(found)


def _resized(near: Sequence[Architecture], state: Tensors, file: Sources) -> Fits:
    """Those that have the file's shapes at its sizes of patches, pictures or windows."""
    apart: list[tuple[tuple[int, int], tuple[Candidate, Fitting]]] = []
    built: dict[tuple[Any, ...], Fitting | None] = {}
    said = _with_mocos_heads(state, file.said)
    for each in near:
        if each.facts not in built:
            if len(built) == MOST:
                continue
            built[each.facts] = fitted(each.name, state, said)
        fitting = built[each.facts]
        if fitting is not None:
            like = _candidate(each.name, fitting.module, facts_of(fitting.module))
            apart.append((_apart(each, like), (like, fitting)))
    return _most_used([fit for _, fit in sorted(apart, key=lambda each: each[0])])


def _apart(own: Architecture, fitted_facts: Candidate) -> tuple[int, int]:
    """How far an architecture's own facts are from those of the file: the nearest gives its name."""
    differ = sum(one != other for one, other in zip(own.facts, fitted_facts.facts, strict=True))
    window = FACTS.index("window")
    kinds = (facts[window][0].count(",") for facts in (own.facts, fitted_facts.facts))
    return differ, abs(next(kinds) - next(kinds))


def _most_used(found: Fits) -> Fits:
    """Those that leave least of the file over, and lack least."""
    least = min((len(each.after) + len(each.others) for _, each in found), default=0)
    return [(one, two) for one, two in found if len(two.after) + len(two.others) == least]


def _candidate(name: str, module: nn.Module, facts: Mapping[str, Any]) -> Candidate:
    size = anatomy_of(module).picture or (0, 0)
    return Candidate(name, size, tuple(facts[fact] for fact in FACTS))


def preferred(path: Path, state: Tensors, names: Sequence[str]) -> str:
    """The likeliest of the architectures, with the training whose preparation is taken for it.

    google-research/vision_transformer, whose files are .npz, gives pictures from -1 to 1.
    """
    head = next((state[key] for key in ("head.weight", "head.fc.weight") if key in state), None)
    classes = int(head.shape[0]) if head is not None and head.ndim == 2 else 0
    google = path.suffix.lower() == ".npz"

    def unlike(entry: CatalogueEntry) -> tuple[bool, bool, int, int]:
        mean = timm.models.get_pretrained_cfg(entry.name).mean
        theirs = google and mean != (0.5, 0.5, 0.5)
        return theirs, entry.classes != classes, names.index(entry.architecture), len(entry.name)

    entries = [entry for entry in catalogue().entries if entry.architecture in names]
    if entries:
        return min(entries, key=unlike).name
    return min(names, key=len)


def _trainings_of(names: Sequence[str]) -> tuple[str, ...]:
    """timm's trainings of the architectures; an architecture without any by its own name."""
    entries = [entry.name for entry in catalogue().entries if entry.architecture in names]
    known = {name.partition(".")[0] for name in entries}
    return (*entries, *(name for name in names if name not in known))


def _of_layout(layout: Layout | None, file: Sources) -> tuple[Evidence, ...]:
    if layout is None:
        if file.path.suffix.lower() == ".npz":
            half = ((0.5,) * 3, (0.5,) * 3)
            return (mean_and_std_of(half, "proven", "google-research's .npz files are all so"),)
        return ()
    certainty: Certainty = "proven" if layout.prepared_always else "assumed"
    return (mean_and_std_of(layout.prepared, certainty, f"as {layout.title} has it"),)


def _moco_heads(state: Tensors) -> dict[str, Any]:
    """MoCo v3's ViT-S has 12 heads of 32 channels; its projector of three layers marks it."""
    token = state.get("cls_token")
    marked = "head.0.weight" in state and "head.1.running_mean" in state
    return {"num_heads": 12} if marked and token is not None and token.shape[-1] == 384 else {}


def _with_mocos_heads(state: Tensors, said: Said) -> Said:
    return replace(said, arguments={**_moco_heads(state), **said.arguments})


def _moco(state: Tensors) -> tuple[Evidence, ...]:
    if not _moco_heads(state):
        return ()
    return (Evidence("heads", "12 heads", "proven", "MoCo v3's projector is in the file"),)


def _rotations(state: Tensors) -> tuple[Evidence, ...]:
    """Meta's DINOv3 stores how fast its positions turn; timm's turn as the published ones do."""
    periods = state.get("rope_embed.periods")
    if periods is None:
        return ()
    steps = torch.arange(len(periods)) / len(periods)
    if torch.allclose(periods.float(), 100.0**steps, rtol=0.02):
        return ()
    because = "the file's rope_embed.periods are others than those of base 100"
    return (Evidence("rope", "rotations of base 100", "assumed", because),)


def _guessed_size(state: Tensors, fitting: Fitting) -> tuple[Evidence, ...]:
    """A picture that is no square has as many patches as one that stands or lies."""
    size = fitting.arguments.get("img_size")
    if not isinstance(size, tuple) or size[0] == size[1] or "pos_embed" not in state:
        return ()
    if state["pos_embed"].ndim != 3:
        return ()
    words = f"{size[1]} × {size[0]} pixels"
    return (Evidence("input size", words, "assumed", "other pictures make as many patches"),)


def described_evidence(plan: ModelBlueprint, because: str) -> tuple[Evidence, ...]:
    """What a class with its arguments says."""
    heads = plan.arguments.get("num_heads", plan.arguments.get("num_heads_outer"))
    found = [Evidence("architecture", plan.kind, "known", because)]
    if heads is not None:
        found.append(Evidence("heads", f"{heads} heads", "known", because))
    return tuple(found)
