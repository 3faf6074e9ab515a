"""What the user has chosen in the generator's dock, and what follows from it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox
from napari.layers import Labels

from napari_segen.core.imagespec import SPACE, ImageSpec
from napari_segen.core.steps import Step, Steps
from napari_segen.generation.requests import check_shape
from napari_segen.widgets.generator.form import GeneratorForm
from napari_segen.widgets.generator.match import GreyValues
from napari_segen.widgets.generator.preview import Wanted, learning_from_middle
from napari_segen.widgets.generator.requests import (
    EXAMPLE,
    PAINTED,
    SHAPES,
    Request,
)
from napari_segen.widgets.generator.tasks import (
    Given,
    Learn,
    Place,
    beside,
    learning_to_generate,
)
from napari_segen.widgets.jobs.keras_child import KerasChild
from napari_segen.widgets.layers import (
    Source,
    axes_of,
    image_shape,
    level_zero,
    mismatch,
    placement,
)
from napari_segen.widgets.segment_dock import ASK_AXES, NO_IMAGE
from napari_segen.widgets.tasks import RunSteps, run_here
from napari_segen.workflows.cost import n_bytes

_ID_BYTES = 4
# More label values than this are taken for numbers of objects.
_MOST_CLASSES = 10
_SEEN_LABELS = 2**16
NOTHING_TO_LEARN = "Synthetic scenes are drawn from scratch: press Generate."
_HOW_TO_GET_ONE = "press Fit, or Load… a generator."


class Inputs:
    """The chosen layers, the form, and the generator that the dock holds.

    Parameters
    ----------
    form : GeneratorForm
    image, labels, match : ComboBox
        Of layers.
    held : callable
        Returns the dock's fitted generator or None, and whether it came from a file.
    child : KerasChild
        Runs what is trained.
    """

    def __init__(
        self,
        form: GeneratorForm,
        image: ComboBox,
        labels: ComboBox,
        match: ComboBox,
        held: Callable[[], tuple[Any, bool]],
        child: KerasChild,
    ) -> None:
        self._form = form
        self._image, self._labels, self._match = image, labels, match
        self._model_and_whether_loaded = held
        self._child = child

    # -- what applies ---------------------------------------------------------

    @property
    def takes_images(self) -> bool:
        """Whether the method has to see an image first."""
        return self._form.source.value != SHAPES

    @property
    def fits_by_itself(self) -> bool:
        """Whether there is nothing to train: it learns when images are made."""
        return not self._form.method_class.needs_training

    @property
    def held(self) -> Any:
        """The fitted or loaded generator of the chosen method, or None."""
        model, is_loaded = self._model_and_whether_loaded()
        if model is None or model.method != self._form.method.choice.value:
            return None
        return None if self.fits_by_itself and not is_loaded else model

    @property
    def can_have_pairs(self) -> bool:
        """Whether labels can come with the images."""
        source = self._form.source.value
        if source == PAINTED:
            return False
        if source == EXAMPLE:
            return self._labels.value is not None
        if (held := self.held) is not None:
            return bool(held.makes_pairs)
        has_labels = not self.takes_images or self._labels.value is not None
        return bool(self._form.method_class.makes_pairs and has_labels)

    @property
    def can_match(self) -> bool:
        """Whether the images can take over the grey values of a layer."""
        return bool(self.takes_images and self._form.method_class.can_match)

    def follow_match(self) -> None:
        """Let all images take over grey values, or none: as a layer is chosen."""
        if self.can_match:
            share, is_chosen = self._form.method.field("match"), self._match.value
            if (share.value == 0) is (is_chosen is not None):
                share.value = 0.0 if is_chosen is None else 1.0

    def _grey_values(self) -> GreyValues | None:
        if not self.can_match or self._match.value is None:
            return None
        # With a share of 0 there is nothing to take over.
        is_wanted = self._form.method.values().match > 0
        return GreyValues.of(self._match.value) if is_wanted else None

    def source(self) -> Source | None:
        """Return the image layer to learn from, or None."""
        image = self._image.value if self.takes_images else None
        axes = None if image is None else axes_of(image)
        return None if axes is None else Source.of(image, axes)

    def guessed_task(self) -> str | None:
        """Take labels with many values for numbered objects; None if not known."""
        data = None if self._labels.value is None else level_zero(self._labels.value)
        if not isinstance(data, np.ndarray) or not data.size:
            return None
        seen = data.ravel()[:: max(1, data.size // _SEEN_LABELS)]
        return "instances" if len(np.unique(seen)) > _MOST_CLASSES else "classes"

    # -- why not --------------------------------------------------------------

    def why_no_image(self) -> str:
        """Say why there is no image; empty if there is."""
        if self._image.value is None:
            return NO_IMAGE
        return "" if axes_of(self._image.value) else ASK_AXES

    def why_no_learning(self) -> str:
        """Say why nothing can be learnt from the chosen layers; empty if it can."""
        if not self.takes_images:
            return NOTHING_TO_LEARN
        if reason := self.why_no_image():
            return reason
        image, labels = self._image.value, self._labels.value
        return "" if labels is None else mismatch(image, axes_of(image), labels)

    def why_not_ready(self) -> str:
        """Say why no image can be made now; empty if one can."""
        if not self.takes_images:
            return ""
        held, source = self.held, self._form.source.value
        if held is None and self.fits_by_itself:
            return self.why_no_learning()
        if held is None:
            return self.why_no_image() or f"There is no model yet: {_HOW_TO_GET_ONE}"
        if source == EXAMPLE:
            return self.why_no_learning()
        return self._why_no_painting(held) if source == PAINTED else ""

    def _why_no_painting(self, held: Any) -> str:
        if not held.can_paint:
            return (
                "This generator was fitted without labels, so that it cannot make an "
                "image for some: choose labels, and press Fit again."
            )
        if self._labels.value is None:
            return "Choose the labels that an image is to be made for."
        ndim, n_space = len(image_shape(self._labels.value)), held.spec_.n_space
        if ndim not in (n_space, n_space + 1):
            return (
                f"The labels have {ndim} axes, but this generator makes images with "
                f"{n_space}: choose others."
            )
        return ""

    # -- what is asked for ----------------------------------------------------

    def request(self) -> Request:
        """Return what is asked for; ValueError says what cannot be made."""
        source = self._form.source.value
        if source == PAINTED:
            shape = image_shape(self._labels.value)
            request = self._form.request(shape, pairs=False)
            is_stack = len(shape) > self.held.spec_.n_space
            return replace(request, n=shape[0]) if is_stack else request
        if source == EXAMPLE:
            shape = image_shape(self._image.value)
            return self._form.request(shape, self.can_have_pairs)
        request = self._form.request(None, self.can_have_pairs)
        spec, n_channels, dtype = self._kind(request.shape)
        check_shape(request.shape, spec, request.n, n_channels, dtype.itemsize)
        return request

    def _kind(self, shape: tuple[int, ...]) -> tuple[ImageSpec, int, np.dtype]:
        """Return axes, number of channels and type of images that would be made."""
        held, source = self.held, self.source()
        if not self.takes_images:
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
        if (grey := self._grey_values()) is not None:
            dtypes.append(grey.data.dtype)
        n_channels = source.spec.n_channels(source.shape)
        return source.spec, n_channels, np.result_type(*dtypes)

    def size_of(
        self, request: Request, seconds_per_value: float | None
    ) -> tuple[int, float | None]:
        """Return the memory that the images take, and the time if it is known."""
        if request.source == EXAMPLE:
            n_channels, itemsize = 1, level_zero(self._image.value).dtype.itemsize
        else:
            _, n_channels, dtype = self._kind(request.shape[-2:])
            itemsize = dtype.itemsize
        shape = request.shape
        if request.source == PAINTED and len(shape) > self.held.spec_.n_space:
            shape = shape[1:]
        label_size = _ID_BYTES if request.pairs else 0
        size = n_bytes(request.n, shape, n_channels * itemsize, label_size)
        n_values = n_bytes(request.n, shape, n_channels, 0)
        return size, seconds_per_value and seconds_per_value * n_values

    def fresh(self) -> Any:
        """Make a generator as the form says that has learnt nothing."""
        from napari_segen.generation.generator import ImageGenerator

        return ImageGenerator(
            self._form.method.choice.value,
            params=self._form.method.values(),
            time_limit_s=self._form.budget.value,
            seed=0 if self.fits_by_itself else self._form.seed.value,
        )

    def run_steps(self) -> RunSteps:
        """Return what runs the generator's steps: this process, or Keras'."""
        return run_here if self.fits_by_itself else self._child.run_steps

    def learn(self, *, is_preview: bool = False) -> Learn:
        """Return the job that comes back with the generator to use."""
        if (held := self.held) is not None:
            return partial(_holding, held)
        model = self.fresh()
        if model.is_fitted:
            return partial(_holding, model)
        job = learning_from_middle if is_preview else learning_to_generate
        return partial(job, run_here, model, *self.lesson())

    def lesson(self) -> tuple[Source, Any, str, GreyValues | None]:
        """Return what is to be learnt: image, labels, what they are, grey values."""
        labels = self._labels.value
        painted = None if labels is None else level_zero(labels)
        source = self.source()
        assert source is not None
        return source, painted, self._form.task.value, self._grey_values()

    def given(self, request: Request) -> Given:
        """Return the example, or the label map, that images are made from."""
        labels = self._labels.value
        painted = None if labels is None else level_zero(labels)
        if request.source == EXAMPLE:
            image = level_zero(self._image.value)
            return Given(image, painted if request.pairs else None)
        return Given(None, painted) if request.source == PAINTED else Given()

    def place(self, request: Request) -> Place:
        """Return where the new layers go: beside the source, or over it."""
        source, is_separate = self.source(), self._form.is_separate
        if request.source == EXAMPLE and source is not None:
            over = source.image_placement, source.label_placement
            return Place(over=over, is_rgb=self.is_rgb, is_separate=is_separate)
        if request.source == PAINTED:
            over = _of_last_axes(self._labels.value, self.held.spec_.n_space)
            return Place(over=(over, over), is_separate=is_separate)
        corner = (0.0, 0.0) if source is None else beside(source)
        return Place(corner, is_separate=is_separate)

    @property
    def is_rgb(self) -> bool:
        """Whether the image's channels are red, green and blue."""
        image = self._image.value
        return bool(self.takes_images and image is not None and image.rgb)

    def wanted_preview(self) -> Wanted | str:
        """Return what a preview is made of, or why there can be none."""
        if reason := self.why_not_ready():
            return reason
        try:
            request = self.request()
            learn = self.learn(is_preview=True)
        except (ValueError, TypeError) as err:
            return str(err)
        given, axes = self.given(request), SPACE
        if request.source == EXAMPLE:
            axes = axes_of(self._image.value) or axes
        elif request.source == PAINTED:
            n_space = self.held.spec_.n_space
            axes = "n" * (len(request.shape) - n_space) + SPACE[-n_space:]
        return Wanted(
            self.run_steps(),
            learn,
            request,
            given.image,
            given.labels,
            axes,
            self.is_rgb,
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


def space_shape(source: Source) -> tuple[int, ...]:
    """Return the spatial shape of an image."""
    nothing = np.broadcast_to(np.uint8(0), source.shape)
    return source.spec.frames(nothing).shape[2:]
