"""Which axes, sizes and margins the network of a package takes and gives."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.cnn.labelled import mirror
from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import SPACE, Array

# About the pixels along a tile's sides where the network takes any number.
TILE_PX = {2: 1024, 3: 96}
# A tile is at least so many times as wide as what is cut off on one side.
LEAST_MARGINS = 4
# More at once fills the memory; nobody but a hostile description asks for it.
MAX_TILE_PX = 2**28
BATCH, CHANNEL = "batch", "channel"


@dataclass(frozen=True, slots=True)
class Side:
    """One axis of space.

    Parameters
    ----------
    least, step : int
        Sizes that the network takes: ``least + n * step``; a step of 0: no other.
    margin : int
        Pixels of the input on each side that have no answer, or no good one.
    cut : int
        How many of these the output still has.
    pixel_size : float
    unit : str, optional
    """

    least: int
    step: int
    margin: int
    cut: int
    pixel_size: float
    unit: str | None

    def size(self, n: int, about: int) -> int:
        """Size of the tiles that an axis of `n` pixels is cut into."""
        wanted = min(n + 2 * self.margin, max(about, LEAST_MARGINS * self.margin))
        wanted = max(wanted, 2 * self.margin + 1)
        n_steps = -(-max(0, wanted - self.least) // self.step) if self.step else 0
        return self.least + n_steps * self.step


@dataclass(frozen=True, slots=True)
class Layout:
    """The axes of input and output.

    Parameters
    ----------
    axes, out_axes : tuple of str
        As the description names them, in its order.
    roles, out_roles : tuple of str
        What each is: ``batch``, ``channel``, ``z``, ``y`` or ``x``.
    sides : tuple of Side
        Of the axes of space, in the order z y x.
    n_channels, n_answers : int
        Channels of input and output.
    names : tuple of str
        Of the output's channels.
    padding : mapping
        How to go on beyond the image's border.
    """

    axes: tuple[str, ...]
    out_axes: tuple[str, ...]
    roles: tuple[str, ...]
    out_roles: tuple[str, ...]
    sides: tuple[Side, ...]
    n_channels: int
    n_answers: int
    names: tuple[str, ...]
    padding: Mapping[str, Any]

    @property
    def ndim(self) -> int:
        """Axes of space."""
        return len(self.sides)

    @property
    def space(self) -> str:
        """Axes of space, in the order in which arrays have them here."""
        return SPACE[-self.ndim :]

    def tensor(self, x: Array) -> Array:
        """Arrange ``(C, *S)`` as the network's input."""
        return _arranged(x, self.space, self.roles)

    def answer(self, x: Array) -> Array:
        """Arrange ``(K, *S)`` as the network's output."""
        return _arranged(x, self.space, self.out_roles)

    def planes(self, tensor: Array, roles: Sequence[str]) -> Array:
        """Arrange an input or output of the network as ``(C, *S)``."""
        at = [roles.index(a) for a in self.space]
        more = [i for i, role in enumerate(roles) if role not in SPACE]
        # A batch of one, and channels if there are any: one axis.
        moved = tensor.transpose([*more, *at])
        return moved.reshape(-1, *moved.shape[len(more) :])

    def tile_shape(self, size: Sequence[int]) -> tuple[int, ...]:
        """Size of the tiles for an image of this size, with their margins."""
        about = TILE_PX[self.ndim]
        shape = tuple(s.size(n, about) for s, n in zip(self.sides, size, strict=True))
        if math.prod(shape) > MAX_TILE_PX:
            raise ModelFileError(f"its network would take {shape} pixels at once.")
        return shape


def _arranged(x: Array, space: str, roles: Sequence[str]) -> Array:
    full = [BATCH, CHANNEL, *space]
    x = x[np.newaxis]
    for role in (BATCH, CHANNEL):
        if role not in roles:
            x = x.take(0, axis=full.index(role))
            full.remove(role)
    return np.ascontiguousarray(x.transpose([full.index(role) for role in roles]))


