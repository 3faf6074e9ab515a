"""A table of what can be measured of each object."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_segen.core.checks import check_image, check_labels, check_spec
from napari_segen.core.imagespec import FRAME, Array, ImageSpec, infer_spec
from napari_segen.core.labels import numbered
from napari_segen.core.steps import Steps, each_steps, run
from napari_segen.objects.outlines import perimeters, solidities_steps
from napari_segen.objects.sums import Sums, sums_steps

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, Array]


def measure(
    labels: Any, image: Any = None, spec: ImageSpec | None = None
) -> "pd.DataFrame":
    """Measure the size, place, shape and brightness of objects.

    Parameters
    ----------
    labels : integer array of shape (*S)
        Object ids, 0 = background, as `instances` returns them. What has the same id
        in one frame is one object, connected or not.
    image : array, optional
        Of the axes that `spec` says; to measure brightness in. Pixels that are not
        finite are left out.
    spec : ImageSpec, optional
        Axes of the image, and the pixel size. Without it all axes are space, but for
        a last one of 3 or 4 channels that only the image has.

    Returns
    -------
    pandas.DataFrame
        A row for each object in each time point or separate image, in order of frame
        and label. ``attrs["units"]`` has the unit of each column that has one.

    Notes
    -----
    The columns:

    ``label``, and ``t`` or ``n`` where the labels have these axes
        Which object it is, and the index of its frame.
    ``pixels``, and ``area`` or, of volumes, ``volume``
        Number of pixels, and their size in the unit of the pixel size.
    ``centroid_y``, ...
        Mean of its pixels' positions: index times pixel size.
    ``start_y``, ``stop_y``, ...
        Bounding box in pixels, `stop` being outside.
    ``equivalent_diameter``
        Of the disc or ball of the same size.
    ``major_axis``, ``minor_axis``
        Longest and shortest axis of the ellipse or ellipsoid with the same spread.
    ``eccentricity``
        Of these two axes: 0 for a disc or ball, towards 1 for a line.
    ``solidity``
        Share of its convex hull that it fills.
    ``perimeter``, ``circularity``
        Length of the outline, as `skimage.measure.perimeter` estimates it, and
        ``4 pi area / perimeter**2``, about 0.9 for large discs, less for others; of
        planes of square pixels only. Where there is no perimeter, as in a single
        pixel, the circularity is NaN.
    ``mean``, ``min``, ``max``
        Brightness; ``mean_0``, ``mean_1``, ... where the image has channels.
    """
    return run(measure_steps(labels, image, spec))


def measure_steps(
    labels: Any, image: Any = None, spec: ImageSpec | None = None
) -> Steps["pd.DataFrame"]:
    """Do what `measure` does, in steps."""
    ids = check_labels(labels, "labels")
    picture = None if image is None else check_image(image)
    spec = _checked_spec(ids, picture, spec)
    frames = spec.label_frames(ids)
    pictures = None if picture is None else spec.frames(picture)

    def frame_steps(i: int) -> Steps[Columns]:
        own = None if pictures is None else pictures[i]
        return (yield from _frame_steps(frames[i], own, spec))

    per_frame = yield from each_steps(range(len(frames)), frame_steps)
    return table_of(per_frame, spec, ids.shape)


def table_of(
    per_frame: list[Columns], spec: ImageSpec, shape: tuple[int, ...]
) -> "pd.DataFrame":
    """Put the columns of the frames of labels of `shape` into one table."""
    import pandas as pd

    columns = _frame_columns(spec, shape, [len(c["label"]) for c in per_frame])
    for name in per_frame[0]:
        columns[name] = np.concatenate([c[name] for c in per_frame])
    # The label comes first, then where in a series it is.
    order = ["label", *(name for name in columns if name != "label")]
    table = pd.DataFrame({name: columns[name] for name in order})
    table.attrs["units"] = _units(order, spec)
    return table


def _frame_steps(ids: Array, image: Array | None, spec: ImageSpec) -> Steps[Columns]:
    """Measure the objects of one frame ``(*S)``."""
    numbers = numbered(ids)
    n = int(numbers.max())
    values = np.zeros(n + 1, np.int64)
    values[numbers] = ids
    boxes = ndimage.find_objects(numbers)
    sums = yield from sums_steps(numbers, n, image, spec.sampling)
    columns = {"label": values[1:], **_size_and_place(sums, spec), **_spread(sums)}
    columns["solidity"] = yield from solidities_steps(numbers, boxes)
    if spec.n_space == 2 and len(set(spec.sampling)) == 1:
        length = perimeters(numbers, n) * spec.sampling[0]
        columns["perimeter"] = length
        # Straight and single pixels have no outline to speak of.
        known = np.where(length > 0, length, np.nan)
        columns["circularity"] = 4 * np.pi * columns["area"] / known**2
    return columns | _brightness(sums, spec)


def columns_of_sums(sums: Sums, spec: ImageSpec) -> Columns:
    """Return those columns of `measure` that need no more than sums over pixels."""
    return _size_and_place(sums, spec) | _spread(sums) | _brightness(sums, spec)


def _brightness(sums: Sums, spec: ImageSpec) -> Columns:
    columns: Columns = {}
    for c in range(sums.brightness.shape[1]):
        at = "" if spec.channel_axis is None else f"_{c}"
        for k, name in enumerate(("mean", "min", "max")):
            columns[f"{name}{at}"] = sums.brightness[:, c, k]
    return columns


def _size_and_place(sums: Sums, spec: ImageSpec) -> Columns:
    size = sums.size * float(np.prod(spec.sampling))
    columns = {"pixels": sums.size, _size_name(spec): size}
    for axis, letter in enumerate(spec.space_axes):
        columns[f"centroid_{letter}"] = sums.centroid[:, axis]
    for axis, letter in enumerate(spec.space_axes):
        for k, end in enumerate(("start", "stop")):
            columns[f"{end}_{letter}"] = sums.box[:, axis, k]
    if spec.n_space == 2:
        diameter = np.sqrt(4 * size / np.pi)
    else:
        diameter = np.cbrt(6 * size / np.pi)
    return columns | {"equivalent_diameter": diameter}


def _spread(sums: Sums) -> Columns:
    """Axes of the ellipse or ellipsoid whose spread is that of the object."""
    d = sums.covariance.shape[-1]
    variances = np.maximum(np.linalg.eigvalsh(sums.covariance), 0)
    # In a full ellipsoid the variance along an axis is its half squared over d + 2.
    axes = 2 * np.sqrt((d + 2) * variances)
    minor, major = axes[:, 0], axes[:, -1]
    ratio = np.divide(minor, major, out=np.ones_like(minor), where=major > 0)
    return {
        "major_axis": major,
        "minor_axis": minor,
        "eccentricity": np.sqrt(1 - ratio**2),
    }


def _frame_columns(
    spec: ImageSpec, shape: tuple[int, ...], counts: list[int]
) -> Columns:
    """Index of each row's frame along the axes t and n."""
    axes = [a for a in spec.label_axes if a in FRAME]
    sizes = [shape[spec.label_axes.index(a)] for a in axes]
    frame = np.repeat(np.arange(len(counts)), counts)
    at = np.unravel_index(frame, sizes) if axes else ()
    return dict(zip(axes, at, strict=True))


