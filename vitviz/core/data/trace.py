"""All that one model did with one picture, frozen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, cast

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image

from vitviz.core.counted import layer_name
from vitviz.core.data.attention import Attention
from vitviz.core.data.attribution import (
    AttributionMap,
    AttributionQuery,
    Fill,
    HeadImportance,
    HiddenAnswers,
    LogitLedger,
    TargetReading,
)
from vitviz.core.data.badge import Badge, ModelBadge, NumbersBadge, PlacesBadge, TokenPlaces
from vitviz.core.data.block_steps import BlockSteps, LayerVectors, PatchStem, SequenceStart
from vitviz.core.data.evidence import Evidence
from vitviz.core.data.geometry import Box, Crop, TokenGrid
from vitviz.core.data.inner_words import InnerWords
from vitviz.core.data.intervention import Intervention, LayerNeurons
from vitviz.core.data.lazy_field import Later, as_given, later, lazy_fields
from vitviz.core.data.picture_choice import AS_IT_IS, PictureChoice, PictureValues
from vitviz.core.data.prediction import Prediction, Scores
from vitviz.core.data.target import Target
from vitviz.core.data.weight_files import shown_name
from vitviz.core.data.windows import TokenWindows

PicturePixels = UInt8[np.ndarray, "row col rgb"]
SeenPixels = UInt8[np.ndarray, "seen_row seen_col rgb"]
Weights = Literal["trained", "untrained", "partly loaded"]
Fit = Literal["crop", "pad", "squash"]
"""How a picture gets the model's shape."""
LoadArguments = tuple[tuple[str, str | int | float | bool | tuple[int | float, ...]], ...]
"""Arguments by name."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model is, in words and numbers for headers and captions.

    >>> info = model.info
    >>> info.title, info.family, info.weights, info.parameters
    ('test_vit', 'vit', 'untrained', 371240)
    >>> info.patch, info.input_size, info.depth, info.heads, info.dim, info.classes
    ((16, 16), (160, 160), 6, 2, 64, 1000)
    >>> [(each.fact, each.certainty) for each in info.evidence]
    [('architecture', 'known'), ('mean and std', 'known')]

    `name` is what `vitviz.load` takes; `patch` and `input_size` are (rows, cols) in model pixels;
    `source` says where the weights came from; `weights_hash` is empty for untrained weights.
    `notes` are sentences a user must know ("patch 12 resampled from 16, not trained at this size").
    `asked` are the arguments of `vitviz.load` that changed it (patch_size, input_size, ...).
    `evidence` says of each fact that maps depend on how it is known; what is assumed is said
    wherever the model is shown. `multi_label` says that a picture may be of several classes or of
    none; `prompts`, where there are any, are what it is compared with in place of classes, which
    a model can be asked for that `reads_prompts`. `mean`
    and `std` are what pictures of values 0 to 1 are normalised by.
    """

    name: str
    title: str
    family: str
    architecture: str
    weights: Weights
    patch: tuple[int, int]
    input_size: tuple[int, int]
    depth: int
    heads: int
    dim: int
    parameters: int
    classes: int
    device: str
    precision: str
    source: str = ""
    licence: str = ""
    weights_hash: str = ""
    notes: tuple[str, ...] = ()
    asked: LoadArguments = ()
    evidence: tuple[Evidence, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    multi_label: bool = False
    prompts: tuple[str, ...] = ()
    reads_prompts: bool = False

    @property
    def scores(self) -> Scores:
        """How its logits are read: softmax over two or more classes, unless each is for itself.

        One prompt of a model that chooses among prompts is answered with its cosine.
        """
        if self.prompts and self.classes == 1 and not self.multi_label:
            return "cosine"
        return "sigmoid" if self.multi_label or self.classes == 1 else "softmax"

    @property
    def said(self) -> tuple[str, ...]:
        """What somebody said of it that no picture's size shows, one clause each: "mean 0.5"."""
        sizes = ("patch_size", "input_size")
        return tuple(f"{name} {value}" for name, value in self.asked if name not in sizes)

    @property
    def resampled(self) -> bool:
        """Whether it runs at sizes that it was not trained at; `notes` say what was resampled."""
        return any("resampled" in note for note in self.notes)

    @property
    def called(self) -> str:
        """What to call it in sentences and figures: its name, a checkpoint's without the folder."""
        return shown_name(self.name)


def key_of_pixels() -> str:
    """The key of a picture that nobody has asked for yet."""
    return cast(str, later(picture_key))


def picture_key(picture: Picture) -> str:
    """The SHA-256 of a picture's upright pixels (hex)."""
    digest = hashlib.sha256(repr(picture.pixels.shape).encode())
    digest.update(np.ascontiguousarray(picture.pixels).data)
    return digest.hexdigest()


def decoded_pixels(image: Image.Image) -> PicturePixels:
    """An image that is upright and RGB as a read-only array; made when somebody first looks."""
    return cast("PicturePixels", DecodedImage(image))


class DecodedImage(Later):
    """A picture's pixels while they are as Pillow has them."""

    __slots__ = ("image",)

    def __init__(self, image: Image.Image) -> None:
        """`image` is upright and RGB; its array is made at the first look."""
        # Not a method of its own: a megabyte would lie in a circle until somebody collects garbage.
        super().__init__(partial(_pixels_of, image))
        self.image = image


def _pixels_of(image: Image.Image, _picture: Picture) -> PicturePixels:
    found: PicturePixels = np.asarray(image, np.uint8)
    found.setflags(write=False)
    return found


@lazy_fields("pixels", "key")
@dataclass(frozen=True, eq=False)
class Picture:
    """An opened picture: upright RGB pixels and where they came from.

    >>> trace.picture
    <Picture array: 90 rows x 120 columns>
    >>> trace.picture.pixels.shape, trace.picture.size, len(trace.picture.key)
    ((90, 120, 3), (90, 120), 64)

    `pixels` are uint8 (row col rgb). `key` is the SHA-256 of the upright pixels (hex), the same for
    the same picture from any file, made when it is first asked for where none is given;
    `orientation` is the EXIF value that was applied; `note` says what was done to open it ("first
    of 12 frames", "16 bit reduced to 8"). `choice` is what of the file was opened, of `pages` pages
    or frames and `bands` bands; `values` are the numbers that became 8 bits, None where they were 8
    bits already or are too many to keep. What was decoded stays as Pillow has it until `pixels` are
    asked for: a model that resizes it needs no array.
    """

    name: str
    path: str
    pixels: PicturePixels
    key: str
    orientation: int = 1
    note: str = ""
    choice: PictureChoice = AS_IT_IS
    values: PictureValues | None = None
    pages: int = 1
    bands: int = 3
    every: PictureValues | None = None
    """All bands of a file that has more than colours, where they are not too many to keep."""

    @property
    def image(self) -> Image.Image:
        """The same for Pillow. Must not be written to."""
        given = as_given(self, "pixels")
        return given.image if isinstance(given, DecodedImage) else Image.fromarray(self.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        given = as_given(self, "pixels")
        if isinstance(given, DecodedImage):
            return given.image.height, given.image.width
        return self.pixels.shape[0], self.pixels.shape[1]

    def __repr__(self) -> str:
        """In a line, for notebooks."""
        rows, cols = self.size
        return f"<Picture {self.name}: {rows} rows x {cols} columns>"


@dataclass(frozen=True, slots=True)
class Layer:
    """One recorded attention call, with the module it belongs to and the tokens it is over.

    >>> layer = trace.layers[-1]
    >>> layer.name, layer.block, layer.number
    ('blocks.5.attn', 5, 6)
    >>> layer.attention.heads, layer.grid.tokens, layer.keys.tokens
    (2, 101, 101)

    `name` is the module's path in the model ("blocks.3.attn"), `block` its index in depth. `grid`
    are the tokens that look; `pooled` those that they look at, where they are others (pooled keys,
    another branch), None where they are the same. `windows` says which tokens attend together, None
    where all do. `before` is the softmax, where the model changed it before it met the values
    (mixed heads). `number` counts through all attention calls from 1, those that could not be
    placed too; 0 where nobody counted.
    """

    name: str
    block: int
    attention: Attention
    grid: TokenGrid
    pooled: TokenGrid | None = None
    windows: TokenWindows | None = None
    before: Attention | None = None
    number: int = 0

    @property
    def keys(self) -> TokenGrid:
        """The tokens that are looked at."""
        return self.pooled or self.grid

    @property
    def shares(self) -> Attention:
        """The attention whose rows are shares of a whole: the softmax, before heads are mixed."""
        return self.before or self.attention


@dataclass(frozen=True, slots=True)
class Matrix:
    """One recorded attention call whose map lies on no picture: between channels, or of unknown tokens.

    `rows` and `cols` name what its axes are ("channel", "token"), `why` says in a clause why it is not
    laid over the picture. Its heads are `groups` times the model's own, group by group.
    `number` as in `Layer`.
    """

    name: str
    block: int
    attention: Attention
    rows: str
    cols: str
    why: str
    groups: int = 1
    number: int = 0


class ModelProbe(Protocol):
    """The model with what it read, asked again for what a trace does not hold.

    Every question is another pass, so it is slow, made on demand and remembered for a while.
    """

    def features(self) -> Float32[np.ndarray, "layer token dim"]:
        """Every token after each block, before the final norm.

        Unsupported, with the reason, where blocks change the number of tokens or cannot be found.
        """

    def word_gradient(self, label: int | None = None) -> Float32[np.ndarray, "sentence word"]:
        """How strongly a class's logit (None: the likeliest) depends on each word: the norm of the
        gradient with respect to the words as they are embedded, before the first inner block.

        Unsupported for a model without words or without a head.
        """

    @property
    def labels(self) -> tuple[str, ...]:
        """What the head's classes are called; () where nobody knows."""

    def logits(
        self, features: Float32[np.ndarray, "token dim"]
    ) -> Float32[np.ndarray, "token label"]:
        """What the head would say of any tokens (rows of `features()`), each in place of all that it
        reads after the last layer. Unsupported where there is no head of the tokens alone.
        """

    def readout(self) -> Float32[np.ndarray, "layer label"]:
        """What the head would say of each layer's tokens together, as it reads the last layer's: the
        last row is the model's answer. Unsupported where there is no head of the tokens alone.
        """

    def block(self, layer: int) -> BlockSteps:
        """The block of a layer step by step. Unsupported where its steps cannot be told apart."""

    def vectors(self, layer: int) -> LayerVectors:
        """Queries, keys and values of a layer. Unsupported where its attention is no fused call over
        the picture's tokens.
        """

    def stem(self) -> PatchStem:
        """The patch embedding as convolution and as matrix. Unsupported where it is another stem."""

    def sequence(self) -> SequenceStart:
        """What the first block reads, taken apart: prefix tokens, patches, and what is added to them.
        Unsupported where it is no such sum.
        """

    def rotations(self, layer: int) -> Float32[np.ndarray, "patch angle"]:
        """Sine and cosine of every angle by which a patch's q and k are turned. Unsupported without."""

    def position_bias(self, layer: int) -> Float32[np.ndarray, "head query key"]:
        """What a layer adds to its scores, whatever the picture: between the tokens of its grid, or
        between the slots of each of its windows. Unsupported where nothing is added.
        """

    def attribution(self, query: AttributionQuery) -> AttributionMap:
        """Which patches a target depends on, by one method. Unsupported where the method or the target
        does not fit the model; VitvizError for a class or layer that is not there.
        """

    def attribution_randomised(self, query: AttributionQuery, stages: int) -> AttributionMap:
        """The same map with so many parts of the model at random: the head, then the last block, ..."""

    def target_reading(self, target: Target) -> TargetReading:
        """Where a target's number stands in the model's answers. Errors as `attribution`."""

    def ledger(self, target: Target) -> LogitLedger:
        """A target as what heads, MLPs and embedding gave to it. Unsupported where it is no sum."""

    def head_importance(
        self, target: Target, replaced_by: Literal["zero", "mean"]
    ) -> HeadImportance:
        """How a target changes when each head's output is replaced. Unsupported where heads cannot be
        told apart.
        """

    def hidden_answers(
        self, target: Target, hidden: Bool[np.ndarray, "pass patch"], fill: Fill
    ) -> HiddenAnswers:
        """What the model answers with patches hidden, a row for each row of `hidden` (True: hidden)."""

    def register_neurons(self, count: int, threshold: float) -> LayerNeurons:
        """The (layer, neuron) of MLPs that write outliers; Unsupported where no patch sticks out."""

    def what_if(self, change: Intervention) -> Trace:
        """The trace of the same picture with something changed. Unsupported where it cannot be done."""


@lazy_fields("seen")
@dataclass(frozen=True, eq=False)
class Trace:
    """All that one model did with one picture; equal only to itself.

    >>> trace
    <Trace of array by test_vit: 10 x 10 patches behind class, 6 layers, ✓ verified ...>
    >>> len(trace.layers), trace.heads, trace.grid.prefix
    (6, 2, ('class',))
    >>> trace.pixels.shape, trace.positions.shape  # (row col rgb), (patch dim)
    ((160, 160, 3), (100, 64))
    >>> rows = trace.layers[5].attention.rows(trace.grid.token(7, 7))  # where patch (7, 7) looks
    >>> rows[:, trace.grid.patches].shape  # (head key), without the class token
    (2, 100)
    >>> trace.verified < 1e-4
    True

    `layers` are its attention calls from first to last: `layers[i].attention.rows(query)` is (head
    key), `.matrix(head)` (query key), both float32; `grid` says which token is where. `pixels` is
    what the model read, before normalisation. `seen` is the same part of the picture at higher
    resolution for display, made at the first look, and `seen_box` where it lies in model pixels
    (smaller than the frame where the model saw padding). `positions` are the position embeddings of
    the patch tokens as added for this picture, None where there are none; `positions_note` says in
    a clause why, or what else tells places apart.

    `predictions` are the likeliest classes, best first, () without a head (`predictions_note`).
    `verified` is the largest relative error of attention @ v against the modules' own output over
    the sampled queries of the `compared` calls; of `taken` calls the softmax is the module's own.
    `refused` has one sentence for each call whose map is not shown. `places` says how it is known
    where tokens are; `badge` puts all of this together with what is known of the model.

    `pools` are recorded calls with one query of their own that reads the tokens (attention pooling,
    class attention); they are no layers, since no token looks out of them. `matrices` are recorded
    calls that lie on no picture; where there are no layers they are all there is. `abreast` says in
    a clause which layers run side by side, "" where each reads what the one before it gave. `words`
    is the inner level of a TNT, None elsewhere. `source` asks the model again; None once it is
    gone. `fit` says how the picture got the model's shape, `intervention` what was changed about
    the pass. `seconds` is what the pass took, `held_bytes` what the trace keeps.
    """

    model: ModelInfo
    picture: Picture
    pixels: UInt8[np.ndarray, "row col rgb"]
    seen: SeenPixels
    seen_box: Box
    crop: Crop
    grid: TokenGrid
    layers: tuple[Layer, ...]
    verified: float
    positions: Float32[np.ndarray, "patch dim"] | None = None
    positions_note: str = ""
    predictions: tuple[Prediction, ...] = ()
    predictions_note: str = ""
    refused: tuple[str, ...] = ()
    seconds: float = 0.0
    held_bytes: int = 0
    pools: tuple[Layer, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    words: InnerWords | None = None
    abreast: str = ""
    source: ModelProbe | None = None
    fit: Fit = "crop"
    intervention: Intervention | None = None
    compared: int = 0
    taken: int = 0
    places: TokenPlaces = "family"

    def __repr__(self) -> str:
        """In a line, for notebooks: its arrays would fill pages."""
        grid = self.grid
        many = (
            f"{len(grid.prefix)} other tokens" if len(grid.prefix) > 6 else ", ".join(grid.prefix)
        )
        behind = f" behind {many}" if grid.prefix else ""
        return (
            f"<Trace of {self.picture.name} by {self.model.called}: {grid.rows} x {grid.cols} patches"
            f"{behind}, {len(self.layers)} layers, {self.badge.words}>"
        )

    @property
    def badge(self) -> Badge:
        """How the numbers, the places and the model are known."""
        model = self.model
        return Badge(
            NumbersBadge(self.compared, self.taken, self.verified, model.precision, self.refused),
            PlacesBadge(self.places, len(self.matrices) if self.layers else 0),
            ModelBadge(model.evidence, model.weights == "partly loaded"),
        )

    @property
    def depths(self) -> int:
        """Layers to choose from; matrices, else pools, where none is among tokens of the picture."""
        return len(self._chosen_from)

    @property
    def heads(self) -> int:
        """Heads of the widest of them."""
        return max((each.attention.heads for each in self._chosen_from), default=0)

    def number(self, layer: int) -> int:
        """What a layer is called, from 1: its place among all attention calls, placed or not."""
        chosen = self._chosen_from
        found = chosen[layer].number if 0 <= layer < len(chosen) else 0
        return found or layer + 1

    def layer_name(self, layer: int, start: str = "layer") -> str:
        """The same in words: "layer 3"."""
        return layer_name(self.number(layer) - 1, start)

    @property
    def calls(self) -> int:
        """Attention calls from first to last, those that could not be placed too."""
        numbers = [each.number for each in self.layers]
        numbers += [each.number for each in self.matrices]
        return max(len(self.layers), *numbers) if numbers else 0

    @property
    def _chosen_from(self) -> tuple[Layer | Matrix, ...]:
        return self.layers or self.matrices or self.pools
