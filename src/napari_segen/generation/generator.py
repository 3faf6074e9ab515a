"""The generator of images that users meet: fit, generate, vary, save."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from napari_segen.core.checks import check_pairs
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.model import Model
from napari_segen.core.parameters import make_params
from napari_segen.core.provenance import provenance
from napari_segen.core.steps import Steps, run
from napari_segen.generation import making
from napari_segen.generation.abilities import (
    check_ability,
    check_dimensions,
    check_has_data,
    check_label_values,
    check_needs_images,
    check_task,
)
from napari_segen.generation.method import (
    Budget,
    GeneratorMethod,
    label_values,
    sources_of,
)
from napari_segen.generation.modelfile import read_into, write_generator
from napari_segen.generation.recipe import Recipe
from napari_segen.generation.recipes import (
    recipe_of,
    recipe_of_painted,
    recipe_of_varied,
)
from napari_segen.generation.registry import GENERATORS
from napari_segen.generation.requests import check_budget, check_seed


class ImageGenerator(Model):
    """Makes new images that look like those it was fitted on, with labels if given.

    Parameters
    ----------
    method : str
        How images are made; one of the registry's.
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
    task_ : str
        What the labels mean: ``"classes"`` or ``"instances"``.
    has_labels_ : bool
        Whether it was fitted with labels, or makes them anyway.
    classes_ : array of the values of the classes, ascending; None without
    history_ : dict of lists: step, seconds, loss, ...; empty without training
    n_steps_ : int
        Optimiser steps done; ``max_steps=n_steps_`` gives the same model again.
    """

    kind: ClassVar[str] = "generator"
    classes_: Array | None

    def __init__(
        self,
        method: str = "flow",
        *,
        params: Any = None,
        epochs: int | None = None,
        max_steps: int | None = None,
        time_limit_s: float | None = 150.0,
        seed: int = 0,
    ) -> None:
        found = GENERATORS.get(method)
        self.method = method
        self.params = make_params(found.Params, params)
        check_budget(epochs, max_steps, time_limit_s)
        self.budget = Budget(epochs, max_steps, time_limit_s)
        self.seed = check_seed(seed)
        self._fitted: GeneratorMethod | None = None
        if not found.needs_images:
            self._take_over(found(self.params, (1.0, 1.0)))

    def _take_over(self, method: GeneratorMethod) -> None:
        """Be ready with a method that needs no images."""
        self.values_ = method.output_range()
        self.n_channels_ = len(self.values_.low)
        self.spec_ = making.own_spec(2, self.n_channels_)
        self.task_, self.classes_ = method.task, None
        self.has_labels_ = method.makes_pairs
        self.provenance_ = provenance([], [])
        self._fitted = method

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
    def makes_pairs(self) -> bool:
        """Whether `generate_pairs` works, as this generator was fitted."""
        makes_pairs = GENERATORS.get(self.method).makes_pairs
        return self.is_fitted and makes_pairs and self.has_labels_

    @property
    def can_paint(self) -> bool:
        """Whether `from_labels` works, as this generator was fitted."""
        can_paint = GENERATORS.get(self.method).can_paint
        return self.is_fitted and can_paint and self.has_labels_

    def spec_for(self, shape: Sequence[int]) -> ImageSpec:
        """Return the axes of one new image of the spatial `shape`.

        Those of the fit; a method that needs no images makes planes and volumes.
        """
        if GENERATORS.get(self.method).needs_images or len(shape) not in (2, 3):
            self.check_fitted()
            return self.spec_
        return making.own_spec(len(shape), self.n_channels_)

    @property
    def history_(self) -> dict[str, list[float]]:
        """Training curves; empty without training."""
        return self._learnt.history

    @property
    def n_steps_(self) -> int:
        """Optimiser steps done."""
        return self._learnt.n_steps

    def fit(
        self,
        images: Any,
        labels: Any = None,
        *,
        spec: ImageSpec | None = None,
        task: str = "classes",
        match_to: Any = None,
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
        task : {"classes", "instances"}
            What labels mean: values of classes, or ids of objects, 0 background.
        match_to : array, optional
            Grey values that new images take over (channels last), for ``"transform"``.
        """
        options: Any = {"spec": spec, "task": task, "match_to": match_to}
        return run(self.fit_steps(images, labels, **options))

    def fit_steps(
        self,
        images: Any,
        labels: Any = None,
        *,
        spec: ImageSpec | None = None,
        task: str = "classes",
        match_to: Any = None,
    ) -> Steps[Self]:
        """`fit` as a generator of steps; FINISH ends training early."""
        check_needs_images(self.method)
        check_task(self.method, task)
        spec, pairs = check_pairs(images, labels, spec, labels_name="labels")
        sources = [s for pair in pairs for s in sources_of(pair)]
        check_dimensions(self.method, spec)
        if task == "classes":
            check_label_values(self.method, label_values(sources))
        frames = [pair.frames for pair in pairs]
        check_has_data(frames)
        method = GENERATORS.get(self.method)(self.params, spec.sampling)
        if match_to is not None:
            check_ability(self.method, "can_match", "take over grey values")
            method.take_over_values(match_to, spec, frames[0].shape[1])
        yield from method.fit_steps(sources, self.budget, self.seed, task)
        self.spec_ = spec
        self.n_channels_ = frames[0].shape[1]
        self.values_ = method.range_of(frames)
        self.task_, self.has_labels_ = task, labels is not None
        is_classes = self.has_labels_ and task == "classes"
        self.classes_ = label_values(sources) if is_classes else None
        marks = [pair.labels for pair in pairs if pair.labels is not None]
        self.provenance_ = provenance(frames, marks)
        self._fitted = method
        return self

    def generate(
        self, n: int, shape: Sequence[int], seed: int, *, first: int = 0
    ) -> Array:
        """Make images.

        Parameters
        ----------
        n, first : int
            How many, and the number of the first one.
        shape : sequence of int
            Spatial shape in pixels, any size.
        seed : int
            Image i depends on `seed` and i only, not on `n`.

        Returns
        -------
        array of shape (n, *shape) or (n, *shape, C)
            Of the training images' type and range.
        """
        return run(self.generate_steps(n, shape, seed, first=first))

    def generate_steps(
        self, n: int, shape: Sequence[int], seed: int, *, first: int = 0
    ) -> Steps[Array]:
        """`generate` as a generator of steps."""
        images, _ = yield from making.make_steps(
            self, self._learnt, n, shape, seed, with_labels=False, first=first
        )
        return images

    def generate_pairs(
        self, n: int, shape: Sequence[int], seed: int, *, first: int = 0
    ) -> tuple[Array, Array]:
        """Make images with their labels, ``(n, *shape[, C])`` and ``(n, *shape)``.

        Labels of classes have values of the training labels only, in the smallest
        unsigned type; objects have the ids 1, 2, ..., int32. The images are those
        of `generate`.
        """
        return run(self.generate_pairs_steps(n, shape, seed, first=first))

    def generate_pairs_steps(
        self, n: int, shape: Sequence[int], seed: int, *, first: int = 0
    ) -> Steps[tuple[Array, Array]]:
        """`generate_pairs` as a generator of steps."""
        method = self._learnt
        check_ability(self.method, "makes_pairs", "make labels")
        if not self.makes_pairs:
            raise ValueError(
                "labels cannot be generated: this generator was fitted without. "
                "Fit it with labels."
            )
        images, labels = yield from making.make_steps(
            self, method, n, shape, seed, with_labels=True, first=first
        )
        assert labels is not None
        return images, labels

    def from_labels(self, labels: Any, seed: int, *, first: int = 0) -> Array:
        """Make an image for given labels.

        Parameters
        ----------
        labels : integer array of shape (*S) or (n, *S)
            Any size; values of the training labels (task ``"classes"``), or ids of
            objects and 0 for background (``"instances"``). Of n label maps each gets
            an image.
        seed, first : int
            As for `generate`.

        Returns
        -------
        array of shape (*S) or (*S, C), with n in front for n label maps
            Of the training images' type and range.
        """
        return run(self.from_labels_steps(labels, seed, first=first))

    def from_labels_steps(
        self, labels: Any, seed: int, *, first: int = 0
    ) -> Steps[Array]:
        """`from_labels` as a generator of steps."""
        return (
            yield from making.paint_steps(self, self._learnt, labels, seed, first=first)
        )

    def vary(
        self, image: Any, strength: float, seed: int, labels: Any = None
    ) -> Array | tuple[Array, Array]:
        """Make a variation of an image, and of its labels if given.

        Parameters
        ----------
        image : array with the axes of the training images
            Keeps its type and range, unless it takes over another's grey values.
        strength : float
            0 returns a copy of the image, 1 departs as far as the method can.
        seed : int
        labels : integer array (*S), optional
            A ValueError where the fit has not seen such values, or the method cannot
            vary images.

        Returns
        -------
        image, or (image, labels), of the shapes given
        """
        return run(self.vary_steps(image, strength, seed, labels))

    def vary_steps(
        self, image: Any, strength: float, seed: int, labels: Any = None
    ) -> Steps[Array | tuple[Array, Array]]:
        """`vary` as a generator of steps."""
        method = self._learnt
        return (
            yield from making.vary_steps(self, method, image, strength, seed, labels)
        )

    def recipe(
        self, n: int, shape: Sequence[int], seed: int, *, pairs: bool = False
    ) -> Recipe:
        """Say what `generate` or `generate_pairs` was asked for, to be kept with it."""
        return recipe_of(self, self._learnt, n, shape, seed, pairs=pairs)

    def recipe_from_labels(self, labels: Any, seed: int) -> Recipe:
        """Say what `from_labels` was asked for."""
        return recipe_of_painted(self, self._learnt, labels, seed)

    def recipe_vary(
        self, image: Any, strength: float, seed: int, labels: Any = None
    ) -> Recipe:
        """Say what `vary` was asked for."""
        return recipe_of_varied(self, self._learnt, image, strength, seed, labels)

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header and the arrays of the model file."""
        return write_generator(self, self._learnt)

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Build the generator that `to_archive` described."""
        names = ("method", "params", "epochs", "max_steps", "time_limit_s", "seed")
        model = cls(**{name: header[name] for name in names})
        model._fitted = read_into(model, header, arrays)
        return model
