"""Where modules and types of vitviz 0.1 are now, so that plugins written for it keep working.

A plugin that says `from vitviz.core.drawing import Drawing` gets `vitviz.core.data.drawing`'s. Only the
rooms that plugins import are listed: core, models, views.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MOVED = {
    "core.attention": "core.data.attention",
    "core.cka": "core.measures.cka",
    "core.compare": "core.measures.overlap",
    "core.cost": "core.measures.cost",
    "core.distance": "core.measures.distance",
    "core.drawing": "core.data.drawing",
    "core.evidence": "core.data.evidence",
    "core.geometry": "core.data.geometry",
    "core.images": "core.pictures.picture_files",
    "core.inside": "core.data.block_steps",
    "core.intervention": "core.data.intervention",
    "core.pairs": "core.measures.token_pairs",
    "core.patterns": "core.measures.einops_pattern",
    "core.pca": "core.measures.pca",
    "core.pixels": "core.pictures.upright_pixels",
    "core.plots": "core.data.plots",
    "core.recipe": "core.data.recipe",
    "core.rollout": "core.measures.rollout",
    "core.selection": "core.data.selection",
    "core.sharing": "core.drawings.shared_ranges",
    "core.sheet": "core.drawings.drawing_sheet",
    "core.similarity": "core.measures.similarity",
    "core.stages": "core.measures.stage_rollout",
    "core.tiles": "core.drawings.tiled_images",
    "core.trace": "core.data.trace",
    "core.unreadable": "core.pictures.unreadable",
    "core.windows": "core.data.windows",
    "core.words": "core.data.inner_words",
    "models.again": "models.probe.model_probe",
    "models.blocks": "models.probe.block_steps",
    "models.calls": "models.record.attention.lazy_attention",
    "models.catalogue": "models.catalogue.catalogue",
    "models.census": "models.catalogue.catalogue_build",
    "models.check": "models.model_check",
    "models.checkpoints": "models.loading.checkpoint.checkpoint_files",
    "models.difference": "models.record.attention.difference_attention",
    "models.download": "models.loading.hub.download",
    "models.formats": "models.loading.checkpoint.foreign_names",
    "models.guess": "models.loading.checkpoint.blueprint",
    "models.hardware": "models.loading.devices",
    "models.hub": "models.loading.hub.hub_files",
    "models.intervening": "models.probe.apply_intervention",
    "models.keeping": "models.record.tensor_arena",
    "models.labels": "models.loading.checkpoint.class_names",
    "models.lean": "models.loading.import_timm",
    "models.lens": "models.probe.logit_lens",
    "models.library": "models.loading.bundled",
    "models.loading": "models.loading.model_loading",
    "models.maps": "models.record.attention.kept_maps",
    "models.model": "models.loading.model",
    "models.own": "models.loading.own_networks",
    "models.places": "models.probe.position_signal",
    "models.preprocess": "models.loading.preprocess",
    "models.reading": "models.record.layers_from_calls",
    "models.recognise": "models.loading.checkpoint.recognise",
    "models.recorder": "models.record.recorder",
    "models.several": "models.tracing.batch_tracing",
    "models.shapes": "models.catalogue.shape_fingerprint",
    "models.sizes": "models.loading.model_sizes",
    "models.spread": "models.record.attention.spread_attention",
    "models.stems": "models.probe.patch_stem",
    "models.tnt_net": "models.nets.tnt",
    "models.tracing": "models.tracing.picture_tracing",
    "models.training": "models.catalogue.training_words",
    "models.verify": "models.record.verify",
    "models.weights": "models.loading.checkpoint.fill",
    "models.windowed": "models.record.attention.windowed_attention",
    "models.word_gradient": "models.probe.word_gradient",
    "models.words": "models.record.inner_attention",
    "views.asked": "views.shared.model_questions",
    "views.block": "views.layers.block",
    "views.cka": "views.compare.cka",
    "views.difference": "views.compare.difference",
    "views.distance": "views.attention.distance",
    "views.draw": "views.api",
    "views.embedding": "views.learn.embedding",
    "views.entropy": "views.attention.entropy",
    "views.features": "views.layers.features",
    "views.field": "views.learn.receptive_field",
    "views.heads": "views.attention.heads",
    "views.kept": "views.shared.cache_per_trace",
    "views.lens": "views.answers.lens",
    "views.matrix": "views.attention.matrix",
    "views.mosaic": "views.words.mosaic",
    "views.norms": "views.layers.norms",
    "views.pairs": "views.shared.two_traces",
    "views.parts": "views.shared.picture_layers",
    "views.patches": "views.learn.patches",
    "views.pattern": "views.learn.einops_pattern",
    "views.pools": "views.answers.pools",
    "views.positions": "views.positions.positions",
    "views.predictions": "views.answers.predictions",
    "views.reach": "views.words.reach",
    "views.rollout": "views.attention.rollout",
    "views.sentences": "views.shared.inner_sentences",
    "views.spread": "views.shared.heads_over_depth",
    "views.walk": "views.learn.tour",
    "views.whatif": "views.answers.whatif",
    "views.word_positions": "views.positions.word_positions",
    "views.words": "views.words.words",
}
"""Old module: new module, both below `vitviz`."""

RENAMED: dict[str, dict[str, str]] = {
    "core.cka": {"Features": "LayerSamples", "Batch": "SampleBatch"},
    "core.colors": {"Table": "ColorTable", "Scale": "ColorScale"},
    "core.compare": {"Axis": "OverlapAxis", "Cells": "CellValues", "Shares": "AxisShares"},
    "core.cost": {"Cost": "PassCost", "Dimensions": "ModelDimensions"},
    "core.distance": {"Rows": "AttentionRows"},
    "core.images": {"Source": "ImageSource"},
    "core.inside": {"Block": "BlockSteps", "Step": "BlockStep", "Stem": "PatchStem"},
    "core.intervention": {"Positions": "PositionChange"},
    "core.patterns": {"Order": "AxisOrder"},
    "core.pca": {"Samples": "SampleMatrix"},
    "core.recipe": {"Value": "RecipeValue", "Sheet": "PageRecipe", "Run": "RunRecipe"},
    "core.sharing": {"Ranges": "SharedRanges"},
    "core.trace": {"Asked": "LoadArguments", "Source": "ModelProbe"},
    "core.windows": {
        "Numbers": "WindowNumbers",
        "Tokens": "WindowTokens",
        "Windows": "TokenWindows",
    },
    "core.words": {"Words": "InnerWords"},
    "models.again": {"Features": "TokenFeatures", "Again": "TorchModelProbe"},
    "models.calls": {"Recorded": "LazyAttention"},
    "models.catalogue": {"Entry": "CatalogueEntry", "Catalogue": "ModelCatalogue"},
    "models.census": {"Size": "ModelSides"},
    "models.check": {"Checked": "CheckedModel"},
    "models.checkpoints": {"State": "StateDict"},
    "models.download": {"Remote": "RemoteFile"},
    "models.families": {"Positions": "PositionTable"},
    "models.formats": {"State": "ForeignState"},
    "models.guess": {"ModelBlueprint": "ModelBlueprint"},
    "models.intervening": {"Pixels": "RgbPixels"},
    "models.keeping": {"Keep": "KeepTensors", "Keeping": "TensorArena"},
    "models.loading": {"Size": "InputSides", "Wanted": "WantedModel", "Built": "BuiltModel"},
    "models.maps": {"Map": "KeptNumbers"},
    "models.preprocess": {"Prepared": "PreparedPicture"},
    "models.reading": {
        "Place": "CallPlacing",
        "Placed": "PlacedCall",
        "Loose": "UnplacedCall",
        "Reading": "TraceLayers",
        "Size": "GridSize",
    },
    "models.recognise": {"Recognised": "RecognisedFile", "How": "RecognisedBy"},
    "models.recorder": {
        "Row": "RecordedRow",
        "Call": "AttentionCall",
        "Recorder": "AttentionRecorder",
    },
    "models.several": {
        "Apart": "SeparateRecorder",
        "Asked": "RowRequest",
        "Several": "BatchTracing",
    },
    "models.tnt_net": {
        "Attention": "MultiHeadAttention",
        "Pair": "Sides",
        "Block": "TransformerBlock",
        "Words": "WordEmbedding",
    },
    "models.training": {"Learning": "TrainingFacts"},
    "models.verify": {"Compared": "ComparedOutputs"},
    "models.weights": {"Filled": "FilledWeights", "Match": "WeightMatch"},
    "views.options": {"Needs": "OptionNeeds", "Value": "OptionValue", "Help": "OptionHelp"},
    "views.parts": {"Map": "GridMap", "Rows": "HeadRows"},
    "views.spread": {"Over": "PicturesOver", "Spread": "HeadSpread"},
}
"""Old module: old name of a type: its name today."""


def renamed(old: str, new: str) -> Callable[[str], Any]:
    """A module's `__getattr__` that answers to the old names of what is in module `new`."""
    table = RENAMED.get(old, {})

    def find(name: str) -> Any:
        if new == old and name not in table:
            raise AttributeError(f"module 'vitviz.{old}' has no attribute {name!r}")
        return getattr(import_module(f"vitviz.{new}"), table.get(name, name))

    return find


class OldPaths(MetaPathFinder, Loader):
    """Finds modules under the paths that they had in vitviz 0.1; asked last, so it costs nothing."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a path that is no more; None for anything else."""
        old = fullname.removeprefix("vitviz.")
        return ModuleSpec(fullname, self) if old != fullname and old in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Lets the old module answer with what the new one has."""
        old = module.__name__.removeprefix("vitviz.")
        import_module(f"vitviz.{MOVED[old]}")
        vars(module)["__getattr__"] = renamed(old, MOVED[old])


def answer_to_old_paths() -> None:
    """Makes old paths importable, once."""
    if not any(isinstance(finder, OldPaths) for finder in sys.meta_path):
        sys.meta_path.append(OldPaths())
