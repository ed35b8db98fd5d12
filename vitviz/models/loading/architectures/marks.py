"""Names and shapes of tensors as short marks, which files of the same architecture share."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

_TABLES = re.compile(
    r"(^|[._])pos_emb|_pos$|rel_pos|relative_position|attention_bias|freqs|rope|cpb_mlp\.\d$"
)
"""Tables whose rows count the places of a picture or window: their size is looked at later."""

_COMPUTED = re.compile(
    r"relative_position_index|relative_coords_table|attn_mask|bias_idxs|num_batches_tracked"
    r"|(^|\.)(periods|inv_freq|bands|pos_embed_cached|position_ids|k_bias)$|\.n_averaged$"
)
"""What a module computes for itself: some versions store it, others do not."""

_HEAD = re.compile(
    r"^(heads?(_dist)?|aux_head|fc|classifier|classif|last_linear|distillation_classifier)(\.|$)"
)
"""What makes classes, and what stands in for it after another training."""

ATTENTION_PATH = re.compile(
    r"rope|reg(ister)?_?token|storage|rel(ative)?_?pos|bias_mask|lora|gate|periods|freqs|pos(ition)?_?emb"
    r"|(cls|dist|class)_?token|class_embedding|attn_mask|(^|\.)scale|q_norm|k_norm|latent|qkv"
)
"""Words of tensors that change where a token looks: none of these may be left over."""

_HARMLESS = re.compile(
    r"^(\w*mask_tokens?|query_tokens|logit_scale|logit_bias)$|^(text|decoder|decode_head|projector)"
)
_OWN = re.compile(
    r"^(embeddings\.)?(\w*prompts?(_embed\w*|_tokens?)?|\w*tokens?|\w*att(ention|n)\w*)(\.(\d+|weight))*$"
)
"""What a network has beside its blocks to stand among the patches (prompts, detection tokens, further
registers) or to weigh them."""

FIRST = "patch_embed.proj.weight"


class Shaped(Protocol):
    """A tensor, or only its shape."""

    @property
    def shape(self) -> Iterable[int]:
        """The length of each axis."""
        ...


def is_head(key: str) -> bool:
    """Whether a tensor belongs to the classes alone."""
    return _HEAD.match(key) is not None


def is_computed(key: str) -> bool:
    """Whether a module can make the tensor for itself."""
    return _COMPUTED.search(key) is not None


def is_table(key: str) -> bool:
    """Whether a tensor's length follows from the picture's or the window's size."""
    return _TABLES.search(key) is not None


def is_on_path(key: str) -> bool:
    """Whether a tensor that is left over would have changed where tokens look.

    What lies inside a block does, whatever it is called.
    """
    if _HARMLESS.match(key) or is_head(key):
        return False
    inside = re.match(r"(blocks|layers|stages|encoder|patch_embed)\.", key) is not None
    return inside or bool(ATTENTION_PATH.search(key) or _OWN.match(key))


def groups(state: Mapping[str, Shaped], first: Iterable[str] = (FIRST,)) -> dict[str, str]:
    """The first component of the names -> a mark of all names and shapes below it.

    Left out is what classes, channels, patch and input size change in one and the same architecture;
    `first` are the kernels that see the picture's channels.
    """
    lines: dict[str, list[str]] = defaultdict(list)
    kernels = frozenset(first)
    for key, tensor in state.items():
        if is_head(key) or is_computed(key):
            continue
        shape = tuple(tensor.shape)
        if is_table(key):
            shape = ()
        elif key == FIRST and len(shape) == 4:
            shape = shape[:1]
        elif key in kernels:
            shape = (*shape[:1], *shape[2:])
        lines[key.split(".", 1)[0]].append(f"{key}:{shape}")
    return {top: _hash(sorted(each)) for top, each in lines.items()}


def exact(state: Mapping[str, Shaped]) -> str:
    """A mark of all names and shapes but the head's and what is computed."""
    return _hash(
        sorted(
            f"{key}:{tuple(tensor.shape)}"
            for key, tensor in state.items()
            if not (is_head(key) or is_computed(key))
        )
    )


def _hash(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:10]
