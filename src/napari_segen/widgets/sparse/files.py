"""Strokes in a file: their tiles, place, names and colours."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_segen.core.archive import written_whole
from napari_segen.core.sparse import SIDE, SparseLabels
from napari_segen.widgets.colors import class_info, colormap, features_of, names_in
from napari_segen.widgets.layers import (
    axes_choices,
    axes_of,
    placement,
    remember_axes,
)
from napari_segen.widgets.sparse.layer import SparseLabelsLayer, strokes_in

SUFFIX = ".strokes"
FORMAT = 1
MOST_TILES = 2**20
_PLACE = ("scale", "translate", "rotate", "shear")
_HELD = (*_PLACE, "name", "affine", "units", "axis_labels", "colormap", "features")


def write_strokes(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer to a file (napari's writer of layers).

    Parameters
    ----------
    path : str
    data : array, or levels of a layer
        What the layer holds.
    attributes : dict
        Of the layer.

    Returns
    -------
    list of str
        The path.
    """
    held = {k: v for k, v in attributes.items() if k in _HELD}
    finest = data[0] if hasattr(data, "shapes") else data
    if isinstance(finest, SparseLabels):
        layer = SparseLabelsLayer(finest, **held)
    else:
        layer = Labels(np.asarray(finest), **held)
    save_strokes(layer, Path(path))
    return [path]


def save_strokes(layer: Labels, path: Path) -> None:
    """Write the strokes of a layer to a file, whole or not at all."""
    labels = _sparse(layer)
    tiles = labels.tiles
    values = {int(v) for tile in tiles.values() for v in np.unique(tile) if v}
    header = {"format": FORMAT, "shape": labels.shape, **_described(layer, values)}
    with written_whole(path) as file:
        np.savez_compressed(
            file,
            header=np.frombuffer(json.dumps(header).encode(), np.uint8),
            places=np.array(list(tiles), np.int64).reshape(-1, labels.ndim),
            tiles=np.array(list(tiles.values()), np.uint8).reshape(-1, SIDE, SIDE),
        )


def _sparse(layer: Labels) -> SparseLabels:
    """Return the strokes of a layer as sparse labels; ValueError if it holds none."""
    if (labels := strokes_in(layer)) is not None:
        return labels
    dense = np.asarray(layer.data)
    if dense.min() < 0 or dense.max() > np.iinfo(np.uint8).max:
        raise ValueError(
            f"“{layer.name}” has values beyond 0 to 255, so that it holds no strokes. "
            "Save it as TIFF."
        )
    labels = SparseLabels(dense.shape)
    labels[...] = dense
    return labels


def _described(layer: Labels, values: set[int]) -> dict[str, Any]:
    """Describe a layer's place, and the look of class `values`, for JSON."""
    place, names = placement(layer), names_in(layer)
    info = class_info(layer, sorted({*values, *names}))
    return {
        "name": layer.name,
        "axes": axes_of(layer),
        **{key: np.asarray(place[key]).tolist() for key in _PLACE},
        "affine": np.asarray(place["affine"].affine_matrix).tolist(),
        "units": [str(u) for u in place["units"]],
        "axis_labels": list(place["axis_labels"]),
        "colors": {v: i.color for v, i in info.items()},
        "names": names,
    }


def load_strokes(path: Path) -> SparseLabelsLayer:
    """Read what `save_strokes` wrote; ValueError where it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            places, tiles = file["places"], file["tiles"]
        labels = _labels(header, places, tiles)
        layer = _layer(header, labels)
    except OSError:
        raise
    # Whatever is wrong with it.
    except Exception as err:
        raise ValueError(
            f"{path} holds no strokes, or is damaged ({err}). Choose a file that ends "
            f"in {SUFFIX}."
        ) from err
    if (axes := header["axes"]) in [a for _, a in axes_choices(layer)]:
        remember_axes(layer, axes)
    return layer


def _labels(header: dict[str, Any], places: Any, tiles: Any) -> SparseLabels:
    if header["format"] != FORMAT:
        raise ValueError(f"format {header['format']} is of another version")
    shape = tuple(header["shape"])
    right = places.shape == (len(tiles), len(shape)) and len(tiles) <= MOST_TILES
    if not right or tiles.shape[1:] != (SIDE, SIDE) or tiles.dtype != np.uint8:
        raise ValueError("its tiles are not as they should be")
    sides = (1,) * (len(shape) - 2) + (SIDE, SIDE)
    if (places < 0).any() or (places * sides >= shape).any():
        raise ValueError("a tile lies outside")
    pairs = zip(map(tuple, places.tolist()), tiles, strict=True)
    return SparseLabels.from_tiles(shape, dict(pairs))


def _layer(header: dict[str, Any], labels: SparseLabels) -> SparseLabelsLayer:
    names = {int(v): str(name) for v, name in header["names"].items()}
    colors: DirectLabelColormap = colormap(
        {int(v): c for v, c in header["colors"].items()}
    )
    return SparseLabelsLayer(
        labels,
        name=str(header["name"]),
        opacity=0.8,
        colormap=colors,
        features=features_of(names),
        affine=np.array(header["affine"]),
        units=header["units"],
        axis_labels=header["axis_labels"],
        **{key: header[key] for key in _PLACE},
    )


def reader(path: str | list[str]) -> Any:
    """Return what adds the strokes in a file to the window; None for other files."""
    if not isinstance(path, str) or not path.endswith(SUFFIX):
        return None

    def read(path: str) -> list[tuple[None]]:
        # Layers of data that napari makes itself could not be painted on.
        from napari import current_viewer

        current_viewer().add_layer(load_strokes(Path(path)))
        return [(None,)]

    return read
