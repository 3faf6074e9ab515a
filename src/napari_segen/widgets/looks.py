"""What classes look like in results and previews: as in the strokes, or the model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from weakref import ref

from napari.layers import Labels
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_segen.core.labels import ClassInfo, default_color
from napari_segen.core.model import finds_objects
from napari_segen.widgets.colors import (
    class_info,
    class_title,
    color_in,
    colormap,
    features_of,
    names_in,
)
from napari_segen.widgets.results import Ready
from napari_segen.widgets.segment_results import CLASS, owner_of

_KNOWN_COLORS = 32


def remembered_look(labels: Labels | None) -> Callable[[Any], dict[int, ClassInfo]]:
    """Remember a labels layer: returns what gives a model's classes its look."""
    layer = None if labels is None else ref(labels)
    names = {} if labels is None else names_in(labels)
    values = [*range(1, _KNOWN_COLORS), *names]
    known = {} if labels is None else class_info(labels, values)
    return lambda model: _info_of(model, layer, known)


def preview_colors(labels: Labels | None) -> DirectLabelColormap:
    """Colours of the classes as `labels` shows them; the usual ones without it."""
    values = range(1, _KNOWN_COLORS)
    return colormap({} if labels is None else {v: color_in(labels, v) for v in values})


def _info_of(
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


def look_of(model: Any) -> dict[str, Any]:
    """Return the attributes that give a labels layer the look of a model's classes.

    Of masks the background, value 0, stays clear.
    """
    info, values = model.class_info_, [int(v) for v in model.classes_ if v > 0]
    colors = {v: _color_of(v, info) for v in values}
    titles = {v: class_title(v, info) for v in values}
    return {"colormap": colormap(colors), "features": features_of(titles)}


def _color_of(value: int, info: Mapping[int, ClassInfo]) -> str:
    return info.get(value, ClassInfo()).color or default_color(value)


def dressed(item: Ready, model: Any) -> Ready:
    """Give a result the names and colours of the model's classes."""
    info, result = model.class_info_, item.result
    look, title = dict(result.attributes), result.title
    if result.layer_class is Labels and not finds_objects(model):
        look |= look_of(model)
    elif CLASS in result.provenance:
        value = result.provenance[CLASS]
        color = _color_of(value, info)
        title = f"{owner_of(model)}probability of {class_title(value, info)}"
        look["colormap"] = Colormap([[0, 0, 0, 1], color], name=color)
    return replace(item, result=replace(result, title=title, attributes=look))
