"""What a fit is given: checked, and brought to what it learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_segen.core.checks import Pair, as_list, check_pairs, check_spec
from napari_segen.core.imagespec import Array, ImageSpec, infer_spec
from napari_segen.core.normalization import Normalization
from napari_segen.core.provenance import provenance
from napari_segen.core.sparse import SparseLabels
from napari_segen.core.steps import Steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.cache import FeatureCache
from napari_segen.probabilistic.channels import is_colour_image, looked_at
from napari_segen.probabilistic.earlier import Earlier, history_of
from napari_segen.probabilistic.frame import Frame
from napari_segen.probabilistic.guidance.kind import MOST_FRAMES, Kind
from napari_segen.probabilistic.live.learner import Learner
from napari_segen.probabilistic.live.picture import Picture
from napari_segen.probabilistic.live.strokes import Painted
from napari_segen.probabilistic.registry import CLASSIFIERS
from napari_segen.probabilistic.scaling import FeatureScaling
from napari_segen.probabilistic.source import Source, StrokeSource, source_of

if TYPE_CHECKING:
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

COLOURS = (3, 4)


@dataclass(frozen=True, slots=True)
class Given:
    """What a fit is given.

    Parameters
    ----------
    spec : ImageSpec
        The axes of each image.
    n_channels : int
        Channels of the images, used or not.
    is_colour : bool
        Whether they are red, green and blue.
    source : Source
        What is learnt from.
    before : ProbabilisticSegmenter, or None
        The model to whose strokes those of the images are added.
    frames : list of arrays of shape (C, *S)
        Those of all images, only the channels that are used; None where these are read
        only in parts.
    cache : FeatureCache, optional
    images, labels : list of arrays
        As they were given.
    """

    spec: ImageSpec
    n_channels: int
    is_colour: bool
    source: Source
    before: "ProbabilisticSegmenter | None"
    frames: list[Array] | None
    cache: FeatureCache | None
    images: list[Array]
    labels: list[Array]

    @classmethod
    def to(
        cls,
        model: "ProbabilisticSegmenter",
        image: Any,
        scribbles: Any,
        spec: ImageSpec | None,
        cache: FeatureCache | None,
        init_from: Any,
    ) -> "Given":
        """Check what a fit of `model` is given, see `ProbabilisticSegmenter.fit`."""
        if isinstance(scribbles, SparseLabels):
            return cls._in_parts(model, image, scribbles, spec, cache, init_from)
        needs_strokes = CLASSIFIERS.get(model.method).needs_strokes
        check_scribbles(model.method, needs_strokes, image, scribbles, spec, init_from)
        spec, pairs = check_pairs(image, scribbles, spec)
        n_channels = pairs[0].frames.shape[1]
        is_colour = model.channels is None and is_colour_image(spec, n_channels)
        used = [
            Pair(looked_at(p.frames, model.channels, is_colour), p.labels)
            for p in pairs
        ]
        before = earlier = None
        if init_from is not None:
            before = model.opened(init_from)
            earlier = Earlier.of(before, model, spec, n_channels, is_colour=is_colour)
        source = source_of(used, needs_strokes, cache, earlier)
        images = [np.asarray(i) for i in as_list(image)]
        marks = [] if scribbles is None else as_list(scribbles)
        labels = [np.asarray(m) for m in marks]
        frames = [v for p in used for v in p.frames]
        return cls(
            spec, n_channels, is_colour, source, before, frames, cache, images, labels
        )

    @classmethod
    def _in_parts(
        cls,
        model: "ProbabilisticSegmenter",
        image: Any,
        scribbles: SparseLabels,
        spec: ImageSpec | None,
        cache: FeatureCache | None,
        init_from: Any,
    ) -> "Given":
        """Look at the image only where it is painted."""
        needs_strokes = CLASSIFIERS.get(model.method).needs_strokes
        check_scribbles(model.method, needs_strokes, image, scribbles, spec, init_from)
        spec = check_sparse(image, scribbles, spec)
        n_channels = spec.n_channels(tuple(image.shape))
        picture = Picture(image, spec, model.channels)
        learner = Learner(picture, FeatureCache() if cache is None else cache)
        before = None if init_from is None else model.opened(init_from)
        earlier = None if before is None else learner.earlier(model, before)
        source = learner.source(Painted.on(scribbles, spec), 0, earlier)
        return cls(
            spec,
            n_channels,
            picture.is_colour,
            source,
            before,
            None,
            cache,
            [image],
            [np.column_stack(scribbles.labelled())],
        )

    def kind_steps(
        self, scale: Normalization, bank: FilterBank, scaling: FeatureScaling
    ) -> Steps[Kind | None]:
        """Learn what kind of images they are; None where not all are at hand."""
        source = self.source
        strokes = source.frames if isinstance(source, StrokeSource) else []
        if self.frames is None or any(frame.place is None for frame in strokes):
            return None
        some = self.frames[:: -(-len(self.frames) // MOST_FRAMES)]
        frames = [Frame.of(v, scale, bank, self.cache) for v in some]
        return (yield from Kind.learnt_steps(frames, scaling))

    def provenance(self) -> Mapping[str, Any]:
        """Return what a model file says of its origin."""
        history = {} if self.before is None else {"earlier": history_of(self.before)}
        # Of an image that is read in parts a hash would take reading all of it.
        known = self.images if self.frames is not None else []
        return provenance(known, self.labels, **history)


def check_sparse(
    image: Any, scribbles: SparseLabels, spec: ImageSpec | None
) -> ImageSpec:
    """Return the axes of an image that sparse scribbles fit; ValueError otherwise."""
    check_spec(spec)
    if isinstance(image, list | tuple):
        raise ValueError(
            "sparse scribbles are of one image. Give arrays for a list of images."
        )
    if spec is None:
        spec = infer_spec(tuple(image.shape), scribbles.shape)
    wanted = spec.label_shape(tuple(image.shape))
    if scribbles.shape != wanted:
        raise ValueError(
            f"scribbles have the shape {scribbles.shape}, but the image needs {wanted}."
        )
    return spec


def check_scribbles(
    method: str,
    needs_strokes: bool,
    image: Any,
    scribbles: Any,
    spec: ImageSpec | None,
    init_from: Any,
) -> None:
    """Raise ValueError where scribbles are missing, or are of no use."""
    if needs_strokes and scribbles is None:
        raise ValueError(
            f"scribbles is None, but method {method!r} learns from strokes. Paint "
            'strokes of two classes, or choose method="mixture".'
        )
    if needs_strokes:
        return
    if scribbles is not None:
        raise ValueError(
            f"method {method!r} takes no scribbles. Leave them out, or choose a "
            'method that learns from them, such as method="softmax".'
        )
    if init_from is not None:
        raise ValueError(
            f"method {method!r} takes no strokes, so that it cannot add to those of "
            "init_from. Leave init_from out, or choose a method that learns from them."
        )
    shape = np.shape(image[0] if isinstance(image, list | tuple) and image else image)
    if spec is None and len(shape) == 3 and shape[-1] in COLOURS:
        raise ValueError(
            f"cannot tell whether the last axis of an image of shape {shape} is colour "
            "or space without scribbles. Say it with spec=ImageSpec('yxc') or "
            "ImageSpec('zyx')."
        )