def layout_of(given: Any, answer: Any) -> Layout:
    """Read the axes of the input's and the output's description.

    Raises
    ------
    ModelFileError
        Where they are not of a network that labels the pixels of an image.
    """
    roles, out_roles = _roles(given, "input"), _roles(answer, "output")
    space = [a for a in SPACE if a in roles]
    if set(out_roles) & set(SPACE) != set(space):
        raise ModelFileError("its output has other axes of space than its input.")
    sides = tuple(
        _side(given, given.axes[roles.index(a)], answer.axes[out_roles.index(a)])
        for a in space
    )
    names = _channels(answer, out_roles)
    pad = getattr(given, "pad", None)
    return Layout(
        tuple(str(a.id) for a in given.axes),
        tuple(str(a.id) for a in answer.axes),
        roles,
        out_roles,
        sides,
        len(_channels(given, roles)),
        len(names),
        names,
        # What the specification's own software does where nothing is said.
        {"mode": "symmetric"} if pad is None else pad.model_dump(),
    )


def _roles(tensor: Any, what: str) -> tuple[str, ...]:
    found = []
    for axis in tensor.axes:
        role = axis.type if axis.type in (BATCH, CHANNEL) else str(axis.id)
        if axis.type not in (BATCH, CHANNEL, "space") or (
            axis.type == "space" and role not in SPACE
        ):
            raise ModelFileError(
                f"its {what} has the axis {str(axis.id)!r} of the type {axis.type!r}; "
                "batch, channel, z, y and x are supported."
            )
        found.append(role)
    if len(set(found)) != len(found) or not {"y", "x"} <= set(found):
        raise ModelFileError(f"its {what} has the axes {', '.join(found)}.")
    return tuple(found)


def _channels(tensor: Any, roles: Sequence[str]) -> tuple[str, ...]:
    if CHANNEL not in roles:
        return ("",)
    return tuple(map(str, tensor.axes[roles.index(CHANNEL)].channel_names))


def _side(given: Any, axis: Any, out: Any) -> Side:
    size, out_size, name = axis.size, out.size, str(axis.id)
    if axis.scale != out.scale:
        raise ModelFileError(f"its output has pixels of another size along {name!r}.")
    if isinstance(size, int):
        least, step = size, 0
    elif hasattr(size, "step"):
        least, step = size.min, size.step
    else:
        raise ModelFileError(f"its size along {name!r} hangs on another axis.")
    if isinstance(out_size, int) and step == 0:
        offset = out_size - least
    elif (
        getattr(out_size, "tensor_id", None) == given.id and out_size.axis_id == axis.id
    ):
        offset = out_size.offset
    else:
        raise ModelFileError(
            f"its output's size along {name!r} does not follow the input's."
        )
    if offset > 0 or offset % 2:
        raise ModelFileError(f"its output is {offset} pixels larger along {name!r}.")
    cut = getattr(out, "halo", 0)
    margin = cut - offset // 2
    if step == 0 and least <= 2 * margin:
        raise ModelFileError(f"its margins leave nothing of its size along {name!r}.")
    unit = None if axis.unit is None else str(axis.unit)
    return Side(least, step, margin, cut, float(axis.scale), unit)


def read_padded(
    image: Array,
    corner: Sequence[int],
    shape: Sequence[int],
    padding: Mapping[str, Any],
) -> Array:
    """Read a window ``(C, *shape)`` of an image ``(C, *S)`` that goes on as told."""
    places = [np.arange(c, c + s) for c, s in zip(corner, shape, strict=True)]
    mode = padding["mode"]
    at = [BEYOND[mode](p, n) for p, n in zip(places, image.shape[1:], strict=True)]
    pixels: tuple[Any, ...] = (slice(None), *np.ix_(*at))
    window: Array = image[pixels]
    if mode == "constant":
        for axis, (p, n) in enumerate(zip(places, image.shape[1:], strict=True), 1):
            outside = np.flatnonzero((p < 0) | (p >= n))
            window[(slice(None),) * axis + (outside,)] = padding["value"]
    return window


def _edge(at: Array, n: int) -> Array:
    return np.clip(at, 0, n - 1)


def _symmetric(at: Array, n: int) -> Array:
    at = at % (2 * n)
    return np.where(at < n, at, 2 * n - 1 - at)


# Which pixel is shown at each place along an axis of n pixels.
BEYOND = {
    "reflect": mirror,
    "symmetric": _symmetric,
    "edge": _edge,
    "constant": _edge,
}
