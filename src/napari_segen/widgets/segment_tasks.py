"""The jobs of the segmenting docks: from layers' data to result layers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import ref

from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec, frames_in_words
from napari_segen.core.labels import ClassInfo, Segmentation, default_color
from napari_segen.core.model import finds_objects
from napari_segen.core.steps import Step, Steps
from napari_segen.probabilistic.prior import completed_prior
from napari_segen.widgets.class_figures import class_fractions
from napari_segen.widgets.colors import (
    class_info,
    class_title,
    color_in,
    colormap,
    features_of,
    names_in,
    prepare_colormaps,
)
from napari_segen.widgets.layers import Source
from napari_segen.widgets.results import Earlier, Ready, Result, ready
from napari_segen.widgets.tasks import (
    RunSteps,
    copying,
    fitted_steps,
    provenance_of,
    reading,
    run_here,
    segmented_steps,
)
from napari_segen.workflows.methods import methods_text
from napari_segen.workflows.record import script_applying, script_of

FRACTIONS = "fractions"
SCRIPT, METHODS = "script", "methods"  # of a record
_KNOWN_COLORS = 32


def fitting_and_segmenting(
    fit,
    source: Source,
    strokes: Any,
    earlier: Mapping[str, Earlier],
    wanted: tuple[bool, bool],
    *args: Any,
) -> Steps[tuple[Any, list[Ready]]]:
    """Fit with ``fit(image, strokes, spec, *args)``, then make the result layers.

    `strokes` is None where the method needs none.
    """
    image = yield from reading(source.data, "image")
    painted = None
    if strokes is not None:
        painted = yield from copying(strokes, "strokes")
    model, segmentation = yield from fit(image, painted, source.spec, *args)
    yield Step(0, 0, "Preparing the layers")
    prepare_colormaps()
    record = record_of(model, source, is_fitted=True)
    results = segmentation_results(model, segmentation, source, *wanted, record)
    return model, ready(results, earlier)


def learning_from_strokes(
    image: Array,
    strokes: Array | None,
    spec: ImageSpec,
    model: Any,
    cache: Any,
    expected: Mapping[int, float],
    options: Mapping[str, Any],
    init_from: Any,
) -> Steps[tuple[Any, Any]]:
    """Fit the model and segment the image, with the features computed once.

    `expected` is the percentage of those classes whose frequency is set, `options`
    what `segment_steps` is told, `init_from` the model to whose strokes to add or None.
    """
    fitted = yield from fitted_steps(
        run_here, model, image, strokes, spec=spec, cache=cache, init_from=init_from
    )
    # What is left for the other classes is known by what was painted.
    fitted.class_prior = completed_prior(
        expected, fitted.classes_, fitted.class_shares_
    )
    found = yield from segmented_steps(run_here, fitted, image, spec, **options)
    return fitted, found


def applying(
    run_steps: RunSteps,
    source: Source,
    earlier: Mapping[str, Earlier],
    wanted: tuple[bool, bool],
    model: Any,
    options: Mapping[str, Any],
) -> Steps[tuple[Any, list[Ready]]]:
    """Segment an image with a fitted model, and make the result layers."""
    image = yield from reading(source.data, "image")
    found = yield from segmented_steps(run_steps, model, image, source.spec, **options)
    if getattr(model, "kind_", None) is not None:
        found = yield from _doubted_steps(model, image, source.spec, found, options)
    yield Step(0, 0, "Preparing the layers")
    prepare_colormaps()
    rescale = bool(options.get("rescale"))
    record = record_of(model, source, is_fitted=False, rescale=rescale)
    results = segmentation_results(model, found, source, *wanted, record)
    return model, ready(results, earlier)


def _doubted_steps(
    model: Any,
    image: Array,
    spec: ImageSpec,
    found: Segmentation,
    options: Mapping[str, Any],
) -> Steps[Segmentation]:
    """Warn of an image unlike the training images, and add where it is."""
    cache = options.get("cache")
    checks = yield from model.unlike_training_steps(image, spec=spec, cache=cache)
    if not (text := said_of_kind(checks)):
        return found
    doubt(text)
    if found.novelty is not None or model.novelty_ is None:
        return found
    novelty = yield from model.novelty_steps(image, spec=spec, cache=cache)
    return replace(found, novelty=novelty)


def said_of_kind(checks: Sequence[Any]) -> str:
    """Say which frames are unlike the training images; empty where none is.

    Parameters
    ----------
    checks : sequence of KindCheck
    """
    unlike = [i for i, check in enumerate(checks) if check.is_unlike]
    if not unlike:
        return ""
    which = "This image is"
    if len(checks) > 1:
        which = f"{frames_in_words(unlike, len(checks))} are"
    reason = checks[unlike[0]].reason
    return (
        f"{which} unlike the training images: {reason}. Doubt the result; the novelty "
        "layer (open its eye) shows where."
    )


def owner_of(model: Any) -> str:
    """Begin the names of a network's results: both docks' can stand together."""
    return "CNN " if model.kind == "cnn" else ""


def record_of(
    model: Any, source: Source, *, is_fitted: bool, rescale: bool = False
) -> dict[str, str]:
    """Say how a result came about: as a script, and in words.

    `is_fitted` where the model has just been fitted to the image; otherwise, and for a
    network, the script loads it from a file. The strokes may have been painted on since
    they were a file.
    """
    if is_fitted and model.kind == "probabilistic":
        script = script_of(model, source.path, spec=source.spec)
    else:
        script = script_applying(model, source.path, spec=source.spec, rescale=rescale)
    return {SCRIPT: script, METHODS: methods_text(model)}


def segmentation_results(
    model: Any,
    found: Segmentation,
    source: Source,
    uncertainty: bool,
    posterior: bool,
    record: Mapping[str, str],
) -> list[Result]:
    """List the layers that show a segmentation, lowest first."""
    owner = owner_of(model)
    origin = provenance_of(model, spec=ImageSpec.as_json(source.spec), **record)
    place = source.label_placement
    shown = {"contrast_limits": (0, 1), "visible": False, "blending": "additive"}
    results = []
    if posterior:
        results += [
            Result(
                f"{owner}posterior {int(value)}",
                Image,
                plane,
                place,
                attributes=shown,
                provenance=origin | {"class": int(value)},
            )
            for value, plane in zip(model.classes_, found.posterior, strict=True)
        ]
    if uncertainty:
        look = shown | {"colormap": "magma"}
        results.append(
            Result(
                f"{owner}uncertainty",
                Image,
                found.uncertainty,
                place,
                attributes=look,
                provenance=origin,
            )
        )
    if found.novelty is not None:
        look = shown | {"colormap": "inferno"}
        results.append(
            Result(
                f"{owner}novelty",
                Image,
                found.novelty,
                place,
                attributes=look,
                provenance=origin,
            )
        )
    return [*results, _labels_result(model, found.labels, source, origin)]


def _labels_result(
    model: Any, labels: Array, source: Source, origin: Mapping[str, Any]
) -> Result:
    name, more = "objects", {}
    if not finds_objects(model):
        name, more = "classes", {FRACTIONS: class_fractions(labels, model.classes_)}
    return Result(
        f"{owner_of(model)}{name}",
        Labels,
        labels,
        source.label_placement,
        attributes={"opacity": 0.5},
        provenance={**origin, **more},
    )


def fractions_in(items: Sequence[Ready]) -> dict[int, float]:
    """Share of each class in the image, as computed with the result."""
    return next(
        (dict(p[FRACTIONS]) for i in items if FRACTIONS in (p := i.result.provenance)),
        {},
    )


def said_of_layers(layers: Sequence[Layer]) -> str:
    """Name the result layers for the message line."""
    seen = ", ".join(f"“{layer.name}”" for layer in layers if layer.visible)
    n_hidden = sum(not layer.visible for layer in layers)
    hidden = f" Hidden: {n_hidden} more; open the eye in the list of layers."
    return f"Done: {seen}." + (hidden if n_hidden else "")


def remembered_look(labels: Labels | None) -> Callable[[Any], dict[int, ClassInfo]]:
    """Remember a labels layer: returns what gives a model's classes its look."""
    layer = None if labels is None else ref(labels)
    names = {} if labels is None else names_in(labels)
    values = [*range(1, _KNOWN_COLORS), *names]
    known = {} if labels is None else class_info(labels, values)
    return lambda model: info_of(model, layer, known)


