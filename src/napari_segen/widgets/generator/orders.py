"""What the choices in the generator's dock ask for: to learn, to make, to preview."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_segen.core.imagespec import SPACE, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.requests import check_shape
from napari_segen.widgets.generator.inputs import Inputs
from napari_segen.widgets.generator.match import GreyValues
from napari_segen.widgets.generator.preview import Wanted, learning_from_middle
from napari_segen.widgets.generator.requests import EXAMPLE, PAINTED, Request
from napari_segen.widgets.generator.tasks import (
    Given,
    Learn,
    Place,
    learning_to_generate,
)
from napari_segen.widgets.jobs.keras_child import KerasChild
from napari_segen.widgets.layers import (
    Source,
    axes_of,
    beside,
    image_shape,
    level_zero,
    placement,
)
from napari_segen.widgets.tasks import RunSteps, run_here
from napari_segen.workflows.cost import n_bytes

_ID_BYTES = 4


class Orders:
    """Turns what is chosen into jobs and what they are given.

    Parameters
    ----------
    chosen : Inputs
    child : KerasChild
        Runs what is trained.
    """

    def __init__(self, chosen: Inputs, child: KerasChild) -> None:
        self._chosen, self._child = chosen, child

    def request(self) -> Request:
        """Return what is asked for; ValueError says what cannot be made."""
        source = self._chosen.form.source.value
        if source == PAINTED:
            shape = image_shape(self._chosen.labels.value)
            request = self._chosen.form.request(shape, pairs=False)
            is_stack = len(shape) > self._chosen.held.spec_.n_space
            return replace(request, n=shape[0]) if is_stack else request
        if source == EXAMPLE:
            shape = image_shape(self._chosen.image.value)
            return self._chosen.form.request(shape, self._chosen.can_have_pairs)
        request = self._chosen.form.request(None, self._chosen.can_have_pairs)
        spec, n_channels, dtype = self._kind(request.shape)
        check_shape(request.shape, spec, request.n, n_channels, dtype.itemsize)
        return request

    def _kind(self, shape: tuple[int, ...]) -> tuple[ImageSpec, int, np.dtype]:
        """Return axes, number of channels and type of images that would be made."""
        held, source = self._chosen.held, self._chosen.source()
        if not self._chosen.takes_images:
            if len(shape) not in (2, 3):
                raise ValueError(
                    f"size: give two numbers for planes or three for volumes, "
                    f"got {len(shape)}."
                )
            held = held or self.fresh()
        if held is not None:
            return held.spec_for(shape), held.n_channels_, held.values_.low.dtype
        assert source is not None
        dtypes = [source.data.dtype]
        if (grey := self._chosen.grey_values()) is not None:
            dtypes.append(grey.data.dtype)
        n_channels = source.spec.n_channels(source.shape)
        return source.spec, n_channels, np.result_type(*dtypes)

    def size_of(
        self, request: Request, seconds_per_value: float | None
    ) -> tuple[int, float | None]:
        """Return the memory that the images take, and the time if it is known."""
        if request.source == EXAMPLE:
            example = level_zero(self._chosen.image.value)
            n_channels, itemsize = 1, example.dtype.itemsize
        else:
            _, n_channels, dtype = self._kind(request.shape[-2:])
            itemsize = dtype.itemsize
        shape = request.shape
        if request.source == PAINTED and len(shape) > self._chosen.held.spec_.n_space:
            shape = shape[1:]
        label_size = _ID_BYTES if request.pairs else 0
        size = n_bytes(request.n, shape, n_channels * itemsize, label_size)
        n_values = n_bytes(request.n, shape, n_channels, 0)
        return size, seconds_per_value and seconds_per_value * n_values

    def fresh(self) -> Any:
        """Make a generator as the form says that has learnt nothing."""
        from napari_segen.generation.generator import ImageGenerator

        return ImageGenerator(
            self._chosen.form.method.choice.value,
            params=self._chosen.form.method.values(),
            time_limit_s=self._chosen.form.budget.value,
            seed=0 if self._chosen.fits_by_itself else self._chosen.form.seed.value,
        )

    def run_steps(self) -> RunSteps:
        """Return what runs the generator's steps: this process, or Keras'."""
        return run_here if self._chosen.fits_by_itself else self._child.run_steps

    def learn(self, *, is_preview: bool = False) -> Learn:
        """Return the job that comes back with the generator to use."""
        if (held := self._chosen.held) is not None:
            return partial(_holding, held)
        model = self.fresh()
        if model.is_fitted:
            return partial(_holding, model)
        job = learning_from_middle if is_preview else learning_to_generate
        return partial(job, run_here, model, *self.lesson())

    def lesson(self) -> tuple[Source, Any, str, GreyValues | None]:
        """Return what is to be learnt: image, labels, what they are, grey values."""
        labels = self._chosen.labels.value
        painted = None if labels is None else level_zero(labels)
        source = self._chosen.source()
        assert source is not None
        return source, painted, self._chosen.form.task.value, self._chosen.grey_values()

    def given(self, request: Request) -> Given:
        """Return the example, or the label map, that images are made from."""
        labels = self._chosen.labels.value
        painted = None if labels is None else level_zero(labels)
        if request.source == EXAMPLE:
            image = level_zero(self._chosen.image.value)
            return Given(image, painted if request.pairs else None)
        return Given(None, painted) if request.source == PAINTED else Given()

    def place(self, request: Request) -> Place:
        """Return where the new layers go: beside the source, or over it."""
        source, is_separate = self._chosen.source(), self._chosen.form.is_separate
        if request.source == EXAMPLE and source is not None:
            over = source.image_placement, source.label_placement
            return Place(over=over, is_rgb=self._chosen.is_rgb, is_separate=is_separate)
        if request.source == PAINTED:
            n_space = self._chosen.held.spec_.n_space
            over = _of_last_axes(self._chosen.labels.value, n_space)
            return Place(over=(over, over), is_separate=is_separate)
        corner = (0.0, 0.0) if source is None else beside(source)
        return Place(corner, is_separate=is_separate)

    def wanted_preview(self) -> Wanted | str:
        """Return what a preview is made of, or why there can be none."""
        if reason := self._chosen.why_not_ready():
            return reason
        try:
            request = self.request()
            learn = self.learn(is_preview=True)
        except (ValueError, TypeError) as err:
            return str(err)
        given, axes = self.given(request), SPACE
        if request.source == EXAMPLE:
            axes = axes_of(self._chosen.image.value) or axes
        elif request.source == PAINTED:
            n_space = self._chosen.held.spec_.n_space
            axes = "n" * (len(request.shape) - n_space) + SPACE[-n_space:]
        return Wanted(
            self.run_steps(),
            learn,
            request,
            given.image,
            given.labels,
            axes,
            self._chosen.is_rgb,
        )


def _holding(model: Any) -> Steps[Any]:
    yield Step(0, 0, "Starting")
    return model


def _of_last_axes(layer: Labels, n_space: int) -> dict[str, Any]:
    """Return the place of a labels layer, of a stack that of one of its planes."""
    whole = placement(layer)
    if layer.ndim == n_space:
        return whole
    names = ("scale", "translate", "units", "axis_labels")
    return {name: tuple(whole[name])[-n_space:] for name in names}
