"""Lets timm import torchvision beside a torch of another build, when torchvision is first wanted.

torchvision registers nms and qnms from its own binary, which only loads beside the torch that it was
built for, and its Python part fails without them. vitviz uses no operator of torchvision, so these
two are declared, without anything behind them: whoever called one would be told so. torch is
imported with torchvision and not before, because the window comes first.
"""

import sys
from typing import Any


class _Declare:
    """A finder that finds nothing: it sees torchvision being imported and declares what is missing."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch

            library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            vars(sys)["_vitviz_torchvision"] = library  # what is declared lives as long as this


sys.meta_path.insert(0, _Declare())
