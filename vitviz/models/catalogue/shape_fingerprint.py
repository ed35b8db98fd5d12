"""A network's shapes as a short mark: files of the same architecture have the same one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from torch import Tensor

_VARIES = re.compile(
    r"^(head|head_dist|fc|classifier)\b|pos_embed|_pos$|rel_pos|relative_|attn_mask|attention_bias"
    r"|freqs|rope|patch_embed\.proj\.weight|num_batches_tracked"
)
"""What classes, input size or patch size change in one and the same architecture."""


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """12 hex digits of all names and shapes, but those that classes and sizes change."""
    lines = sorted(
        f"{key}:{tuple(value.shape)}" for key, value in state.items() if not _VARIES.search(key)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
