"""A model as somebody asks for it: its name and all that changes what it computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vitviz.core.data import weight_files
from vitviz.core.data.intervention import Intervention
from vitviz.core.data.said_facts import NOTHING_SAID, SaidFacts
from vitviz.core.data.weight_files import is_in_memory
from vitviz.core.pictures.picture_files import SUFFIXES


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A model with all that changes what it computes; None and "auto" leave the choice to vitviz.

    `name` is what `vitviz.load` takes: a bundled name, a timm name or a checkpoint's path; or that of
    a model in memory. `fit` says how a picture gets the model's shape: centre crop, padding, or
    squashing. `facts` are what somebody says of it, `change` is a what-if of its passes.
    """

    name: str
    patch_size: int | None = None
    input_size: int | tuple[int, int] | None = None
    fit: Literal["crop", "pad", "squash"] = "crop"
    device: str = "auto"
    precision: str = "auto"
    architecture: str | None = None
    pretrained: bool = True
    facts: SaidFacts = NOTHING_SAID
    change: Intervention | None = None

    @property
    def model(self) -> ModelRequest:
        """The same without what concerns the picture only: what a loaded model is kept under."""
        return replace(self, fit="crop", facts=replace(self.facts, prompts=()), change=None)

    @property
    def words(self) -> str:
        """What to call it: a bundled or timm name, or a checkpoint's file name."""
        name = weight_files.shown_name(self.name)
        return f"{name}, patch {self.patch_size}" if self.patch_size else name


def checkpoint_request(now: ModelRequest, path: str) -> ModelRequest:
    """A file's model, on the device and with the fit that there are now; nothing is said of it."""
    return ModelRequest(path, fit=now.fit, device=now.device, precision=now.precision)


def is_checkpoint(name: str | Path) -> bool:
    """Whether a name is that of weights, a file or a folder of them, rather than a picture's.

    What is called a picture is not looked into: an album of thousands is sorted at once.
    """
    if is_in_memory(name):
        return False
    return not str(name).lower().endswith(SUFFIXES) and weight_files.is_checkpoint(name)
