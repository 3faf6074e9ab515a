"""Segmentation by a convolutional network trained on the user's own labels."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.holdout import is_dense
from napari_segen.cnn.network import Network
from napari_segen.cnn.planes import class_index, labelled_planes
from napari_segen.cnn.prediction import LabelTile, posterior_steps
from napari_segen.cnn.registry import NETWORKS
from napari_segen.cnn.stored import (
    checked_history,
    checked_scale,
    checked_weights,
    weight_name,
    whole_number,
)
from napari_segen.cnn.training import TrainingParams, train_steps
from napari_segen.core.checks import (
    Pair,
    check_class_values,
    check_new_image,
    check_pairs,
    warn_if_flat,
)
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import (
    ClassInfo,
    Segmentation,
    best_class,
    class_info_from_json,
    class_info_json,
    entropy_over_log_k,
)
from napari_segen.core.model import Model
from napari_segen.core.normalization import Normalization, has_data
from napari_segen.core.parameters import as_json, make_params
from napari_segen.core.provenance import provenance
from napari_segen.core.steps import Steps, run


class CnnSegmenter(Model):
    """Train a convolutional network from strokes or masks, and label images with it.

    Networks look at planes: a volume is labelled plane by plane, and each time
    point on its own.

    Parameters
    ----------
    network : str
        One of `napari_segen.cnn.registry.NETWORKS`.
    params : instance of the network's `Params`, or mapping, optional
        How the network is laid out.
    loss, epochs, max_steps, time_limit_s, batch_size, patch_px, validation_split, \
