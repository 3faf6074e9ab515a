"""Images and labels of a fit, checked and brought into one form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.labelled import (
    UNLABELLED,
    LabelledImage,
    class_index,
    labelled_images,
)
from napari_segen.core.checks import (
    Pair,
    as_list,
    check_class_values,
    check_pairs,
    warn_if_flat,
)
from napari_segen.core.imagespec import Array, ImageSpec, same_sizes
from napari_segen.core.normalization import Normalization, has_data

TASKS = ("classes", "instances")


@dataclass(frozen=True, slots=True)
class Problem:
    """What a network is to learn from.

    Parameters
    ----------
    spec : ImageSpec
    pairs : list of Pair
        Images and labels.
    label_shapes : list of tuple of int
        Of the labels as they were given.
    classes : int array of shape (K,)
        Values, ascending.
    order : int array of shape (K,)
        Training knows class ``classes[order[k]]`` as k: the order in which the classes
        first appear, so that other values make the same network.
    indices : list of int16 array of shape (N, *S)
        The k of each pixel, -1 where unlabelled or without data.
    """

    spec: ImageSpec
    pairs: list[Pair]
    label_shapes: list[tuple[int, ...]]
    classes: Array
    order: npt.NDArray[np.intp]
    indices: list[npt.NDArray[np.int16]]

    @property
    def n_channels(self) -> int:
        """How many channels the images have."""
        return int(self.pairs[0].frames.shape[1])

    def scale(self, mode: str) -> Normalization:
        """Learn how to scale the images."""
        return Normalization(mode).fit([p.frames for p in self.pairs])

    def images(
        self, ndim: int, scale: Normalization, teacher: list[Array] | None = None
    ) -> list[LabelledImage]:
        """List what a network that looks at `ndim` axes of space can learn from."""
        images = []
        for i, (pair, index) in enumerate(zip(self.pairs, self.indices, strict=True)):
            images += labelled_images(
                pair.frames,
                index,
                scale,
                ndim,
                None if teacher is None else teacher[i],
                series="t" in self.spec.axes,
            )
        return images

    def put_back(
        self, images: Sequence[LabelledImage], ndim: int
    ) -> list[npt.NDArray[np.uint8]]:
        """Bring labels of `images` (as `images` lists them) to scribbles.

        Returns
        -------
        list of array of the labels' shapes; 0 = unlabelled, 1..K = classes ascending
        """
        rest, scribbles = iter(images), []
        # Training's k, and -1 at the end, to the number of the class.
        number = np.append(self.order + 1, 0).astype(np.uint8)
        for pair, index in zip(self.pairs, self.indices, strict=True):
            parts = np.zeros(index.shape, np.uint8)
            shape = (-1, *index.shape[-ndim:])
            for part, known in zip(
                parts.reshape(shape), index.reshape(shape), strict=True
            ):
                if (known != UNLABELLED).any():
                    part[...] = number[next(rest).index]
            assert pair.labels is not None
            scribbles.append(parts)
        return scribbles


def make_problem(
    images: Any, labels: Any, spec: Any, unlabelled: int | None, task: str
) -> Problem:
    """Check images and labels, and find the classes.

    With ``task="instances"`` the labels are object ids, and the classes 0 and 1.
    """
    if unlabelled not in (None, 0):
        raise ValueError(f"unlabelled must be 0 or None, got {unlabelled!r}.")
    if labels is None:
        raise ValueError("labels is None: a network learns from labels only.")
    spec, pairs = check_pairs(
        images, labels, one_spec(spec, len(as_list(images))), labels_name="labels"
    )
    for pair in pairs:
        warn_if_flat(pair.frames)
    if task == "instances":
        if unlabelled is not None:
            raise ValueError(
                "unlabelled must be None with task='instances': 0 is the background "
                "there, and all objects must be marked. For strokes use "
                "task='classes', and napari_segen.instances on its posterior."
            )
        pairs = [Pair(p.frames, separated(p.labels)) for p in pairs]
    classes = _classes(pairs, unlabelled)
    check_class_values(classes, "labels")
    found = [
        class_index(p.frames, p.labels, classes, unlabelled)
        for p in pairs
        if p.labels is not None
    ]
    order = _first_seen(found, len(classes))
    rank = np.append(np.argsort(order), UNLABELLED).astype(np.int16)
    shapes = [spec.label_shape(np.shape(i)) for i in as_list(images)]
    return Problem(spec, pairs, shapes, classes, order, [rank[f] for f in found])


def one_spec(spec: Any, n_images: int) -> Any:
    """Bring a spec for each image to one for all.

    Raises
    ------
    ValueError
        Where axes or pixel sizes differ; it says which image's.
    """
    if not isinstance(spec, list | tuple):
        return spec
    if len(spec) != n_images or not all(isinstance(s, ImageSpec) for s in spec):
        raise ValueError(
            f"spec must be an ImageSpec, or one for each of the {n_images} images."
        )
    first = spec[0]
    for i, other in enumerate(spec):
        if other.axes != first.axes:
            raise ValueError(
                f"image {i} has the axes {other.axes!r}, but image 0 has "
                f"{first.axes!r}. All images of a fit must have the same axes."
            )
        alike = same_sizes(other.sampling, first.sampling)
        if other.unit != first.unit or not alike:
            raise ValueError(
                f"image {i} has pixels of {size_text(other)}, but image 0 of "
                f"{size_text(first)}. Rescale it first, or leave it out: a network "
                "learns how large things are in pixels."
            )
    return first


def size_text(spec: ImageSpec) -> str:
    """Say a pixel size, for a person."""
    return " x ".join(f"{s:.4g}" for s in spec.sampling) + f" {spec.unit}"


def separated(ids: Array | None) -> npt.NDArray[np.uint8]:
    """Tell objects ``(N, *S)`` from background; where two touch is background.

    A pixel with another object beside it is 0, so that objects lie apart.
    """
    assert ids is not None
    inside = ids > 0
    apart = inside.copy()
    for axis in range(1, ids.ndim):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        touch = inside[low] & inside[high] & (ids[low] != ids[high])
        apart[low] &= ~touch
        apart[high] &= ~touch
    return apart.astype(np.uint8)


def _classes(pairs: list[Pair], unlabelled: int | None) -> Array:
    """Class values of the pixels that hold data, ascending."""
    found = [np.zeros(0, np.int64)]
    for pair in pairs:
        assert pair.labels is not None
        values = np.unique(pair.labels[has_data(pair.frames)])
        found.append(values[values != unlabelled].astype(np.int64))
    return np.unique(np.concatenate(found))


def _first_seen(indices: list[Array], n_classes: int) -> npt.NDArray[np.intp]:
    """Positions of the classes, in the order of their first labelled pixels."""
    seen: list[int] = []
    for index in indices:
        values, first = np.unique(index, return_index=True)
        seen += [int(v) for v in values[np.argsort(first)]]
    order = [k for k in dict.fromkeys(seen) if k != UNLABELLED]
    assert len(order) == n_classes
    return np.array(order, np.intp)


def check_teacher(teacher: Any, problem: Problem) -> list[Array]:
    """Bring a teacher's posteriors to ``(N, K, *S)``, as training orders the classes.

    Where an image has no data its teacher says nothing.
    """
    given = as_list(teacher)
    if len(given) != len(problem.pairs):
        raise ValueError(
            f"teacher must be given for each image: {len(problem.pairs)} images, "
            f"{len(given)} posteriors."
        )
    return [
        _checked_teacher(f"teacher {i}", np.asarray(one), pair, problem)
        for i, (one, pair) in enumerate(zip(given, problem.pairs, strict=True))
    ]


def _checked_teacher(name: str, array: Array, pair: Pair, problem: Problem) -> Array:
    n_classes, spec = len(problem.classes), problem.spec
    n, _, *space = pair.frames.shape
    if array.ndim < 1 or len(array) != n_classes or array.dtype.kind != "f":
        raise ValueError(
            f"{name} must be a posterior (float) with the {n_classes} classes "
            f"{problem.classes.tolist()} on its first axis, got shape {array.shape} "
            f"and dtype {array.dtype}."
        )
    frames = np.stack(
        [spec.label_frames(array[k]) for k in problem.order], axis=1
    ).astype(np.float32)
    if frames.shape != (n, n_classes, *space):
        raise ValueError(f"{name} does not fit its image: its shape is {array.shape}.")
    if not (frames.min() >= 0 and frames.max() <= 1 + 1e-3):
        raise ValueError(f"{name} must hold probabilities from 0 to 1, without NaN.")
    frames *= has_data(pair.frames)[:, np.newaxis]
    return frames
