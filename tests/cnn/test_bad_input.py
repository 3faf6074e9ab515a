"""Refusals happen before Keras is needed; so none of these tests does."""

import numpy as np
import pytest
from tests.cnn.problems import TINY, halves, two_strokes

from napari_segen.cnn import backend
from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.segmenter import CnnSegmenter
from napari_segen.core.archive import read_archive, write_archive
from napari_segen.core.errors import MissingBackend, ModelFileError
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.normalization import Normalization
from napari_segen.workflows.models import load

IMAGE, TRUTH = halves()
STROKES = two_strokes(TRUTH)


@pytest.fixture(autouse=True)
def _no_keras(monkeypatch):
    def refuse(name):
        raise MissingBackend(f"{name} was asked for")

    monkeypatch.setattr(backend, "_import", refuse)


@pytest.mark.parametrize(
    ("image", "labels", "error", "text"),
    [
        (IMAGE, STROKES * 0, ValueError, "no pixel is labelled"),
        (IMAGE, (STROKES == 3) * 3, ValueError, "at least two classes"),
        (IMAGE, STROKES.astype(float), TypeError, "must be integers"),
        (IMAGE, STROKES[1:], ValueError, "must have shape"),
        (IMAGE, -STROKES, ValueError, "must not be negative"),
        (IMAGE, None, ValueError, "labels is None"),
        (IMAGE.astype(complex), STROKES, TypeError, "real numbers"),
        (IMAGE.astype(object), STROKES, TypeError, "real numbers"),
        (IMAGE[0], STROKES[0], ValueError, "at least two axes"),
        (IMAGE[:0], STROKES[:0], ValueError, "empty"),
        (np.full(IMAGE.shape, np.nan), STROKES, ValueError, "no pixel is labelled"),
        ([IMAGE, IMAGE], [STROKES], ValueError, "for each image"),
        (np.zeros((20, 20)), np.arange(400).reshape(20, 20), ValueError, "399 classes"),
    ],
)
@pytest.mark.filterwarnings("ignore::napari_segen.core.errors.DataWarning")
def test_labels_that_cannot_be_learnt_from_are_refused(image, labels, error, text):
    with pytest.raises(error, match=text):
        CnnSegmenter().fit(image, labels, unlabelled=0)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"network": "vgg"}, ValueError, "unknown network 'vgg'.*unet.*patch"),
        ({"params": {"layers": 3}}, ValueError, "no layers"),
        ({"params": {"filters": 0}}, ValueError, "filters must be from"),
        ({"params": 3}, TypeError, "params must be"),
        ({"network": "patch", "params": {"activation": "elu"}}, ValueError, "elu"),
        ({"network": "patch", "params": {"filters": ()}}, ValueError, "not be empty"),
        ({"loss": "hinge"}, ValueError, "loss must be one of"),
        ({"task": "objects"}, ValueError, "task must be one of classes, instances"),
        ({"augment": {"colour": 1}}, ValueError, "augment has no colour"),
        ({"augment": {"noise": -1}}, ValueError, "noise must be from"),
        ({"augment": 3}, TypeError, "augment must be Augmentation or a mapping"),
        ({"memory_mb": 1}, ValueError, "memory_mb must be from"),
        ({"normalization": "zscore"}, ValueError, "normalization must be one of"),
        ({"epochs": 0}, ValueError, "epochs must be from"),
        ({"time_limit_s": None}, ValueError, "never end"),
    ],
)
def test_parameters_out_of_range_are_refused_when_they_are_given(given, error, text):
    with pytest.raises(error, match=text):
        CnnSegmenter(**given)


def test_another_value_for_unlabelled_is_refused():
    with pytest.raises(ValueError, match="unlabelled must be 0 or None"):
        CnnSegmenter().fit(IMAGE, STROKES, unlabelled=255)


def test_without_tensorflow_a_good_fit_says_how_to_install_it():
    with pytest.raises(MissingBackend):
        CnnSegmenter().fit(IMAGE, STROKES, unlabelled=0)


def fitted_by_hand(network="patch", **given):
    """A model with weights but without training: loading must need no Keras."""
    net = CnnSegmenter(network, **(TINY[network] | given))
    net.spec_, net.n_channels_ = ImageSpec("yx"), 1
    net.classes_ = np.array([3, 7])
    net.normalization_ = Normalization().fit([IMAGE[np.newaxis, np.newaxis]])
    net.history_ = {
        k: [1.0] for k in ("step", "seconds", "loss", "val_loss", "val_iou")
    }
    net.n_steps_, net.note_, net.provenance_ = 1, "", {}
    net.decay_steps_, net.temperature_, net.precision_ = 30, 1.5, "float32"
    net.held_out_ = {"unit": "blocks", "n": 2, "of": 16}
    shapes = net.network_for(1, 2).weight_shapes()
    net.weights_ = [np.zeros(s, np.float32) for s in shapes]
    return net


