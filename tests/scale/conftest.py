from pathlib import Path

import numpy as np
import pytest
from tests.scale.fields import field

import napari_segen as ns
from napari_segen.scale.inputs import list_inputs
from napari_segen.scale.run import Job
from napari_segen.scale.settings import Settings
from napari_segen.workflows.files import write_tiff


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
