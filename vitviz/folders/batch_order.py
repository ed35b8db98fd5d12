"""What to make of every picture of a folder: the one order that the API and the command line give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice
from vitviz.core.data.trace import Fit
from vitviz.core.progress import VitvizError
from vitviz.views import View
from vitviz.views.api import Token
from vitviz.views.options import OptionValue

if TYPE_CHECKING:
    from vitviz.figures.paper import PaperStyle
    from vitviz.models import Model

NumbersFile = Literal["npz", "csv", "parquet"]
"""How arrays are written: files beside each other, or one data set for all pictures."""


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What to make of every picture.

    `views` are views with their options; `kinds` the files of each ("png", "npz"). Arrays are written
    as `numbers` says: `rows` one token's attention of all layers and heads, `features` all tokens
    after each block, `logits` the head's answer, `qkv` queries, keys and values of all layers.
    `token`, `layer` and `head` are as `vitviz.draw` takes them. `shard` is (I, N): the I-th of N shares
    of the folder. `size` pictures go through the model at once; `workers` read and write beside it.
    `choice` says which page and bands of a file are the picture; `anew` makes again what is finished.
    """

    model: Model
    folder: Path
    out: Path
    _: KW_ONLY
    views: tuple[tuple[View, Mapping[str, OptionValue]], ...] = ()
    kinds: tuple[str, ...] = ("png",)
    rows: bool = False
    features: bool = False
    logits: bool = False
    qkv: bool = False
    numbers: NumbersFile = "npz"
    token: Token = None
    layer: int | None = None
    head: int | None = None
    fit: Fit = "crop"
    paper: PaperStyle | None = None
    one_range: bool = False
    shard: tuple[int, int] = (1, 1)
    size: int = 8
    workers: int = 2
    choice: PictureChoice = AS_IT_IS
    anew: bool = False

    def __post_init__(self) -> None:
        if not self.views and not self.arrays:
            raise VitvizError(
                "say what to make of every picture: a view, rows, features, logits or qkv"
            )
        if self.size < 1 or self.workers < 1:
            raise VitvizError(
                "a batch has 1 picture or more, and 1 worker or more beside the model"
            )

    @property
    def arrays(self) -> tuple[str, ...]:
        """Which arrays are written."""
        every = {
            "attention": self.rows,
            "features": self.features,
            "logits": self.logits,
            "qkv": self.qkv,
        }
        return tuple(name for name, wanted in every.items() if wanted)

    @property
    def table(self) -> bool:
        """Whether arrays go into one data set for all pictures."""
        return bool(self.arrays) and self.numbers == "parquet"

    @property
    def endings(self) -> tuple[str, ...]:
        """What the files of a picture are called behind its name."""
        figures = [f"{view.name}.{kind}" for view, _ in self.views for kind in self.kinds]
        arrays = [] if self.table else [f"{name}.{self.numbers}" for name in self.arrays]
        return (*figures, *arrays)

    @property
    def settings(self) -> dict[str, Any]:
        """All that changes what is written, in plain data: two orders with the same make the same."""

        from vitviz.figures.paper import PaperStyle

        info = self.model.info
        return {
            "model": info.called,
            "weights": info.weights_hash or info.weights,
            "patch": info.patch,
            "input size": info.input_size,
            "precision": info.precision,
            "fit": self.fit,
            "views": {view.name: dict(values) for view, values in self.views},
            "kinds": sorted(self.kinds),
            "rows": self.rows,
            "token": self.token,
            "layer": self.layer,
            "head": self.head,
            "one range": self.one_range,
            "paper": asdict(self.paper or PaperStyle()),
            "folder": str(self.folder.resolve()),
            **self.choice.said,
            **({"said": list(info.said)} if info.said else {}),
            **({} if self.plain_rows else {"arrays": self.arrays, "numbers": self.numbers}),
        }

    @property
    def plain_rows(self) -> bool:
        """Whether rows in files of their own are all the arrays there are."""
        return self.numbers == "npz" and self.arrays in ((), ("attention",))
