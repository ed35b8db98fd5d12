"""Small models that read pictures and words, with random weights, as transformers saves them."""

from __future__ import annotations

import pytest
import torch

WORDS = ["<pad>", "<end>", "<unk>", "a", "red", "parrot", "rock", "photo", "of", "cat"]
VISION = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "image_size": 64,
    "patch_size": 16,
}
TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 8,
    "pad_token_id": 0,
    "bos_token_id": 3,
    "eos_token_id": 1,
}


def saved_towers(kind, folder):
    """A small model of both sides, its processor and a tokenizer, saved in a folder."""
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    torch.manual_seed(1)
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing("$0 <end>", special_tokens=[("<end>", 1)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    size = {"height": 64, "width": 64}
    if kind == "clip":
        config = transformers.CLIPConfig(vision_config=VISION, text_config=TEXT, projection_dim=24)
        model = transformers.CLIPModel(config)
        processor = transformers.CLIPImageProcessor(size={"shortest_edge": 64}, crop_size=size)
    else:
        config = transformers.SiglipConfig(
            vision_config=VISION, text_config={**TEXT, "hidden_size": 48, "projection_size": 48}
        )
        model = transformers.SiglipModel(config)
        torch.nn.init.constant_(model.logit_bias, -3.0)
        torch.nn.init.constant_(model.logit_scale, 2.0)
        processor = transformers.SiglipImageProcessor(size=size)
    for each in (model, processor, tokenizer):
        each.save_pretrained(folder)
    return model.eval(), processor, tokenizer
