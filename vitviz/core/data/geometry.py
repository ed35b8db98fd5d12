"""Where things are: original picture, model pixels and tokens, exact both ways.

Three coordinate systems, all `(row, col)`, continuous, with pixel `i` covering `[i, i + 1)`:

- *original*: the upright picture, as a person sees it (after the EXIF turn);
- *model*: the pixels the model reads, after resize, crop or pad;
- *tokens*: integers in the order of the sequence, prefix tokens first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Spot:
    """A point, in pixels from the top left corner; fractions are inside a pixel.

    >>> from vitviz.core.data.geometry import Spot
    >>> trace.crop.to_original(Spot(80, 80))
    Spot(row=45.0, col=60.0)
    """

    row: float
    col: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; `bottom` and `right` are exclusive.

    >>> from vitviz.core.data.geometry import Box, Spot
    >>> box = Box(0, 0, 16, 32)
    >>> box.height, box.width, box.centre
    (16, 32, Spot(row=8.0, col=16.0))
    >>> box.contains(Spot(0, 0)), box.contains(Spot(16, 0))
    (True, False)
    >>> box.clip(Box(8, 8, 100, 100))
    Box(top=8, left=8, bottom=16, right=32)
    """

    top: float
    left: float
    bottom: float
    right: float

    @property
    def height(self) -> float:
        """Rows covered."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """Columns covered."""
        return self.right - self.left

    @property
    def centre(self) -> Spot:
        """The point in the middle."""
        return Spot((self.top + self.bottom) / 2, (self.left + self.right) / 2)

    def contains(self, spot: Spot) -> bool:
        """Whether the spot lies inside; the top and left edges belong to the box."""
        return self.top <= spot.row < self.bottom and self.left <= spot.col < self.right

    def clip(self, other: Box) -> Box:
        """The part that both boxes share; of zero size where they do not meet."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Box(top, left, max(top, bottom), max(left, right))


@dataclass(frozen=True, slots=True)
class Crop:
    """What of the original picture the model really saw.

    >>> crop = trace.crop
    >>> crop.original, crop.model
    ((90, 120), (160, 160))
    >>> crop.seen_words, [round(side, 1) for side in (crop.seen.left, crop.seen.right)]
    ('68%', [17.1, 102.9])

    `model = original * scale + offset`, separately for rows and columns, so resize, centre crop
    (negative offset) and padding (positive offset) are one map that can be walked both ways.

    `original` and `model` are (rows, cols) in pixels; `orientation` is the file's EXIF value, 1 to
    8, that was applied to make the picture upright. Raises ValueError for sizes and scales that no
    picture has.
    """

    original: tuple[int, int]
    model: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[float, float] = (0.0, 0.0)
    orientation: int = 1

    def __post_init__(self) -> None:
        """ValueError for an EXIF orientation not 1 to 8, an empty picture, or a scale not above 0."""
        if self.orientation not in range(1, 9):
            raise ValueError(f"EXIF orientation must be 1 to 8, not {self.orientation}")
        if min(*self.original, *self.model) < 1 or min(self.scale) <= 0:
            raise ValueError(
                f"a crop needs sizes >= 1 and scales > 0; got original {self.original}, "
                f"model {self.model}, scale {self.scale}"
            )

    def to_model(self, spot: Spot) -> Spot:
        """Original pixels -> model pixels."""
        return Spot(
            spot.row * self.scale[0] + self.offset[0], spot.col * self.scale[1] + self.offset[1]
        )

    def to_original(self, spot: Spot) -> Spot:
        """Model pixels -> original pixels; may lie outside the picture where the model saw padding."""
        return Spot(
            (spot.row - self.offset[0]) / self.scale[0], (spot.col - self.offset[1]) / self.scale[1]
        )

    def box_to_model(self, box: Box) -> Box:
        """A box of original pixels, in model pixels."""
        start = self.to_model(Spot(box.top, box.left))
        end = self.to_model(Spot(box.bottom, box.right))
        return Box(start.row, start.col, end.row, end.col)

    def box_to_original(self, box: Box) -> Box:
        """A box of model pixels, in original pixels."""
        start = self.to_original(Spot(box.top, box.left))
        end = self.to_original(Spot(box.bottom, box.right))
        return Box(start.row, start.col, end.row, end.col)

    @property
    def frame(self) -> Box:
        """All model pixels."""
        return Box(0, 0, *self.model)

    @property
    def seen(self) -> Box:
        """The part of the original picture that reached the model, in original pixels."""
        return self.box_to_original(self.frame).clip(Box(0, 0, *self.original))

    @property
    def seen_share(self) -> float:
        """Seen area over the whole picture's area, 0 to 1."""
        rows, cols = self.original
        return self.seen.height * self.seen.width / (rows * cols)

    @property
    def seen_words(self) -> str:
        """The seen share in words; what is seen of a picture is never said to be nothing."""
        return "under 1%" if self.seen_share < 0.005 else f"{self.seen_share:.0%}"

    def within(self, box: Box) -> Crop:
        """The same picture with a box of model pixels as the whole frame, counted from its corner."""
        offset = (self.offset[0] - box.top, self.offset[1] - box.left)
        return replace(self, model=(round(box.height), round(box.width)), offset=offset)

    @property
    def stored(self) -> tuple[int, int]:
        """Rows and cols of the picture as it lies in the file, before the EXIF turn."""
        rows, cols = self.original
        return (cols, rows) if self.orientation >= 5 else (rows, cols)

    def to_stored(self, spot: Spot) -> Spot:
        """Original (upright) pixels -> pixels as they lie in the file."""
        rows, cols = self.original
        row, col = spot.row, spot.col
        turned = {
            1: (row, col),
            2: (row, cols - col),
            3: (rows - row, cols - col),
            4: (rows - row, col),
            5: (col, row),
            6: (cols - col, row),
            7: (cols - col, rows - row),
            8: (col, rows - row),
        }
        return Spot(*turned[self.orientation])

    def from_stored(self, spot: Spot) -> Spot:
        """Pixels as they lie in the file -> original (upright) pixels."""
        rows, cols = self.original
        row, col = spot.row, spot.col
        turned = {
            1: (row, col),
            2: (row, cols - col),
            3: (rows - row, cols - col),
            4: (rows - row, col),
            5: (col, row),
            6: (col, cols - row),
            7: (rows - col, cols - row),
            8: (rows - col, row),
        }
        return Spot(*turned[self.orientation])


