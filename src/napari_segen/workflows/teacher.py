"""The pixel classifier's opinion on every pixel, for a network to learn from."""

from typing import Any

from napari_segen.core.checks import as_list
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.steps import Step, Steps, stretch_steps
from napari_segen.workflows.pixel_labels import pixel_labels

SHARE_OF_FIT = 0.3


def teacher_steps(
    model: Any,
    images: Any,
    labels: Any,
    *,
    spec: ImageSpec | None = None,
    unlabelled: int | None = None,
) -> Steps[list[Array]]:
    """Return a posterior ``(K, *S)`` of each image, to pass to `fit` as its `teacher`.

    The pixel classifier learns only from the labels that `model` will train on, and
    not from those that it will hold out: these must stay unseen.

    Parameters
    ----------
    model : CnnSegmenter
        Not fitted yet; its seed and `validation_split` say what is held out.
    images, labels, spec, unlabelled
        As `model.fit` will get them.
    """
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

    yield Step(0, 1, "Asking the pixel classifier")
    training, _, _ = model.split(images, labels, spec=spec, unlabelled=unlabelled)
    classifier = ProbabilisticSegmenter()
    fit = classifier.fit_steps(images, pixel_labels(training), spec=spec)
    yield from stretch_steps(fit, 0, SHARE_OF_FIT)
    arrays, posteriors = as_list(images), []
    share = (1 - SHARE_OF_FIT) / len(arrays)
    for i, image in enumerate(arrays):
        steps = classifier.predict_proba_steps(image)
        first = SHARE_OF_FIT + i * share
        posteriors.append((yield from stretch_steps(steps, first, first + share)))
    return posteriors
