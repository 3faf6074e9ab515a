"""Small OME-Zarr images and fitted models, for tests of what is larger than memory."""

from pathlib import Path

import numpy as np
import pytest

from napari_segen.core.imagespec import ImageSpec
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter


def spots(shape, seed=0, dtype=np.uint16):
    """Draw bright spots on a dim, uneven background."""
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    points = ndimage.gaussian_filter((rng.random(shape) > 0.995) * 1.0, 2.5)
    slope = np.linspace(100, 300, shape[-1])
    values = slope + 20_000 * points + rng.normal(0, 20, shape)
    return values.clip(0, 60_000).astype(dtype)


def strokes(image):
    """Paint some of the brightest pixels 2 and some of the darkest 1."""
    low, high = np.percentile(image, (40, 97))
    marks = np.where(image > high, 2, np.where(image < low, 1, 0))
    seldom = np.zeros(image.shape, bool)
    seldom[..., ::9, :] = True
    return (marks * seldom).astype(np.uint8)


def fitted(shape=(96, 120), *, seed=0, spec=None, **settings):
    """Fit a quick model of spots."""
    image = spots(shape, seed)
    settings = {"method": "bayes", "sigmas": (1.0, 2.0)} | settings
    segmenter = ProbabilisticSegmenter(**settings)
    return segmenter.fit(image, strokes(image), spec=spec)


def write_image(
    path, image, axes="yx", scale=None, version="0.5", *, unit="micrometer", chunk=32
):
    """Write an OME-Zarr image with Zarr alone; `scale` False leaves it out."""
    import zarr

    is_v3 = version == "0.5"
    group = zarr.create_group(path, zarr_format=3 if is_v3 else 2)
    chunks = tuple(min(chunk, n) for n in image.shape)
    group.create_array("full", data=image, chunks=chunks)
    kind = {"t": "time", "c": "channel"}
    described = [
        {"name": a, "type": kind.get(a, "space")}
        | ({"unit": unit} if a in "zyx" and unit else {})
        for a in axes
    ]
    steps = [{"type": "scale", "scale": list(scale or (1.0,) * image.ndim)}]
    dataset = {"path": "full", "coordinateTransformations": steps}
    if scale is False:
        del dataset["coordinateTransformations"]
    multiscale = {"axes": described, "datasets": [dataset]}
    if is_v3:
        group.attrs["ome"] = {"version": version, "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [multiscale | {"version": version}]
    return Path(path)


@pytest.fixture(scope="session")
def model():
    """Return a model of planes with one channel."""
    return fitted(spec=ImageSpec("yx"))


@pytest.fixture
def small_parts(monkeypatch):
    """Make parts so small that tiny images have many."""
    from napari_segen.scale import parts

    monkeypatch.setattr(parts, "PART_BYTES", 4 * 3 * 32 * 32)