def _size_name(spec: ImageSpec) -> str:
    return "area" if spec.n_space == 2 else "volume"


def _units(columns: list[str], spec: ImageSpec) -> dict[str, str]:
    """Name the unit of each column that has one."""
    lengths = {"equivalent_diameter", "major_axis", "minor_axis", "perimeter"}
    lengths |= {f"centroid_{a}" for a in spec.space_axes}
    pixels = {f"{end}_{a}" for end in ("start", "stop") for a in spec.space_axes}
    unit = dict.fromkeys(lengths, spec.unit) | dict.fromkeys(pixels, "pixel")
    unit[_size_name(spec)] = f"{spec.unit}^{spec.n_space}"
    return {name: unit[name] for name in columns if name in unit}


def _checked_spec(
    labels: Array, image: Array | None, spec: ImageSpec | None
) -> ImageSpec:
    """Return the axes of the image, or of the labels where there is none."""
    check_spec(spec)
    if image is None:
        if spec is None:
            return infer_spec(labels.shape, labels.shape)
        own = ImageSpec(spec.label_axes, spec.pixel_size, spec.unit)
        own.check_shape(labels.shape, "labels")
        return own
    if spec is None:
        spec = infer_spec(image.shape, labels.shape)
    if labels.shape != (wanted := spec.label_shape(image.shape)):
        raise ValueError(
            f"labels must have the shape {wanted} to match the image of shape "
            f"{image.shape}, got {labels.shape}."
        )
    return spec
