"""What the user has chosen in the generator's dock, and what follows from it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from magicgui.widgets import ComboBox

from napari_segen.widgets.dock import ASK_AXES, NO_IMAGE
from napari_segen.widgets.generator.form import GeneratorForm
from napari_segen.widgets.generator.match import GreyValues
from napari_segen.widgets.generator.requests import (
    EXAMPLE,
    PAINTED,
    SHAPES,
)
from napari_segen.widgets.layers import (
    Source,
    axes_of,
    image_shape,
    level_zero,
    mismatch,
)

# More label values than this are taken for numbers of objects.
_MOST_CLASSES = 10
_SEEN_LABELS = 2**16
NOTHING_TO_LEARN = "Synthetic scenes are drawn from scratch: press Generate."
HOW_TO_GET_ONE = "press Fit, or Load… a generator."


class Inputs:
    """The chosen layers, the form, and the generator that the dock holds.

    Parameters
    ----------
    form : GeneratorForm
    image, labels, match : ComboBox
        Of layers.
    held : callable
        Returns the dock's fitted generator or None, and whether it came from a file.
    """

    def __init__(
        self,
        form: GeneratorForm,
        image: ComboBox,
        labels: ComboBox,
        match: ComboBox,
        held: Callable[[], tuple[Any, bool]],
    ) -> None:
        self.form = form
        self.image, self.labels, self.match = image, labels, match
        self._model_and_whether_loaded = held

    # -- what applies ---------------------------------------------------------

    @property
    def takes_images(self) -> bool:
        """Whether the method has to see an image first."""
        return self.form.source.value != SHAPES

    @property
    def fits_by_itself(self) -> bool:
        """Whether there is nothing to train: it learns when images are made."""
        return not self.form.method_class.needs_training

    @property
    def held(self) -> Any:
        """The fitted or loaded generator of the chosen method, or None."""
        model, is_loaded = self._model_and_whether_loaded()
        if model is None or model.method != self.form.method.choice.value:
            return None
        return None if self.fits_by_itself and not is_loaded else model

    @property
    def can_have_pairs(self) -> bool:
        """Whether labels can come with the images."""
        source = self.form.source.value
        if source == PAINTED:
            return False
        if source == EXAMPLE:
            return self.labels.value is not None
        if (held := self.held) is not None:
            return bool(held.makes_pairs)
        has_labels = not self.takes_images or self.labels.value is not None
        return bool(self.form.method_class.makes_pairs and has_labels)

    @property
    def can_match(self) -> bool:
        """Whether the images can take over the grey values of a layer."""
        return bool(self.takes_images and self.form.method_class.can_match)

    def follow_match(self) -> None:
        """Let all images take over grey values, or none: as a layer is chosen."""
        if self.can_match:
            share, is_chosen = self.form.method.field("match"), self.match.value
            if (share.value == 0) is (is_chosen is not None):
                share.value = 0.0 if is_chosen is None else 1.0

    def grey_values(self) -> GreyValues | None:
        """Return the grey values that the images take over, or None."""
        if not self.can_match or self.match.value is None:
            return None
        # With a share of 0 there is nothing to take over.
        is_wanted = self.form.method.values().match > 0
        return GreyValues.of(self.match.value) if is_wanted else None

    @property
    def is_rgb(self) -> bool:
        """Whether the image's channels are red, green and blue."""
        image = self.image.value
        return bool(self.takes_images and image is not None and image.rgb)

    def source(self) -> Source | None:
        """Return the image layer to learn from, or None."""
        image = self.image.value if self.takes_images else None
        axes = None if image is None else axes_of(image)
        return None if axes is None else Source.of(image, axes)

    def guessed_task(self) -> str | None:
        """Take labels with many values for numbered objects; None if not known."""
        data = None if self.labels.value is None else level_zero(self.labels.value)
        if not isinstance(data, np.ndarray) or not data.size:
            return None
        seen = data.ravel()[:: max(1, data.size // _SEEN_LABELS)]
        return "instances" if len(np.unique(seen)) > _MOST_CLASSES else "classes"

    # -- why not --------------------------------------------------------------

    def why_no_image(self) -> str:
        """Say why there is no image; empty if there is."""
        if self.image.value is None:
            return NO_IMAGE
        return "" if axes_of(self.image.value) else ASK_AXES

    def why_no_learning(self) -> str:
        """Say why nothing can be learnt from the chosen layers; empty if it can."""
        if not self.takes_images:
            return NOTHING_TO_LEARN
        if reason := self.why_no_image():
            return reason
        image, labels = self.image.value, self.labels.value
        return "" if labels is None else mismatch(image, axes_of(image), labels)

    def why_not_ready(self) -> str:
        """Say why no image can be made now; empty if one can."""
        if not self.takes_images:
            return ""
        held, source = self.held, self.form.source.value
        if held is None and self.fits_by_itself:
            return self.why_no_learning()
        if held is None:
            return self.why_no_image() or f"There is no model yet: {HOW_TO_GET_ONE}"
        if source == EXAMPLE:
            return self.why_no_learning()
        return self._why_no_painting(held) if source == PAINTED else ""

    def _why_no_painting(self, held: Any) -> str:
        if not held.can_paint:
            return (
                "This generator was fitted without labels, so that it cannot make an "
                "image for some: choose labels, and press Fit again."
            )
        if self.labels.value is None:
            return "Choose the labels that an image is to be made for."
        ndim, n_space = len(image_shape(self.labels.value)), held.spec_.n_space
        if ndim not in (n_space, n_space + 1):
            return (
                f"The labels have {ndim} axes, but this generator makes images with "
                f"{n_space}: choose others."
            )
        return ""


def space_shape(source: Source) -> tuple[int, ...]:
    """Return the spatial shape of an image."""
    nothing = np.broadcast_to(np.uint8(0), source.shape)
    return source.spec.frames(nothing).shape[2:]