def preview_colors(labels: Labels | None) -> DirectLabelColormap:
    """Colours of the classes as `labels` shows them; the usual ones without it."""
    values = range(1, _KNOWN_COLORS)
    return colormap({} if labels is None else {v: color_in(labels, v) for v in values})


def info_of(
    model: Any, layer: "ref[Labels] | None", known: dict[int, ClassInfo]
) -> dict[int, ClassInfo]:
    """Names and colours for the model's classes, from the strokes if there are any."""
    strokes = None if layer is None else layer()
    values = [int(v) for v in model.classes_]
    if strokes is not None:
        shown = class_info(strokes, values)
        # Classes of an earlier model have names that these strokes may not have.
        named = {v: model.class_info_.get(v, ClassInfo()).name for v in values}
        return {v: replace(i, name=i.name or named[v]) for v, i in shown.items()}
    if known:
        return {v: known.get(v, ClassInfo("", default_color(v))) for v in values}
    return dict(model.class_info_)


def dressed(item: Ready, model: Any) -> Ready:
    """Give a result the names and colours of the model's classes."""
    info, result = model.class_info_, item.result
    values = [int(v) for v in model.classes_]
    colors = {v: info.get(v, ClassInfo()).color or default_color(v) for v in values}
    look = dict(result.attributes)
    title = result.title
    if result.layer_class is Labels and not finds_objects(model):
        look["colormap"] = colormap({v: c for v, c in colors.items() if v > 0})
        look["features"] = features_of(
            {v: class_title(v, info) for v in values if v > 0}
        )
    elif "class" in result.provenance:
        value = result.provenance["class"]
        title = f"{owner_of(model)}probability of {class_title(value, info)}"
        look["colormap"] = Colormap([[0, 0, 0, 1], colors[value]], name=colors[value])
    return replace(item, result=replace(result, title=title, attributes=look))
