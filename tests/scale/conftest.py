"""Models, folders of files, small OME-Zarr images."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tests.scale.fields import field

import napari_segen as ns
from napari_segen.core.imagespec import ImageSpec
from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter
from napari_segen.scale.folder.inputs import list_inputs
from napari_segen.scale.folder.job import Job
from napari_segen.scale.folder.settings import Settings
from napari_segen.workflows.files import write_tiff


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


def digests(folder):
    """Return the hash of each file in a folder, by its path there."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


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


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    """A small model: class 1 is ground, class 2 squares."""
    image, truth = field(0)
    strokes = np.zeros(image.shape, np.uint8)
    strokes[:, ::3] = np.where(truth > 0, 2, 1)[:, ::3]
    path = tmp_path_factory.mktemp("model") / "m.segen"
    model = ns.ProbabilisticSegmenter("bayes", sigmas=(1.0, 2.0), smoothing=0)
    model.fit(image, strokes).save(path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with three images in ``in`` and their truth."""
    monkeypatch.chdir(tmp_path)
    for name in ("in", "truth"):
        Path(name).mkdir()
    for i, stem in enumerate("abc", start=1):
        image, truth = field(i)
        write_tiff(f"in/{stem}.tif", image)
        write_tiff(f"truth/{stem}.tif", np.where(truth > 0, 2, 1).astype(np.uint8))
    return tmp_path


@pytest.fixture
def job(model_path):
    """Make a job for the folder ``in``."""

    def make(settings=None, out="out", given=("in",), **more):
        Path(out).mkdir(exist_ok=True)
        inputs = list_inputs([Path(g) for g in given])
        model = ns.load(model_path)
        return Job(model, model_path, inputs, Path(out), settings or Settings(), **more)

    return make


@pytest.fixture
def patient(monkeypatch):
    """Wait for longer for a scheduler that is there."""
    monkeypatch.setattr("napari_segen.scale.cluster.TIMEOUT_S", 180)


@pytest.fixture(scope="session")
def client():
    """A client of two workers of one thread each, which are started again if killed."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=60,
            memory_limit=0,
        ) as cluster,
        # Not the default: older Dask warns of every other scheduler where there is one.
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client
