"""Segmentation by a convolutional network trained on the user's own labels."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from napari_segen.cnn.augmentation import Augmentation
from napari_segen.cnn.fitting import Fit, Options
from napari_segen.cnn.labelling import NetworkModel
from napari_segen.cnn.params import PredictionParams, TrainingParams
from napari_segen.cnn.problem import TASKS, make_problem
from napari_segen.cnn.registry import NETWORKS
from napari_segen.cnn.stored import (
    checked_held_out,
    checked_history,
    checked_precision,
    checked_scale,
    checked_temperature,
    checked_weights,
    current_params,
    weight_name,
    whole_number,
)
from napari_segen.core.archive import FilePath
from napari_segen.core.checks import check_class_values
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import (
    class_info_from_json,
    class_info_json,
)
from napari_segen.core.normalization import Normalization
from napari_segen.core.parameters import as_json, make_params
from napari_segen.core.steps import Steps, run


class CnnSegmenter(NetworkModel):
    """Train a convolutional network from strokes or masks, and label images with it.

    Each time point is looked at on its own; networks for planes label a volume plane
    by plane.

    Parameters
    ----------
    network : str
        One of `napari_segen.cnn.registry.NETWORKS`.
    params : instance of the network's `Params`, or mapping, optional
        How the network is laid out.
    task : {"classes", "instances"}
        What the labels are: values of classes, or ids of objects (0 = background),
        which are then told apart in the result, too.
    loss, epochs, max_steps, time_limit_s, batch_size, patch_px, validation_split, \