ADDED_REGISTER = "added register"
"""The name of a token that is none of the model's own (a what-if)."""


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """Which token is where: `rows` x `cols` patches behind 0 to n named prefix tokens.

    >>> from vitviz.core.data.geometry import Spot, TokenGrid
    >>> grid = TokenGrid(10, 10, (16, 16), prefix=("class", "register 1"))
    >>> grid.tokens, grid.patches
    (102, slice(2, 102, None))
    >>> grid.token(0, 3), grid.place(5), grid.name(1)
    (5, (0, 3), 'register 1')
    >>> grid.box(5)
    Box(top=0, left=48, bottom=16, right=64)
    >>> grid.at(Spot(8, 50))
    5
    >>> grid.token(10, 0)
    Traceback (most recent call last):
    IndexError: patch (10, 0) is outside the grid of 10 x 10

    `patch` is the patch's (height, width) in model pixels, `stride` how far each begins from the
    one before it (None: patches lie side by side; smaller: they overlap, as PiT's do). `prefix` has
    the true names in order: "class", "distillation", "register 1", ... A register is never called a
    class token. `words` is how many (rows, cols) of words each patch is made of in a TNT, None
    where patches are not divided; `of_words` is the same for a grid whose places are words
    themselves (`word_grid`). Raises ValueError for a grid without patches.
    """

    rows: int
    cols: int
    patch: tuple[float, float]
    prefix: tuple[str, ...] = ()
    words: tuple[int, int] | None = None
    of_words: tuple[int, int] | None = None
    stride: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """ValueError for a grid without rows or cols, or a patch without pixels or words."""
        if self.rows < 1 or self.cols < 1 or min(self.patch) <= 0:
            raise ValueError(
                f"a token grid needs rows, cols >= 1 and a patch > 0; got {self.rows} x {self.cols}, "
                f"patch {self.patch}"
            )
        if self.words is not None and min(self.words) < 1:
            raise ValueError(f"a patch needs at least 1 x 1 words, not {self.words}")

    @property
    def tokens(self) -> int:
        """Length of the sequence: prefix tokens and patches."""
        return len(self.prefix) + self.rows * self.cols

    @property
    def patches(self) -> slice:
        """The patch tokens inside the sequence: `row[grid.patches]`."""
        return slice(len(self.prefix), self.tokens)

    @property
    def frame(self) -> Box:
        """The model pixels of the patches' cells: as large as the strides, around the patches' middles.

        Where patches lie side by side they are the patches.
        """
        top, left = self.corner
        height, width = self.cell
        return Box(top, left, top + self.rows * height, left + self.cols * width)

    @property
    def _whole(self) -> Box:
        """All model pixels that some patch covers."""
        (height, width), (down, across) = self.patch, self.cell
        return Box(0, 0, (self.rows - 1) * down + height, (self.cols - 1) * across + width)

    @property
    def cell(self) -> tuple[float, float]:
        """(height, width) of the pixels that are nearest to one patch's middle."""
        return self.stride or self.patch

    @property
    def corner(self) -> tuple[float, float]:
        """Where the first cell begins."""
        (height, width), (down, across) = self.patch, self.cell
        return (height - down) / 2, (width - across) / 2

    def token(self, row: int, col: int) -> int:
        """The token of patch (row, col). Raises IndexError outside the grid."""
        if not (0 <= row < self.rows and 0 <= col < self.cols):
            raise IndexError(
                f"patch ({row}, {col}) is outside the grid of {self.rows} x {self.cols}"
            )
        return len(self.prefix) + row * self.cols + col

    def place(self, token: int) -> tuple[int, int] | None:
        """(row, col) of a patch token; None for a prefix token. Raises IndexError out of range."""
        if not 0 <= token < self.tokens:
            raise IndexError(f"token {token} is outside the sequence of {self.tokens}")
        if token < len(self.prefix):
            return None
        return divmod(token - len(self.prefix), self.cols)

    def name(self, token: int) -> str:
        """What to call a token: "class", "register 2", or "(row, col)"; a word by its own row and
        column behind those of its patch.
        """
        place = self.place(token)
        if place is None:
            return self.prefix[token]
        if self.of_words is None:
            return f"({place[0]}, {place[1]})"
        (row, down), (col, across) = map(divmod, place, self.of_words)
        patch = "" if self.of_words == (self.rows, self.cols) else f"({row}, {col}) "
        return f"{patch}word ({down}, {across})"

    def box(self, token: int) -> Box | None:
        """The model pixels of a patch token; None for a prefix token."""
        place = self.place(token)
        if place is None:
            return None
        (height, width), (down, across), (row, col) = self.patch, self.cell, place
        return Box(row * down, col * across, row * down + height, col * across + width)

    def at(self, spot: Spot) -> int | None:
        """The patch token that covers a spot in model pixels; None outside the grid.

        Where several cover it, the one whose middle is nearest.
        """
        (top, left), (height, width) = self.corner, self.cell
        within = self.frame if self.stride is None else self._whole
        if not within.contains(spot):
            return None
        row = min(max(int((spot.row - top) // height), 0), self.rows - 1)
        col = min(max(int((spot.col - left) // width), 0), self.cols - 1)
        return self.token(row, col)

    def word_at(self, spot: Spot) -> int | None:
        """The word that covers a spot in model pixels, by its number in its patch; None elsewhere."""
        token = self.at(spot)
        box = None if token is None else self.box(token)
        if box is None or self.words is None:
            return None
        rows, cols = self.words
        row = min(int((spot.row - box.top) / box.height * rows), rows - 1)
        col = min(int((spot.col - box.left) / box.width * cols), cols - 1)
        return max(row, 0) * cols + max(col, 0)

    def word_box(self, token: int, word: int) -> Box | None:
        """The model pixels of a patch's word; None for a prefix token. IndexError out of range."""
        box = self.box(token)
        if box is None:
            return None
        rows, cols = self.words or (0, 0)
        if not 0 <= word < rows * cols:
            raise IndexError(f"word {word} is outside the {rows} x {cols} words of a patch")
        row, col = divmod(word, cols)
        # Shares of the whole side, so that the last word ends exactly where its patch does.
        top, bottom = (box.top + box.height * edge / rows for edge in (row, row + 1))
        left, right = (box.left + box.width * edge / cols for edge in (col, col + 1))
        return Box(top, left, min(bottom, box.bottom), min(right, box.right))

    def word_grid(self, *, alone: bool) -> TokenGrid:
        """The words as a grid of their own: those of one patch `alone`, from its corner on, or of all
        patches together. ValueError where patches are not divided.
        """
        if self.words is None:
            raise ValueError("the patches of this grid are not divided into words")
        rows, cols = self.words
        patch = (self.patch[0] / rows, self.patch[1] / cols)
        if not alone:
            rows, cols = rows * self.rows, cols * self.cols
        return TokenGrid(rows, cols, patch, of_words=self.words)

    @property
    def middle(self) -> int:
        """The patch token in the middle of the grid."""
        return self.token(self.rows // 2, self.cols // 2)
