"""Whether a model is on this computer, told from its name without importing torch."""

from __future__ import annotations

from vitviz.core.data.weight_files import is_in_memory, named_as_checkpoint
from vitviz.core.files import expanded
from vitviz.core.progress import BadModel
from vitviz.models.catalogue.catalogue import catalogue
from vitviz.models.loading.bundled import bundled
from vitviz.models.loading.hub.hub_files import CONFIGS, FILES, INDEX, cached, check_name

HUB, TIMM = "hf-hub:", "timm/"


def to_fetch(name: str) -> str:
    """As `vitviz.models.to_fetch`."""
    if is_in_memory(name) or named_as_checkpoint(name) or expanded(name).exists():
        return ""
    if any(model.name == name for model in bundled()):
        return ""
    if name.startswith(HUB):
        return _missing(name.removeprefix(HUB), described=True)
    repository = _repository(name.removeprefix(TIMM))
    return _missing(repository, described=False) if repository else name


def _repository(name: str) -> str:
    """The hub's repository of a timm name; without a tag that of its first training."""
    entries = catalogue().entries
    found = [each for each in entries if each.name == name or each.name.startswith(f"{name}.")]
    return next((each.repository for each in found), "")


def _missing(repository: str, *, described: bool) -> str:
    try:
        check_name(repository)
    except BadModel:
        return repository  # asked for, and then refused with its sentence
    if not described:
        return "" if cached(repository) else repository
    whole = cached(repository, (*FILES, INDEX)) and cached(repository, CONFIGS)
    return "" if whole else repository
