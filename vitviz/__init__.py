"""See inside vision transformers: `load` a model, `trace` a picture, `draw` a view, `save` a figure."""

from __future__ import annotations

__version__ = "0.1.0"
