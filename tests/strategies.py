"""Hypothesis strategies for what the package works on."""

from itertools import permutations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_segen.core.imagespec import CHANNEL, FRAME, SPACE, ImageSpec
from napari_segen.core.parameters import describe

IMAGE_DTYPES = ("bool", "uint8", "uint16", "int16", "int32", "float32", "float64")
ALL_AXES = tuple(
    "".join(order)
    for n in range(2, 7)
    for order in permutations(SPACE + FRAME + CHANNEL, n)
    if {"y", "x"} <= set(order)
)


def shapes(ndim: int = 2, min_side: int = 1, max_side: int = 12):
    return st.tuples(*[st.integers(min_side, max_side)] * ndim)


@st.composite
def images(draw, shape=None, dtype=None):
    """An image with values all over its type's range, finite."""
    shape = draw(shapes()) if shape is None else shape
    dtype = np.dtype(draw(st.sampled_from(IMAGE_DTYPES)) if dtype is None else dtype)
    if dtype.kind == "f":
        elements = st.floats(-1e6, 1e6, width=32)
        return draw(hnp.arrays(dtype, shape, elements=elements))
    return draw(hnp.arrays(dtype, shape))


@st.composite
def scribbles(draw, shape=None, max_class=5):
    """Scribbles of at least two classes; most pixels are unlabelled."""
    shape = draw(shapes(min_side=2)) if shape is None else shape
    values = st.integers(0, max_class)
    marks = draw(hnp.arrays(np.int64, shape, elements=values, fill=st.just(0)))
    first, second = draw(
        st.lists(st.integers(1, max_class), min_size=2, max_size=2, unique=True)
    )
    marks.flat[[0, -1]] = first, second
    return marks


@st.composite
def specs(draw, axes=None):
    """An ImageSpec with any axes in any order, with or without a pixel size."""
    axes = draw(st.sampled_from(ALL_AXES)) if axes is None else axes
    n_space = sum(a in SPACE for a in axes)
    sizes = st.tuples(*[st.floats(0.01, 100.0)] * n_space)
    return ImageSpec(axes, draw(st.none() | sizes))


@st.composite
def tile_specs(draw, ndim=None):
    """Arguments of `tile_grid`: shape, tile shape and halo, of any proportion."""
    ndim = draw(st.integers(2, 3)) if ndim is None else ndim
    return (
        draw(shapes(ndim, 1, 12)),
        draw(shapes(ndim, 1, 15)),
        draw(shapes(ndim, 0, 15)),
    )


@st.composite
def params_of(draw, params_class, narrower):
    """Parameters that a class allows; `narrower` has limits for some of them."""
    drawn = {}
    for p in describe(params_class):
        low, high = narrower.get(p.name, (p.low, p.high))
        if p.options is not None:
            drawn[p.name] = draw(st.sampled_from(p.options))
        elif p.annotation is int:
            drawn[p.name] = draw(st.integers(low, high))
        else:
            drawn[p.name] = draw(st.floats(low, high))
    return params_class(**drawn)
