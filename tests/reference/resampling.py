"""Reading a pixel between pixels, straight from the formula."""

import math

import numpy as np


def mirrored(i, n):
    """Walk back from the border."""
    while not 0 <= i < n:
        i = -i if i < 0 else 2 * (n - 1) - i
        if n == 1:
            return 0
    return i


def linear(plane, y, x):
    """Weigh the four neighbours by their nearness."""
    height, width = plane.shape
    total = 0.0
    for i in (math.floor(y), math.floor(y) + 1):
        for j in (math.floor(x), math.floor(x) + 1):
            weight = (1 - abs(y - i)) * (1 - abs(x - j))
            total += weight * plane[mirrored(i, height), mirrored(j, width)]
    return total


def nearest(plane, y, x, beyond):
    i, j = math.floor(y + 0.5), math.floor(x + 0.5)
    inside = 0 <= i < plane.shape[0] and 0 <= j < plane.shape[1]
    return plane[i, j] if inside else beyond


def each(function, plane, rows, columns, *more):
    """Read `plane` at every place of two arrays."""
    places = zip(rows.flat, columns.flat, strict=True)
    flat = [function(plane, y, x, *more) for y, x in places]
    return np.reshape(flat, rows.shape)
