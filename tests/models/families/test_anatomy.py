"""Where a model's parts are is asked in families alone, and answered alike for every one of them."""

from __future__ import annotations

import ast

import pytest
import timm
from test_rooms import PACKAGE
from torch import nn

import vitviz
from vitviz.models.families import anatomy_of
from vitviz.models.families.anatomy import attention_anatomy, block_anatomy

ALLOWED = {
    "attribution/gradient_ready.py": "torch's compiler, and what it puts around a module",
    "attribution/output_gradients.py": "fields of a recorded call, by a list of their names",
    "library_check.py": "configurations of transformers",
    "loading/architectures/facts.py": "torch's own norms and activations",
    "loading/checkpoint/quantised.py": "kinds of numbers that this torch has",
    "loading/checkpoint/torch_file.py": "kinds of numbers, and builtins, in a file that is read",
    "loading/hub/download.py": "kinds of errors of a library that is imported late",
    "loading/import_timm.py": "a module that is imported when it is asked",
    "loading/live/called_module.py": "any module in memory, and what it answers with",
    "loading/live/picture_size.py": "configurations of any library's module",
    "loading/live/wrapped_encoder.py": "what torch puts around a module",
    "loading/sources/open_clip_text.py": "open_clip's models",
    "loading/sources/transformers_models.py": "transformers and its configurations",
    "loading/sources/transformers_text.py": "transformers' models and configurations",
    "model_check.py": "compiled code of classes",
}
"""Files of models that ask by name for something that is no part of a timm network, and for what."""


def test_only_families_ask_networks_for_their_parts_by_name() -> None:
    models = PACKAGE / "models"
    asking = {
        path.relative_to(models).as_posix()
        for path in models.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
    }
    assert {name for name in asking if not name.startswith(("families/", "nets/"))} == set(ALLOWED)


@pytest.mark.parametrize(
    ("name", "blocks", "patch", "prefixes", "heads"),
    [
        ("vit_tiny_patch16_224", 12, (16, 16), 1, 3),
        ("deit_tiny_distilled_patch16_224", 12, (16, 16), 2, 3),
        ("beit_base_patch16_224", 12, (16, 16), 1, 12),
        ("swin_tiny_patch4_window7_224", 0, (4, 4), 0, 24),
    ],
)
def test_the_parts_of_a_model_are_where_its_family_says(
    name: str, blocks: int, patch: tuple[int, int], prefixes: int, heads: int
) -> None:
    module = timm.create_model(name, num_classes=5)
    found = anatomy_of(module)
    assert (len(found.blocks), found.patch, found.prefixes) == (blocks, patch, prefixes)
    assert (found.heads, found.classes, found.channels or 3) == (heads, 5, 3)
    assert found.picture == (224, 224)
    assert found.head is not None
    assert len(found.stage_blocks()) == 12
    for block in found.stage_blocks():
        parts = block_anatomy(block)
        asked = attention_anatomy(parts.attention)
        assert parts.is_plain
        assert asked is not None
        assert asked.is_joined
        assert asked.qkv is not None


def test_a_tnt_has_words_in_front_of_its_blocks_and_in_them() -> None:
    model = vitviz.load("tnt_s_patch16_224", pretrained=False, depth=2)
    found = anatomy_of(model.module)
    assert found.words is found.embed is not None
    assert found.patch == (16, 16)
    parts = block_anatomy(found.blocks[0])
    assert parts.attention is found.blocks[0].attn_out
    assert parts.words["attn_in"] is found.blocks[0].attn_in


def test_a_model_of_no_known_family_has_what_goes_by_the_usual_names() -> None:
    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks, self.num_classes = nn.ModuleList([nn.Identity()]), 7

    found = anatomy_of(Plain())
    assert (len(found.blocks), found.classes, found.embed, found.heads) == (1, 7, None, 0)
