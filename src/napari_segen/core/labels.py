"""Label values, class names and colours, and the types they are stored in."""

import colorsys
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array

_COLOR = re.compile("#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")
# Told apart by most colour-blind people, on dark and bright images: Okabe and Ito's.
_FIRST = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#cc79a7",
    "#d55e00",
    "#0072b2",
    "#b2df8a",
)
_GOLDEN = 0.618034


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """What the user calls a class, and its colour as ``"#rrggbb"``."""

    name: str = ""
    color: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.color, str):
            raise TypeError(
                f"name and color must be strings, got {self.name!r}, {self.color!r}."
            )
        if self.color and not _COLOR.fullmatch(self.color):
            raise ValueError(f"color must be like '#ff8800', got {self.color!r}.")


def default_color(value: int) -> str:
    """Colour of class `value` as ``"#rrggbb"``, unless the user chooses another."""
    if value < 1:
        return "#808080"
    if value <= len(_FIRST):
        return _FIRST[value - 1]
    rgb = colorsys.hsv_to_rgb(value * _GOLDEN % 1, 0.65, 0.95)
    return "#" + "".join(f"{round(255 * x):02x}" for x in rgb)


@dataclass(frozen=True, slots=True)
class Segmentation:
    """All that a segmenter says of one image.

    Parameters
    ----------
    posterior : float32 array of shape (K, *S)
    labels : array of shape (*S)
        The most probable class's value; 0 where there is no data.
    uncertainty : float32 array of shape (*S)
        Entropy of the posterior over log K; 1 where there is no data.
    novelty : float32 array of shape (*S), optional
        How unlike anything labelled a pixel is, where that was asked for.
    """

    posterior: Array
    labels: Array
    uncertainty: Array
    novelty: Array | None = None


def smallest_unsigned(largest: int) -> npt.DTypeLike:
    """Return the smallest unsigned type that holds `largest`."""
    return np.min_scalar_type(largest)


def numbered(ids: Array) -> Array:
    """Renumber objects 1..n in the order of their ids; 0 stays 0.

    Parameters
    ----------
    ids : array of integers from 0 on, of any shape

    Returns
    -------
    array of the same shape, of the smallest unsigned type
    """
    if int(ids.max()) <= 4 * ids.size:
        # Much faster than sorting all pixels.
        occurs = np.bincount(ids.ravel().astype(np.int64, copy=False)) > 0
        occurs[0] = False
        table: Array = np.cumsum(occurs) * occurs
        return table.astype(smallest_unsigned(int(occurs.sum())))[ids]
    found, inverse = np.unique(ids, return_inverse=True)
    is_object = found != 0
    numbers: Array = np.cumsum(is_object) * is_object
    dtype = smallest_unsigned(int(is_object.sum()))
    return numbers.astype(dtype)[inverse.reshape(ids.shape)]


def best_class(posterior: Array, classes: Array, no_data: Array | None = None) -> Array:
    """Label each pixel with its most probable class.

    Parameters
    ----------
    posterior : array of shape (K, *S)
    classes : array of shape (K,)
        Class values in ascending order.
    no_data : bool array of shape (*S), optional
        Pixels that get the label 0.

    Returns
    -------
    array of shape (*S), the smallest unsigned type
    """
    dtype = smallest_unsigned(int(classes.max()))
    values, top = classes.astype(dtype), posterior[0].copy()
    labels: Array = np.full(top.shape, values[0])
    # Class by class: NumPy's argmax along the first axis takes many times longer.
    for value, p in zip(values[1:], posterior[1:], strict=True):
        better = p > top
        np.copyto(top, p, where=better)
        np.copyto(labels, value, where=better)
    if no_data is not None:
        labels[no_data] = 0
    return labels


def entropy_over_log_k(posterior: Array) -> npt.NDArray[np.float32]:
    """Return the uncertainty of a posterior ``(K, *S)``: entropy over log K, 0 to 1."""
    entropy = np.zeros(posterior.shape[1:], np.float32)
    # Class by class: all at once takes several times the posterior's memory.
    for p in posterior:
        p = np.clip(p, np.finfo(np.float32).tiny, 1)
        entropy -= p * np.log(p)
    entropy /= np.float32(np.log(len(posterior)))
    return np.clip(entropy, 0, 1, out=entropy)


def class_info_json(classes: Array, info: dict[int, ClassInfo]) -> list[dict[str, Any]]:
    """Return values, names and colours of the classes as JSON values."""
    known = [(int(v), info.get(int(v), ClassInfo())) for v in classes]
    return [{"value": v, "name": i.name, "color": i.color} for v, i in known]


def class_info_from_json(
    data: list[dict[str, Any]],
) -> tuple[Array, dict[int, ClassInfo]]:
    """Read what `class_info_json` wrote: class values, and their names and colours.

    Raises ValueError or TypeError where it is not of this kind.
    """
    info = {_class_value(d["value"]): ClassInfo(d["name"], d["color"]) for d in data}
    if len(info) != len(data):
        raise ValueError("a class stands twice in the table of classes.")
    values = np.array(sorted(info), dtype=np.int64)
    return values, {v: i for v, i in info.items() if i != ClassInfo()}


def _class_value(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= np.iinfo(np.int64).max:
        raise ValueError(f"a class has the value {value!r}.")
    return value
