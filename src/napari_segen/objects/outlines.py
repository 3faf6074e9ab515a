"""Shape of single objects: the length of the outline, the convex hull."""

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Step, Steps

Floats = npt.NDArray[np.float64]

# Length of the outline at a pixel of it, by how many of its neighbours belong to the
# outline: edges count 2, corners 10. Benkrid, Crookes: "Design and FPGA implementation
# of a perimeter estimator", 2000; scikit-image's `perimeter` has the same.
_LENGTHS = np.zeros(51)
_LENGTHS[[5, 7, 15, 17, 25, 27]] = 1
_LENGTHS[[21, 33]] = 2**0.5
_LENGTHS[[13, 23]] = (1 + 2**0.5) / 2
_OBJECTS_PER_STEP = 100


def perimeters(numbers: Array, n: int) -> Array:
    """Length of the outlines of objects 1 to `n` of a plane ``(Y, X)``, in pixels."""
    padded = np.pad(numbers, 1)
    beside = (slice(2, None), slice(1, -1), slice(None, -2))
    same = {
        (i, j): padded[beside[i], beside[j]] == numbers
        for i in range(3)
        for j in range(3)
    }
    inner = same[0, 1] & same[2, 1] & same[1, 0] & same[1, 2]
    outline = (numbers > 0) & ~inner
    framed = np.pad(outline, 1)
    code = np.ones(numbers.shape, np.uint8)
    for (i, j), is_same in same.items():
        if (i, j) != (1, 1):
            near = np.uint8(2 if 1 in (i, j) else 10)
            code += near * (is_same & framed[beside[i], beside[j]])
    return np.bincount(numbers[outline], _LENGTHS[code[outline]], n + 1)[1:]


def solidities_steps(numbers: Array, boxes: list[tuple[slice, ...]]) -> Steps[Floats]:
    """Compute which share of its convex hull each object fills.

    Parameters
    ----------
    numbers : int array of shape (*S)
    boxes : list of n tuples of slice
        Object i + 1 lies in box i.

    Returns
    -------
    float array of shape (n,)
        The hull is that of whole pixels, so that a box of pixels has 1.
    """
    found = np.ones(len(boxes))
    for i, box in enumerate(boxes):
        if i % _OBJECTS_PER_STEP == 0:
            yield Step(i, len(boxes), "Measuring shapes")
        found[i] = _solidity(numbers[box] == i + 1)
    return found


def _solidity(mask: Array) -> float:
    from scipy.spatial import ConvexHull

    size = int(mask.sum())
    if size == mask.size:
        return 1.0
    # The ends of each row suffice: what lies between is inside of any hull.
    first = mask & ~np.roll(mask, 1, axis=-1)
    first[..., 0] = mask[..., 0]
    last = mask & ~np.roll(mask, -1, axis=-1)
    last[..., -1] = mask[..., -1]
    at = np.argwhere(first | last)
    corners = np.indices((2,) * mask.ndim).reshape(mask.ndim, -1).T
    points = (at[:, np.newaxis] + corners).reshape(-1, mask.ndim)
    # Rounding must not make an object larger than its hull.
    return min(size / float(ConvexHull(points).volume), 1.0)