learning_rate, decay, patience, class_balance, precision, seed
        See `TrainingParams`. Training ends at the first of `epochs`, `max_steps` and
        `time_limit_s` (None: no such limit).
    augment : bool, Augmentation, or mapping
        Whether and how training patches are varied.
    flips, memory_mb
        See `PredictionParams`.
    normalization : {"auto", "training", "image", "none"}
        See `Normalization`.

    Attributes
    ----------
    classes_ : int array of shape (K,)
        Class values, ascending; for objects 0 (background) and 1.
    history_ : dict of lists
        step, seconds, loss, val_loss, val_iou every few steps; the last two None
        where no labels could be held out.
    n_steps_ : int
        Steps of the optimiser done: as `max_steps`, without a `time_limit_s`, they
        make the same network again (exceptions: `train_steps`).
    decay_steps_ : int or None
        Steps after which a cosine ends.
    held_out_ : dict
        ``unit`` ("images", "blocks" or "strokes"), ``n`` held out, ``of`` so many.
    temperature_ : float
        What the logits are divided by, to be honest on held-out labels.
    precision_ : str
        What training calculated in.
    note_ : str
        What ended the training, and what was held out.
    weights_ : list of float32 array
    spec_, n_channels_, class_info_, normalization_, provenance_
        Axes of the images, channels, class names and colours, scaling, origin.
    """

    kind: ClassVar[str] = "cnn"

    history_: dict[str, list[float | None]]
    n_steps_: int
    decay_steps_: int | None
    held_out_: dict[str, Any]
    precision_: str
    note_: str
    provenance_: dict[str, Any]

    def __init__(
        self,
        network: str = "unet",
        *,
        params: Any = None,
        task: str = "classes",
        loss: str = "cross_entropy",
        epochs: int | None = None,
        max_steps: int | None = None,
        time_limit_s: float | None = 60,
        batch_size: int | None = None,
        patch_px: int | None = None,
        validation_split: float = 0.1,
        learning_rate: float = 2e-3,
        decay: str = "none",
        patience: int | None = None,
        class_balance: float = 0.5,
        augment: bool | Augmentation | Mapping[str, Any] = True,
        precision: str = "auto",
        flips: bool = False,
        memory_mb: float = 600,
        normalization: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.network = network
        self.params = make_params(NETWORKS.get(network).Params, params)
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
        self.task = task
        self.training = TrainingParams(
            loss=loss,
            epochs=epochs,
            max_steps=max_steps,
            time_limit_s=time_limit_s,
            batch_size=batch_size,
            patch_px=patch_px,
            validation_split=validation_split,
            learning_rate=learning_rate,
            decay=decay,
            patience=patience,
            class_balance=class_balance,
            augment=augment if isinstance(augment, bool) else True,
            precision=precision,
            seed=seed,
        )
        self.augmentation = _augmentation(augment)
        self.prediction = PredictionParams(flips=flips, memory_mb=memory_mb)
        self.normalization = Normalization(normalization).mode

    def fit(
        self,
        images: Any,
        labels: Any,
        *,
        spec: Any = None,
        unlabelled: int | None = None,
        init_from: Any = None,
        teacher: Any = None,
        teacher_weight: float = 0.3,
        checkpoint: FilePath | None = None,
        log_dir: FilePath | None = None,
    ) -> Self:
        """Train on images and their labels; returns self.

        Parameters
        ----------
        images, labels : array, or list of arrays
            Labels of the image's shape without the channel axis.
        spec : ImageSpec, or list of one for each image, optional
            The images' axes, where the shapes leave a doubt. A list is checked to
            have the same axes and pixel sizes.
        unlabelled : int, optional
            Label value of pixels to leave out: 0 for strokes. None: every value is a
            class, 0 too.
        init_from : CnnSegmenter or path, optional
            A network to go on from, of the same kind and for the same channels. With
            another number of classes its last layer is learnt anew. With this very
            segmenter the history goes on, too.
        teacher : array of shape (K, *S), or list of such, optional
            Another method's posterior of each image, classes ascending, to learn from
            where nothing is labelled.
        teacher_weight : float
            How much that counts; labels count 1.
        checkpoint : path, optional
            The best model so far is written there every 30 s, and removed at the end:
            what is found there is of a training that was killed.
        log_dir : path, optional
            Folder for TensorBoard.
        """
        return run(
            self.fit_steps(
                images,
                labels,
                spec=spec,
                unlabelled=unlabelled,
                init_from=init_from,
                teacher=teacher,
                teacher_weight=teacher_weight,
                checkpoint=checkpoint,
                log_dir=log_dir,
            )
        )

    def fit_steps(
        self,
        images: Any,
        labels: Any,
        *,
        spec: Any = None,
        unlabelled: int | None = None,
        init_from: Any = None,
        teacher: Any = None,
        teacher_weight: float = 0.3,
        checkpoint: FilePath | None = None,
        log_dir: FilePath | None = None,
    ) -> Steps[Self]:
        """Do what `fit` does, in steps.

        Listens to FINISH (stop and keep the best), PAUSE, RESUME, and `Show`.
        """
        options = Options(init_from, teacher, teacher_weight, checkpoint, log_dir)
        problem = make_problem(images, labels, spec, unlabelled, self.task)
        learnt = yield from Fit(self, problem, options).steps()
        learnt.give_to(self)
        return self

    def split(
        self,
        images: Any,
        labels: Any,
        *,
        spec: Any = None,
        unlabelled: int | None = None,
    ) -> tuple[list[Array], list[Array], dict[str, Any]]:
        """Divide labels as `fit` does with this seed; needs no Keras.

        Takes `images`, `labels`, `spec` and `unlabelled` as `fit` does.

        Returns
        -------
        training, held_out : list of uint8 array of shape (*S)
            For each image scribbles: 0 = unlabelled, 1..K = the classes ascending.
        held : dict
            As `held_out_`.

        Raises
        ------
        ValueError
            If images and labels do not match, or there are too few classes.
        """
        problem = make_problem(images, labels, spec, unlabelled, self.task)
        fit = Fit(self, problem, Options())
        return *fit.split(), fit.held_out()

    def training_patches(
        self,
        images: Any,
        labels: Any,
        n: int,
        *,
        spec: Any = None,
        unlabelled: int | None = None,
    ) -> tuple[Array, Array]:
        """Draw the first patches that `fit` shows the network; needs no Keras.

        Returns
        -------
        patches : float32 array of shape (n, *patch[, C])
            Scaled; a channel axis where the images have one.
        labels : array of shape (n, *patch)
            Class values; 0 where unlabelled.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"n must be a whole number from 1 on, got {n!r}.")
        problem = make_problem(images, labels, spec, unlabelled, self.task)
        return Fit(self, problem, Options()).patches(n)

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the weights."""
        assert self.weights_ is not None
        header = {
            "network": self.network,
            "params": as_json(self.params),
            "task": self.task,
            "training": as_json(self.training),
            "augmentation": self.augmentation and as_json(self.augmentation),
            "prediction": as_json(self.prediction),
            "spec": self.spec_.as_json(),
            "n_channels": self.n_channels_,
            "classes": class_info_json(self.classes_, self.class_info_),
            "normalization": self.normalization_.as_json(),
            "precision": self.precision_,
            "held_out": self.held_out_,
            "temperature": self.temperature_,
            "history": self.history_,
            "n_steps": self.n_steps_,
            "decay_steps": self.decay_steps_,
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
        training = dict(header["training"])
        # The first files had no task, and a plain yes or no of augmentation.
        if (augmentation := header.get("augmentation")) is not None:
            training["augment"] = dict(augmentation)
        model = cls(
            header["network"],
            params=current_params(header),
            task=header.get("task", "classes"),
            normalization=scale.mode,
            **header.get("prediction", {}),
            **training,
        )
        model.spec_ = ImageSpec.from_json(header["spec"])
        model.classes_, model.class_info_ = class_info_from_json(header["classes"])
        check_class_values(model.classes_, "classes")
        model.n_channels_ = whole_number(header["n_channels"])
        network = model.network_for(model.n_channels_, len(model.classes_))
        model.weights_ = checked_weights(network, arrays)
        model.normalization_ = checked_scale(scale, model.n_channels_)
        model._read_training(header)
        return model

    def _read_training(self, header: Mapping[str, Any]) -> None:
        """Read how training went; the first files said less."""
        self.history_ = checked_history(header["history"])
        self.n_steps_ = whole_number(header["n_steps"])
        self.note_ = str(header["note"])
        self.provenance_ = dict(header["provenance"])
        self.temperature_ = checked_temperature(header.get("temperature", 1.0))
        self.precision_ = checked_precision(header.get("precision", "float32"))
        nothing = {"unit": "strokes", "n": 0, "of": 0}
        self.held_out_ = checked_held_out(header.get("held_out", nothing))
        decay = header.get("decay_steps")
        self.decay_steps_ = None if decay is None else whole_number(decay)


def _augmentation(
    augment: bool | Augmentation | Mapping[str, Any],
) -> Augmentation | None:
    if isinstance(augment, bool):
        return Augmentation() if augment else None
    return make_params(Augmentation, augment, "augment")
