"""The generator of images that users meet: fit, generate, vary, save."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from napari_segen.core.checks import (
    check_labels,
    check_new_image,
    check_pairs,
    warn_if_flat,
)
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.labels import smallest_unsigned
from napari_segen.core.model import Model
from napari_segen.core.parameters import as_json, make_params
from napari_segen.core.provenance import package_versions, provenance
from napari_segen.core.steps import Order, Step, Steps, run
from napari_segen.generation.abilities import (
    check_ability,
    check_dimensions,
    check_label_values,
)
from napari_segen.generation.method import (
    Budget,
    GeneratorMethod,
    Source,
    label_values,
    sources_of,
)
from napari_segen.generation.modelfile import (
    read_into,
    state_hash,
    write_generator,
)
from napari_segen.generation.recipe import Recipe
from napari_segen.generation.registry import GENERATORS
from napari_segen.generation.requests import (
    check_budget,
    check_count,
    check_seed,
    check_shape,
    check_strength,
)
from napari_segen.generation.values import ValueRange


class ImageGenerator(Model):
    """Makes new images that look like those it was fitted on, with labels if given.

    Parameters
    ----------
    method : {"decoder", "transform"}
        How images are made.
    params : the method's parameter dataclass, or a mapping, optional
    epochs, max_steps, time_limit_s : number, optional
        Training ends at whichever comes first; None is no limit. The time starts
        after TensorFlow's import. Methods without training do not look at them.
    seed : int
        Of the fit.

    Attributes
    ----------
    spec_ : ImageSpec
    n_channels_ : int
    classes_ : array of the label values, ascending; None without labels
    history_ : dict of lists: step, seconds, loss, ...; empty without training
    n_steps_ : int
        Optimiser steps done; ``max_steps=n_steps_`` gives the same model again.
    """

    kind: ClassVar[str] = "generator"

    def __init__(
        self,
        method: str = "decoder",
        *,
        params: Any = None,
        epochs: int | None = None,
        max_steps: int | None = None,
        time_limit_s: float | None = 30.0,
        seed: int = 0,
    ) -> None:
        found = GENERATORS.get(method)
        self.method = method
        self.params = make_params(found.Params, params)
        check_budget(epochs, max_steps, time_limit_s)
        self.budget = Budget(epochs, max_steps, time_limit_s)
        self.seed = check_seed(seed)
        self._fitted: GeneratorMethod | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether `fit` has succeeded."""
        return self._fitted is not None

    @property
    def _learnt(self) -> GeneratorMethod:
        self.check_fitted()
        assert self._fitted is not None
        return self._fitted

    @property
    def history_(self) -> dict[str, list[float]]:
        """Training curves; empty without training."""
        return self._learnt.history

    @property
    def n_steps_(self) -> int:
        """Optimiser steps done."""
        return self._learnt.n_steps

    def fit(
        self, images: Any, labels: Any = None, *, spec: ImageSpec | None = None
    ) -> Self:
        """Learn from images.

        Parameters
        ----------
        images : array or list of arrays
            Every time point and separate image is a source of its own. Pixels that
            are not finite are no-data.
        labels : integer array or list of arrays, optional
            Of the images' shapes without channels; every value counts, 0 too.
        spec : ImageSpec, optional
            The axes of the images.
        """
        return run(self.fit_steps(images, labels, spec=spec))

    def fit_steps(
        self, images: Any, labels: Any = None, *, spec: ImageSpec | None = None
    ) -> Steps[Self]:
        """`fit` as a generator of steps; FINISH ends training early."""
        spec, pairs = check_pairs(images, labels, spec, labels_name="labels")
        sources = [s for pair in pairs for s in sources_of(pair)]
        check_dimensions(self.method, spec)
        check_label_values(self.method, label_values(sources))
        for pair in pairs:
            warn_if_flat(pair.frames)
        if not any(np.isfinite(s.image).all(axis=0).any() for s in sources):
            raise ValueError("image has no pixel with data: there is nothing to learn.")
        method = GENERATORS.get(self.method)(self.params, spec.sampling)
        yield from method.fit_steps(sources, self.budget, self.seed)
        self.spec_ = spec
        self.n_channels_ = pairs[0].frames.shape[1]
        self.values_ = ValueRange.union([ValueRange.of(p.frames) for p in pairs])
        self.classes_ = None if labels is None else label_values(sources)
        self.provenance_ = provenance(
            [p.frames for p in pairs],
            [p.labels for p in pairs if p.labels is not None],
        )
        self._fitted = method
        return self

    def generate(self, n: int, shape: Sequence[int], seed: int) -> Array:
        """Make images.

        Parameters
        ----------
        n : int
            How many.
        shape : sequence of int
            Spatial shape in pixels, any size.
        seed : int
            Image i depends on `seed` and i only, not on `n`.

        Returns
        -------
        array of shape (n, *shape) or (n, *shape, C)
            Of the training images' type and range.
        """
        return run(self.generate_steps(n, shape, seed))

    def generate_steps(self, n: int, shape: Sequence[int], seed: int) -> Steps[Array]:
        """`generate` as a generator of steps."""
        images, _ = yield from self._make_steps(n, shape, seed, with_labels=False)
        return images

    def generate_pairs(
        self, n: int, shape: Sequence[int], seed: int
    ) -> tuple[Array, Array]:
        """Make images with their labels, ``(n, *shape[, C])`` and ``(n, *shape)``.

        Labels have values of the training labels only, in the smallest unsigned type.
        The images are those of `generate`.
        """
        return run(self.generate_pairs_steps(n, shape, seed))

    def generate_pairs_steps(
        self, n: int, shape: Sequence[int], seed: int
    ) -> Steps[tuple[Array, Array]]:
        """`generate_pairs` as a generator of steps."""
        self._check_pairs_possible()
        images, labels = yield from self._make_steps(n, shape, seed, with_labels=True)
        assert labels is not None
        return images, labels

    def _check_pairs_possible(self) -> None:
        self.check_fitted()
        check_ability(self.method, "makes_pairs", "make labels")
        if self.classes_ is None:
            raise ValueError(
                "labels cannot be generated: this generator was fitted without. "
                "Fit it with labels."
            )

    def _make_steps(
        self, n: int, shape: Sequence[int], seed: int, *, with_labels: bool
    ) -> Steps[tuple[Array, Array | None]]:
        method, spec = self._learnt, self.spec_
        n, seed = check_count(n), check_seed(seed)
        dtype = self.values_.low.dtype
        shape = check_shape(shape, spec, n, self.n_channels_, dtype.itemsize)
        images = np.empty((n, self.n_channels_, *shape), dtype)
        labels = np.empty((n, *shape), self._label_dtype) if with_labels else None
        for i in range(n):
            rng = np.random.default_rng([seed, i])
            steps = method.make_steps(shape, rng, with_labels=with_labels)
            made = yield from _relay(steps, i, n)
            images[i] = self.values_.fitted(made.image)
            if labels is not None:
                labels[i] = made.labels
        if spec.channel_axis is None:
            return images[:, 0], labels
        return np.ascontiguousarray(np.moveaxis(images, 1, -1)), labels

    @property
    def _label_dtype(self) -> Any:
        assert self.classes_ is not None
        return smallest_unsigned(int(self.classes_.max()))

    def vary(
        self, image: Any, strength: float, seed: int, labels: Any = None
    ) -> Array | tuple[Array, Array]:
        """Make a variation of an image, and of its labels if given.

        Parameters
        ----------
        image : array with the axes of the training images
            Keeps its type and range. Each frame varies on its own.
        strength : float
            0 returns a copy of the image, 1 departs from it as far as the method
            can.
        seed : int
        labels : integer array, optional

        Returns
        -------
        image, or (image, labels)
        """
        return run(self.vary_steps(image, strength, seed, labels))

    def vary_steps(
        self, image: Any, strength: float, seed: int, labels: Any = None
    ) -> Steps[Array | tuple[Array, Array]]:
        """`vary` as a generator of steps."""
        method = self._learnt
        check_ability(self.method, "can_vary", "vary images")
        array = check_new_image(image, self.spec_, self.n_channels_)
        strength, seed = check_strength(strength), check_seed(seed)
        marks = None if labels is None else self._check_marks(labels, array)
        if strength == 0:
            copy = array.copy()
            return copy if marks is None else (copy, marks.copy())
        _, pairs = check_pairs(array, marks, self.spec_, labels_name="labels")
        made = []
        for i, source in enumerate(sources := sources_of(pairs[0])):
            rng = np.random.default_rng([seed, i])
            steps = method.vary_steps(source, strength, rng)
            one = yield from _relay(steps, i, len(sources))
            kept = ValueRange.of(source.image[np.newaxis]).fitted(one.image)
            made.append(Source(kept, one.labels))
        frames = np.stack([m.image for m in made])
        varied = np.ascontiguousarray(self.spec_.unframe_image(frames, array.shape))
        if marks is None:
            return varied
        stacked = np.stack([m.labels for m in made if m.labels is not None])
        unframed = self.spec_.unframe(stacked, marks.shape).astype(marks.dtype)
        return varied, np.ascontiguousarray(unframed)

    def _check_marks(self, labels: Any, image: Array) -> Array:
        marks = check_labels(labels, "labels")
        if self._learnt.max_label_values is None:
            return marks
        self._check_pairs_possible()
        assert self.classes_ is not None
        if odd := sorted(set(np.unique(marks).tolist()) - set(self.classes_.tolist())):
            raise ValueError(
                f"labels has the value {odd[0]}, which the training labels had not: "
                f"they had {self.classes_.tolist()}."
            )
        return marks.astype(np.promote_types(marks.dtype, self._label_dtype))

    def recipe(
        self, n: int, shape: Sequence[int], seed: int, *, pairs: bool = False
    ) -> Recipe:
        """Say what `generate` or `generate_pairs` was asked for, to be kept with it."""
        method = self._learnt
        return Recipe(
            method=self.method,
            params=as_json(self.params),
            fit_seed=self.seed,
            n_steps=method.n_steps,
            n=check_count(n),
            shape=tuple(int(s) for s in shape),
            seed=check_seed(seed),
            pairs=pairs,
            model=state_hash(method),
            versions=package_versions(),
        )

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header and the arrays of the model file."""
        return write_generator(self, self._learnt)

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the generator that `to_archive` described."""
        model = cls(
            header["method"],
            params=header["params"],
            epochs=header["epochs"],
            max_steps=header["max_steps"],
            time_limit_s=header["time_limit_s"],
            seed=header["seed"],
        )
        model._fitted = read_into(model, header, arrays)
        return model


def _relay(steps: Steps[Source], i: int, n: int) -> Steps[Source]:
    """Pass the steps of one of n images on, as steps of the whole."""
    command: Order | None = None
    while True:
        try:
            step = steps.send(command)
        except StopIteration as end:
            made: Source = end.value
            return made
        command = yield Step(i, n, f"Image {i + 1} of {n}: {step.text}", step.figures)
