"""Names and colours of classes, the same for strokes and results."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_segen.core.labels import ClassInfo, default_color

if TYPE_CHECKING:
    import pandas as pd

_NAME_COLUMN = "class"
_N_SPARE = 24


def colormap(colors: Mapping[int, str]) -> DirectLabelColormap:
    """Colormap of these classes, with default colours for classes to come."""
    values = {v: default_color(v) for v in range(1, _N_SPARE + 1)} | dict(colors)
    return DirectLabelColormap(
        color_dict={None: "transparent", 0: "transparent", **values}
    )


def prepare_colormaps() -> None:
    """Let napari compile what shows classes in their colours (on a worker).

    Otherwise the first layer with such colours would hold up the window for a second.
    """
    colormap({}).map(np.zeros((1, 1), np.uint8))


def color_in(layer: Labels, value: int) -> str:
    """Colour that `layer` shows `value` in, as ``"#rrggbb"``."""
    color = layer.get_color(value)
    if color is None or float(color[3]) == 0:
        return default_color(value)
    return "#" + "".join(f"{round(255 * float(x)):02x}" for x in color[:3])


def names_in(layer: Labels) -> dict[int, str]:
    """Class names that a labels layer carries in its features."""
    table = layer.features
    if "index" not in table or _NAME_COLUMN not in table:
        return {}
    pairs = zip(table["index"], table[_NAME_COLUMN], strict=True)
    return {int(v): str(n) for v, n in pairs if v and isinstance(n, str) and n}


def features_of(names: Mapping[int, str]) -> "pd.DataFrame":
    """Features table from which napari's status bar reads a class's name."""
    import pandas as pd

    return pd.DataFrame(
        {
            "index": np.array([0, *names], dtype=int),
            _NAME_COLUMN: ["unlabelled", *names.values()],
        }
    )


def rename(layer: Labels, names: Mapping[int, str]) -> None:
    """Write class names into the layer's features; other columns stay."""
    table = features_of(names)
    old = layer.features
    if "index" in old and len(old.columns) > 2:
        rest = old.drop(columns=[_NAME_COLUMN], errors="ignore")
        table = table.merge(rest, on="index", how="outer")
    layer.features = table


def recolor(layer: Labels, values: Iterable[int], value: int, color: str) -> None:
    """Give one class of the layer another colour; the others keep theirs."""
    colors = {v: color_in(layer, v) for v in values} | {value: color}
    layer.colormap = colormap(colors)


def class_info(layer: Labels, values: Iterable[int]) -> dict[int, ClassInfo]:
    """Names and colours of the classes `values` as the layer shows them."""
    names = names_in(layer)
    return {
        int(v): ClassInfo(names.get(int(v), ""), color_in(layer, int(v)))
        for v in values
    }


def class_title(value: int, info: Mapping[int, ClassInfo]) -> str:
    """Name of a class for a person."""
    return info.get(value, ClassInfo()).name or f"class {value}"