learning_rate, augment, seed
        See `TrainingParams`. Training ends at the first of `epochs`, `max_steps` and
        `time_limit_s` (None: no such limit).
    normalization : {"auto", "training", "image", "none"}
        See `Normalization`.

    Attributes
    ----------
    classes_ : int array of shape (K,)
        Class values, ascending.
    history_ : dict of lists
        step, seconds, loss, val_loss, val_iou every few steps; the last two None
        where no labels could be held out.
    n_steps_ : int
        Steps of the optimiser done: as `max_steps` they make the same network again.
    note_ : str
        What ended the training, and what was held out.
    params_ : instance of the network's `Params`
        As `params`, with what depends on the labels decided.
    weights_ : list of float32 array
    spec_, n_channels_, class_info_, normalization_, provenance_
        Axes of the images, channels, class names and colours, scaling, origin.
    """

    kind: ClassVar[str] = "cnn"

    def __init__(
        self,
        network: str = "unet",
        *,
        params: Any = None,
        loss: str = "cross_entropy",
        epochs: int | None = None,
        max_steps: int | None = None,
        time_limit_s: float | None = 60,
        batch_size: int | None = None,
        patch_px: int | None = None,
        validation_split: float = 0.1,
        learning_rate: float = 2e-3,
        augment: bool = True,
        normalization: str = "auto",
        seed: int = 0,
    ) -> None:
        self.network = network
        self.params = make_params(NETWORKS.get(network).Params, params)
        self.training = TrainingParams(
            loss=loss,
            epochs=epochs,
            max_steps=max_steps,
            time_limit_s=time_limit_s,
            batch_size=batch_size,
            patch_px=patch_px,
            validation_split=validation_split,
            learning_rate=learning_rate,
            augment=augment,
            seed=seed,
        )
        self.normalization = Normalization(normalization).mode
        self.class_info_: dict[int, ClassInfo] = {}
        self.weights_: Weights | None = None
        self._label_tile: LabelTile | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The compiled network cannot be pickled; it is made again from the weights.
        return self.__dict__ | {"_label_tile": None}

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` has succeeded."""
        return self.weights_ is not None

    def fit(
        self,
        images: Any,
        labels: Any,
        *,
        spec: ImageSpec | None = None,
        unlabelled: int | None = None,
    ) -> Self:
        """Train on images and their labels; returns self.

        Parameters
        ----------
        images, labels : array, or list of arrays
            Labels of the image's shape without the channel axis.
        spec : ImageSpec, optional
            The images' axes, where the shapes leave a doubt.
        unlabelled : int, optional
            Label value of pixels to leave out: 0 for strokes. None: every value is a
            class, 0 too.
        """
        return run(self.fit_steps(images, labels, spec=spec, unlabelled=unlabelled))

    def fit_steps(
        self,
        images: Any,
        labels: Any,
        *,
        spec: ImageSpec | None = None,
        unlabelled: int | None = None,
    ) -> Steps[Self]:
        """Do what `fit` does, in steps; sent `FINISH`, stop and keep the best."""
        if unlabelled not in (None, 0):
            raise ValueError(f"unlabelled must be 0 or None, got {unlabelled!r}.")
        if labels is None:
            raise ValueError("labels is None: a network learns from labels only.")
        spec, pairs = check_pairs(images, labels, spec, labels_name="labels")
        for pair in pairs:
            warn_if_flat(pair.frames)
        classes = _classes(pairs, unlabelled)
        check_class_values(classes, "labels")
        n_channels = pairs[0].frames.shape[1]
        scale = Normalization(self.normalization).fit([p.frames for p in pairs])
        planes = [
            plane
            for p, marks in zip(
                pairs, _indices(pairs, classes, unlabelled), strict=True
            )
            for plane in labelled_planes(p.frames, marks, scale)
        ]
        origin = provenance(
            [p.frames for p in pairs], [p.labels for p in pairs if p.labels is not None]
        )
        params = NETWORKS.get(self.network).settled(
            self.params, from_strokes=not is_dense(planes)
        )
        network = self._network(params, n_channels, len(classes))
        trained = yield from train_steps(network, planes, self.training)
        self.spec_, self.n_channels_, self.classes_ = spec, n_channels, classes
        self.params_, self.normalization_ = params, scale
        self.provenance_ = dict(origin)
        self.history_, self.n_steps_ = trained.history, trained.n_steps
        self.note_, self.weights_ = trained.note, trained.weights
        self.class_info_ = {
            v: i for v, i in self.class_info_.items() if v in self.classes_
        }
        self._label_tile = None
        return self

    def _network(self, params: Any, n_channels: int, n_classes: int) -> Network:
        network_class = NETWORKS.get(self.network)
        patch_px = self.training.patch_px or network_class.default_patch_px
        return network_class(params, n_channels, n_classes, patch_px)

    def segment(self, image: Any, *, spec: ImageSpec | None = None) -> Segmentation:
        """Return posterior, labels and uncertainty of an image."""
        return run(self.segment_steps(image, spec=spec))

    def segment_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Segmentation]:
        """Do what `segment` does, in steps."""
        self.check_fitted()
        spec = spec or self.spec_
        array = check_new_image(image, spec, self.n_channels_)
        frames, label_shape = spec.frames(array), spec.label_shape(array.shape)
        network = self._network(self.params_, self.n_channels_, len(self.classes_))
        if self._label_tile is None:
            assert self.weights_ is not None
            self._label_tile = network.dense(self.weights_)
        found = yield from posterior_steps(
            network, self._label_tile, frames, self.normalization_
        )
        no_data = ~has_data(frames)
        found.swapaxes(0, 1)[:, no_data] = 1 / len(self.classes_)
        posterior = np.stack(
            [spec.unframe(found[:, k], label_shape) for k in range(found.shape[1])]
        )
        empty = spec.unframe(no_data, label_shape)
        uncertainty = entropy_over_log_k(posterior)
        uncertainty[empty] = 1.0
        return Segmentation(
            posterior, best_class(posterior, self.classes_, empty), uncertainty
        )

    def predict_proba(self, image: Any, *, spec: ImageSpec | None = None) -> Array:
        """Return the posterior ``(K, *S)``, float32, classes in ascending order."""
        return run(self.predict_proba_steps(image, spec=spec))

    def predict_proba_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Array]:
        """Do what `predict_proba` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec)).posterior

    def predict(self, image: Any, *, spec: ImageSpec | None = None) -> Array:
        """Return the most probable class's value of each pixel; 0 without data."""
        return run(self.predict_steps(image, spec=spec))

    def predict_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Array]:
        """Do what `predict` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec)).labels

    def uncertainty(self, image: Any, *, spec: ImageSpec | None = None) -> Array:
        """Return how undecided each pixel is: entropy over log K, 0 to 1."""
        return run(self.uncertainty_steps(image, spec=spec))

    def uncertainty_steps(
        self, image: Any, *, spec: ImageSpec | None = None
    ) -> Steps[Array]:
        """Do what `uncertainty` does, in steps."""
        return (yield from self.segment_steps(image, spec=spec)).uncertainty

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the weights."""
        assert self.weights_ is not None
        header = {
            "network": self.network,
            "params": as_json(self.params),
            "settled_params": as_json(self.params_),
            "training": as_json(self.training),
            "spec": self.spec_.as_json(),
            "n_channels": self.n_channels_,
            "classes": class_info_json(self.classes_, self.class_info_),
            "normalization": self.normalization_.as_json(),
            "history": self.history_,
            "n_steps": self.n_steps_,
            "note": self.note_,
            "provenance": self.provenance_,
        }
        return header, {weight_name(i): w for i, w in enumerate(self.weights_)}

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the model that `to_archive` described; needs no Keras."""
        scale = Normalization.from_json(header["normalization"])
        model = cls(
            header["network"],
            params=header["params"],
            normalization=scale.mode,
            **header["training"],
        )
        model.params_ = make_params(type(model.params), header["settled_params"])
        model.spec_ = ImageSpec.from_json(header["spec"])
        model.classes_, model.class_info_ = class_info_from_json(header["classes"])
        check_class_values(model.classes_, "classes")
        model.n_channels_ = whole_number(header["n_channels"])
        network = model._network(model.params_, model.n_channels_, len(model.classes_))
        model.weights_ = checked_weights(network, arrays)
        model.normalization_ = checked_scale(scale, model.n_channels_)
        model.history_ = checked_history(header["history"])
        model.n_steps_ = whole_number(header["n_steps"])
        model.note_ = str(header["note"])
        model.provenance_ = dict(header["provenance"])
        return model


def _classes(pairs: list[Pair], unlabelled: int | None) -> Array:
    """Class values of the pixels that hold data, ascending."""
    found = [np.zeros(0, np.int64)]
    for pair in pairs:
        assert pair.labels is not None
        values = np.unique(pair.labels[has_data(pair.frames)])
        found.append(values[values != unlabelled].astype(np.int64))
    return np.unique(np.concatenate(found))


def _indices(pairs: list[Pair], classes: Array, unlabelled: int | None) -> list[Array]:
    return [
        class_index(p.frames, p.labels, classes, unlabelled)
        for p in pairs
        if p.labels is not None
    ]
