"""A fit of a segmenter: from images and labels to what it has learnt."""

import copy
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.cnn.backend import Weights
from napari_segen.cnn.holdout import Holdout, hold_out
from napari_segen.cnn.labelled import UNLABELLED, LabelledImage
from napari_segen.cnn.network import Network
from napari_segen.cnn.precision import settle
from napari_segen.cnn.problem import Problem, check_teacher
from napari_segen.cnn.record import History, Trained
from napari_segen.cnn.registry import NETWORKS
from napari_segen.cnn.showing import Previewer
from napari_segen.cnn.training import Surroundings, train_steps
from napari_segen.cnn.warm import Warm, check_same_layout, reordered, warm_start
from napari_segen.cnn.workshop import random_streams, sampler_for
from napari_segen.core.archive import FilePath, check_replaceable
from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.normalization import Normalization
from napari_segen.core.provenance import provenance
from napari_segen.core.steps import Step, Steps

if TYPE_CHECKING:
    from napari_segen.cnn.segmenter import CnnSegmenter


@dataclass(frozen=True, slots=True)
class Options:
    """What a fit may be given besides images and labels; see `CnnSegmenter.fit`."""

    init_from: Any = None
    teacher: Any = None
    teacher_weight: float = 0.3
    checkpoint: FilePath | None = None
    log_dir: FilePath | None = None

    def __post_init__(self) -> None:
        weight = self.teacher_weight
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise TypeError(f"teacher_weight must be a number, got {weight!r}.")
        if not 0 <= weight <= 100:
            raise ValueError(f"teacher_weight must be from 0 to 100, got {weight!r}.")
        if self.checkpoint is not None:
            target = Path(self.checkpoint)
            check_replaceable(target)
            if not target.parent.is_dir():
                raise FileNotFoundError(
                    f"checkpoint: there is no folder {target.parent}."
                )


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a segmenter knows after a fit: its attributes that end in ``_``."""

    spec: ImageSpec
    n_channels: int
    classes: Array
    normalization: Normalization
    provenance: Mapping[str, Any]
    precision: str
    held_out: dict[str, Any]
    history: History
    n_steps: int
    decay_steps: int | None
    note: str
    temperature: float
    weights: Weights

    def give_to(self, model: "CnnSegmenter") -> None:
        """Set the attributes of `model`."""
        for field in fields(self):
            setattr(model, f"{field.name}_", getattr(self, field.name))
        model.class_info_ = {
            v: i for v, i in model.class_info_.items() if v in self.classes
        }
        model.forget_network()


class Fit:
    """One fit in preparation: what is learnt from, by which network.

    Parameters
    ----------
    model : CnnSegmenter
        Whose parameters are used.
    problem : Problem
    options : Options
    """

    def __init__(
        self, model: "CnnSegmenter", problem: Problem, options: Options
    ) -> None:
        self._model, self._problem, self._options = model, problem, options
        teacher = (
            None if options.teacher is None else check_teacher(options.teacher, problem)
        )
        self.network_class = NETWORKS.get(model.network)
        self.scale = problem.scale(model.normalization)
        self.images = problem.images(self.network_class.ndim, self.scale, teacher)
        self.earlier = (
            None if options.init_from is None else model.opened(options.init_from)
        )
        if self.earlier is not None:
            check_same_layout(self.earlier, model)
        self.network: Network = model.network_for(
            problem.n_channels, len(problem.classes)
        )
        self.held: Holdout = hold_out(
            self.images,
            model.training.validation_split,
            len(problem.classes),
            random_streams(model.training.seed)[0],
        )

    def held_out(self) -> dict[str, Any]:
        """Return what was held out: unit, n, of."""
        held = self.held
        return {"unit": held.unit, "n": held.n_held, "of": held.n_units}

    def split(self) -> tuple[list[Array], list[Array]]:
        """Return the labels to train on and the held-out ones, as scribbles."""
        ndim, problem = self.network_class.ndim, self._problem
        nothing = [_blank(m) for m in self.images]
        parts = []
        for images in (self.held.training, self.held.validation or nothing):
            frames = problem.put_back(images, ndim)
            parts.append(
                [
                    problem.spec.unframe(f, shape)
                    for f, shape in zip(frames, problem.label_shapes, strict=True)
                ]
            )
        return parts[0], parts[1]

    def patches(self, n: int) -> tuple[Array, Array]:
        """Draw the first patches of the training, and their labels."""
        training, network = self._model.training, self.network
        sampler = sampler_for(network, self.held, training, self._model.augmentation)
        rng, n_drawn = random_streams(training.seed)[2], 0
        x, y = [], []
        while n_drawn < n:
            batch = sampler.draw(rng)
            x.append(batch.x)
            y.append(batch.y)
            n_drawn += len(batch.x)
        patches, index = np.concatenate(x)[:n], np.concatenate(y)[:n]
        problem = self._problem
        values = np.append(problem.classes[problem.order], 0)
        labels = np.zeros(patches.shape[:-1], values.dtype)
        inner = tuple(
            slice(a, a + s)
            for a, s in zip(network.answer_start, network.answer_shape, strict=True)
        )
        labels[:, *inner] = values[index]
        if problem.spec.channel_axis is None:
            patches = patches[..., 0]
        return patches, labels

    def steps(self) -> Steps[Learnt]:
        """Train."""
        yield Step(0, 0, "Preparing the images")
        model, pairs = self._model, self._problem.pairs
        origin = provenance(
            [p.frames for p in pairs], [p.labels for p in pairs if p.labels is not None]
        )
        precision = settle(model.training.precision)
        learnt = partial(self._learnt, origin, precision)
        checkpoint = _Checkpoint(model, self._options.checkpoint)
        around = self._surroundings(precision, lambda t: checkpoint.write(learnt(t)))
        try:
            trained = yield from train_steps(
                self.network, self.held, model.training, around
            )
        except GeneratorExit:
            checkpoint.remove()
            raise
        checkpoint.remove()
        return learnt(trained)

    def _surroundings(
        self, precision: str, keep: Callable[[Trained], None]
    ) -> Surroundings:
        options = self._options
        warm = None if self.earlier is None else self._warm(self.earlier)
        return Surroundings(
            augmentation=self._model.augmentation,
            precision=precision,
            start=None if warm is None else warm.weights,
            is_whole=warm is not None and warm.is_whole,
            earlier=None if warm is None else warm.earlier,
            teacher_weight=None if options.teacher is None else options.teacher_weight,
            show=Previewer(self._problem, self.network, self.scale, precision),
            keep=keep,
            log_dir=options.log_dir,
        )

    def _learnt(
        self, origin: Mapping[str, Any], precision: str, trained: Trained
    ) -> Learnt:
        problem = self._problem
        back = np.argsort(problem.order)
        return Learnt(
            spec=problem.spec,
            n_channels=problem.n_channels,
            classes=problem.classes,
            normalization=self.scale,
            provenance=dict(origin),
            precision=precision,
            held_out=self.held_out(),
            history=trained.history,
            n_steps=trained.n_steps,
            decay_steps=trained.decay_steps,
            note=trained.note,
            temperature=trained.temperature,
            weights=reordered(self.network, trained.weights, back),
        )

    def _warm(self, earlier: "CnnSegmenter") -> Warm:
        return warm_start(
            earlier,
            self.network,
            self._problem.order,
            self._model.training.seed,
            goes_on=earlier is self._model,
        )


def _blank(image: LabelledImage) -> LabelledImage:
    nothing = np.full(image.index.shape, UNLABELLED, np.int16)
    return LabelledImage(image.image, nothing)


class _Checkpoint:
    """The best model so far in a file, as long as a training lasts."""

    def __init__(self, model: "CnnSegmenter", path: FilePath | None) -> None:
        self._model, self._path = model, path
        self._is_written = False

    def write(self, learnt: Learnt) -> None:
        """Write the model that there would be, if the training ended now."""
        if self._path is None:
            return
        model = copy.copy(self._model)
        learnt.give_to(model)
        try:
            model.save(self._path)
        except OSError as err:  # a full disk must not end the training
            doubt(f"the checkpoint cannot be written: {err}.", stacklevel=2)
            self._path = None
        else:
            self._is_written = True

    def remove(self) -> None:
        """Remove the file, if it was written."""
        if self._path is not None and self._is_written:
            with suppress(OSError):
                os.unlink(self._path)