def contents(path):
    """Header, as a model writes it, and arrays of a file."""
    header, arrays = read_archive(path)
    for key in ("format", "format_version", "kind", "arrays"):
        header.pop(key)
    return header, arrays


def test_a_model_loads_without_keras(tmp_path):
    given = {"flips": True, "decay": "cosine", "augment": {"noise": 0.5}}
    net = fitted_by_hand(**given)
    net.save(tmp_path / "net.segen")
    loaded = load(tmp_path / "net.segen")
    assert loaded.is_fitted
    header = net.to_archive()[0]
    assert loaded.to_archive()[0] == header
    assert header["temperature"] == 1.5
    assert header["augmentation"]["noise"] == 0.5


def test_the_first_files_still_load(tmp_path):
    path = tmp_path / "net.segen"
    fitted_by_hand(flips=True).save(path)
    header, arrays = contents(path)
    for key in ("task", "augmentation", "prediction", "precision", "held_out"):
        header.pop(key)
    for key in ("temperature", "decay_steps"):
        header.pop(key)
    for key in ("decay", "patience", "class_balance", "precision"):
        header["training"].pop(key)
    write_archive(path, "cnn", header, arrays)
    old = load(path)
    assert (old.task, old.temperature_, old.decay_steps_) == ("classes", 1.0, None)
    assert old.augmentation == Augmentation()
    assert old.held_out_["n"] == 0
    assert not old.prediction.flips


@pytest.mark.parametrize(("before", "now"), [("on", "batch"), ("off", "none")])
def test_the_first_u_nets_still_load(before, now, tmp_path):
    path = tmp_path / "net.segen"
    fitted_by_hand("unet", params={"filters": 4, "depth": 1, "norm": now}).save(path)
    header, arrays = contents(path)
    del header["params"]["norm"]
    header["settled_params"] = header["params"] | {"batch_norm": before}
    header["params"] |= {"batch_norm": "auto"}
    write_archive(path, "cnn", header, arrays)
    assert load(path).params.norm == now


def test_without_augmentation_it_stays_without(tmp_path):
    fitted_by_hand(augment=False).save(tmp_path / "net.segen")
    assert load(tmp_path / "net.segen").augmentation is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header, arrays: header.update(network="os.system"),
        lambda header, arrays: header.update(n_channels=10**9),
        lambda header, arrays: header.update(n_channels=True),
        lambda header, arrays: header["params"].update(dense_units=4096),
        lambda header, arrays: header["params"].update(filters=[10**9]),
        lambda header, arrays: header.pop("params"),
        lambda header, arrays: header["training"].update(patch_px=1024),
        lambda header, arrays: header["training"].update(surprise=1),
        lambda header, arrays: header["classes"].pop(),
        lambda header, arrays: header.pop("spec"),
        lambda header, arrays: header["normalization"].update(low=[0, 0]),
        lambda header, arrays: header["history"].update(loss=["x"]),
        lambda header, arrays: header["history"].update(loss=[None]),
        lambda header, arrays: header["history"].update(loss=[True]),
        lambda header, arrays: header["history"].update(loss=[10**400]),
        lambda header, arrays: header["history"].update(loss=[1.0, 2.0]),
        lambda header, arrays: header["history"].update(loss={"0": 1.0}),
        lambda header, arrays: header["history"].pop("val_iou"),
        lambda header, arrays: header.update(temperature=0),
        lambda header, arrays: header.update(temperature="1"),
        lambda header, arrays: header.update(precision="auto"),
        lambda header, arrays: header.update(decay_steps=-1),
        lambda header, arrays: header.update(task="tasks"),
        lambda header, arrays: header["held_out"].update(unit="pixels"),
        lambda header, arrays: header["held_out"].update(n=-1),
        lambda header, arrays: header.update(held_out=[]),
        lambda header, arrays: header["prediction"].update(memory_mb=1e30),
        lambda header, arrays: header["prediction"].update(network="unet"),
        lambda header, arrays: header["augmentation"].update(elastic=1e9),
        lambda header, arrays: header.update(augmentation=3),
        lambda header, arrays: header.update(n_steps="many"),
        lambda header, arrays: arrays.pop("weights_000"),
        lambda header, arrays: arrays.update(extra=np.zeros(3)),
        lambda header, arrays: arrays.update(
            weights_001=np.full_like(arrays["weights_001"], np.nan)
        ),
        lambda header, arrays: arrays.update(
            weights_001=arrays["weights_001"].astype(np.float64)
        ),
    ],
)
def test_a_file_whose_contents_make_no_network_is_refused(tmp_path, spoil):
    path = tmp_path / "net.segen"
    fitted_by_hand().save(path)
    header, arrays = contents(path)
    spoil(header, arrays)
    write_archive(path, "cnn", header, arrays)
    with pytest.raises(ModelFileError):
        load(path)
