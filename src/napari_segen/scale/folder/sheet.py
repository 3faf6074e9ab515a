"""Contact sheets: small pictures of many results, to look through in a minute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.archive import written_whole
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import ClassInfo, default_color
from napari_segen.core.normalization import channel_range, has_data
from napari_segen.workflows.files import writing

if TYPE_CHECKING:
    from PIL import Image

TILE_PX, CAPTION_PX, GAP_PX = 192, 18, 6
COLUMNS, ROWS = 6, 6
PER_PAGE = COLUMNS * ROWS
_STEP = TILE_PX + GAP_PX, TILE_PX + CAPTION_PX + GAP_PX
OPACITY = 0.4
_FONT_PX = 11
_PLAIN, _WARNING, _BACKGROUND = "#dddddd", "#ff9900", "#202020"

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet.

    Parameters
    ----------
    caption : str
    picture : uint8 array of shape (y, x, 3), optional
        None: there is no result.
    is_flagged : bool
        Whether the caption is in the colour of a warning.
    """

    caption: str
    picture: Rgb | None = None
    is_flagged: bool = False


def overlay(
    image: Array, labels: Array, spec: ImageSpec, info: dict[int, ClassInfo]
) -> Rgb:
    """Draw labels over an image, small: the middle plane of the middle frame.

    Parameters
    ----------
    image : array
        Of the axes of `spec`.
    labels : integer array
        0 is not drawn.
    spec : ImageSpec
    info : dict of int to ClassInfo
        Colours of classes.

    Returns
    -------
    uint8 array of shape (y, x, 3)
    """
    frames, marks = spec.frames(image), spec.label_frames(labels)
    frame, mark = frames[len(frames) // 2], marks[len(marks) // 2]
    if mark.ndim == 3:
        z = spec.space_axes.index("z")
        middle = mark.shape[z] // 2
        frame, mark = frame.take(middle, axis=z + 1), mark.take(middle, axis=z)
    if spec.space_axes.replace("z", "") == "xy":
        frame, mark = frame.swapaxes(1, 2), mark.T
    # Large images are thinned out; the rest is left to a better filter.
    step = max(max(mark.shape) // (2 * TILE_PX), 1)
    frame, mark = frame[:, ::step, ::step], mark[::step, ::step]
    values, number = np.unique(mark, return_inverse=True)
    colors = np.array([_rgb(int(v), info) for v in values])
    alpha = np.where(values == 0, 0, OPACITY)[number.reshape(mark.shape), np.newaxis]
    mixed = (1 - alpha) * _shown(frame) + alpha * colors[number.reshape(mark.shape)]
    shown: Rgb = np.rint(mixed).astype(np.uint8)
    return shown


def _rgb(value: int, info: dict[int, ClassInfo]) -> list[int]:
    # Neighbours among many objects get colours that can be told apart.
    color = info.get(value, ClassInfo()).color or default_color(value)
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def _shown(frame: Array) -> Array:
    """Return a plane ``(C, y, x)`` as ``(y, x, 3)``, 0 to 255; no-data is black."""
    low, span = channel_range(frame)
    there = has_data(frame[np.newaxis])[0]
    shape = (-1, 1, 1)
    values = np.where(there, frame, 0).astype(np.float64) - low.reshape(shape)
    values /= np.where(span > 0, span, 1).reshape(shape)
    values = np.where(there, values.clip(0, 1) * 255, 0)
    # Three channels are shown as colours, of others the first.
    picked = values if len(values) == 3 else values[[0, 0, 0]]
    return picked.transpose(1, 2, 0)


class Sheets:
    """Puts pictures on pages, and writes each page when it is full.

    Parameters
    ----------
    folder : Path
        Where ``overlays_01.png``, ... go.
    n : int
        How many pictures there will be.
    """

    def __init__(self, folder: Path, n: int) -> None:
        self._folder, self._n = folder, n
        self._tiles: list[Tile] = []
        self.paths: list[Path] = []

    def add(self, tile: Tile) -> None:
        """Take the next picture."""
        self._tiles.append(tile)
        done = len(self.paths) * PER_PAGE + len(self._tiles)
        if len(self._tiles) == PER_PAGE or done == self._n:
            path = self._folder / f"overlays_{len(self.paths) + 1:02d}.png"
            page = _page(self._tiles)
            with writing(path), written_whole(path) as file:
                page.save(file, "PNG")
            self.paths.append(path)
            self._tiles = []

    def drop_others(self) -> None:
        """Remove pages that an earlier run over more images has written."""
        for page in self._folder.glob("overlays_[0-9][0-9]*.png"):
            if page not in self.paths:
                page.unlink()


def _page(tiles: Sequence[Tile]) -> "Image.Image":
    from PIL import Image, ImageDraw, ImageFont

    n_columns = min(len(tiles), COLUMNS)
    n_rows = -(-len(tiles) // COLUMNS)
    size = (n_columns * _STEP[0] + GAP_PX, n_rows * _STEP[1] + GAP_PX)
    page = Image.new("RGB", size, _BACKGROUND)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_FONT_PX)
    for i, tile in enumerate(tiles):
        x = GAP_PX + i % COLUMNS * _STEP[0]
        y = GAP_PX + i // COLUMNS * _STEP[1]
        color = _WARNING if tile.is_flagged else _PLAIN
        text = _cut(tile.caption, lambda t: draw.textlength(t, font=font))
        draw.text((x, y), text, color, font)
        y += CAPTION_PX
        if tile.picture is None:
            draw.rectangle((x, y, x + TILE_PX - 1, y + TILE_PX - 1), outline=_WARNING)
            continue
        picture = Image.fromarray(tile.picture)
        picture.thumbnail((TILE_PX, TILE_PX), Image.Resampling.BOX)
        page.paste(picture, (x, y))
    return page


def tile_at(x: int, y: int, n_columns: int) -> int | None:
    """Return which picture of a page is at a pixel of it; None between pictures."""
    column, dx = divmod(x - GAP_PX, _STEP[0])
    row, dy = divmod(y - GAP_PX, _STEP[1])
    is_inside = 0 <= column < n_columns and 0 <= row < ROWS
    if not is_inside or dx >= TILE_PX or dy >= TILE_PX + CAPTION_PX:
        return None
    return row * COLUMNS + column


def _cut(text: str, width: Callable[[str], Any]) -> str:
    """Shorten a text to what fits over a picture."""
    if width(text) <= TILE_PX:
        return text
    while text and width(text + "…") > TILE_PX:
        text = text[:-1]
    return text + "…"
