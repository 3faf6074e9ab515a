"""What a TIFF file says of its axes and pixel size: ImageJ's way, OME's, and ours."""

import re
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array, ImageSpec

# The order in which ImageJ keeps the axes of a hyperstack.
_IMAGEJ_ORDER = "tzcyx"
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_IMAGEJ_MAX_BYTES = 2**32 - 2**20
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_MICRONS = ("micron", "microns", "micrometer", "micrometre")

Size = dict[str, float]


def known_axes(tiff_axes: str) -> str | None:
    """Translate tifffile's letters; None where the file does not say what is what."""
    axes = tiff_axes.lower().replace("s", "c")
    is_known = set(axes) <= set("tzcyxn") and len(set(axes)) == len(axes)
    return axes if is_known and {"y", "x"} <= set(axes) else None


def pixel_size(tiff: Any) -> tuple[Size | None, str]:
    """Return the pixel size by axis, None where it is not known, and its unit."""
    for read in (_of_imagej, _of_ome, _of_ours):
        size, unit = read(tiff)
        if size and all(np.isfinite(s) and s > 0 for s in size.values()):
            return size, _plain_unit(unit)
    return None, "pixel"


def _plain_unit(unit: str) -> str:
    unit = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), unit)
    # Two letters look like this one.
    unit = unit.replace("µ", "u").replace("μ", "u")
    return "um" if unit.lower() in _MICRONS else unit


def _as_ascii(unit: str) -> str:
    """Escape what is not ASCII, as ImageJ does."""
    return "".join(c if c.isascii() else f"\\u{ord(c):04X}" for c in unit)


def _of_imagej(tiff: Any) -> tuple[Size | None, str]:
    metadata = tiff.imagej_metadata
    tags = tiff.pages[0].tags
    if not metadata or "unit" not in metadata or "XResolution" not in tags:
        return None, ""
    size = {"z": float(metadata.get("spacing", 1.0))}
    for axis in "YX":
        pixels, units = tags[f"{axis}Resolution"].value
        size[axis.lower()] = units / pixels if pixels else 0.0
    return size, str(metadata["unit"])


def _of_ome(tiff: Any) -> tuple[Size | None, str]:
    if not tiff.is_ome or not tiff.ome_metadata:
        return None, ""
    from xml.etree import ElementTree

    # The first image is the one that is read. Any version of the schema will do.
    pixels = ElementTree.fromstring(tiff.ome_metadata).find(".//{*}Pixels")
    said = {} if pixels is None else pixels.attrib
    known = {a: f"PhysicalSize{a.upper()}" for a in "zyx"}
    size = {a: float(said[name]) for a, name in known.items() if name in said}
    units = {said.get(f"{known[a]}Unit", "µm") for a in size}
    return (size, units.pop()) if len(units) == 1 else (None, "")


def _of_ours(tiff: Any) -> tuple[Size | None, str]:
    said: dict[str, Any] = (tiff.shaped_metadata or ({},))[0]
    if not isinstance(said.get("pixel_size"), dict):
        return None, ""
    return {str(a): float(s) for a, s in said["pixel_size"].items()}, said["unit"]


def told(array: Array, spec: ImageSpec) -> tuple[Array, dict[str, Any]]:
    """Return an array and tifffile's options, so that the file tells axes and size.

    Parameters
    ----------
    array : array
        Its axes are brought into ImageJ's order, where ImageJ can hold it.
    spec : ImageSpec
    """
    spec.check_shape(array.shape)
    if _is_rgb(array, spec):
        return array, {"photometric": "rgb", "metadata": _ours(spec)}
    if _fits_imagej(array, spec):
        return _for_imagej(array, spec)
    return array, {"photometric": "minisblack", "metadata": _ours(spec)}


def _ours(spec: ImageSpec) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": spec.axes.upper()}
    if spec.pixel_size is not None:
        size = dict(zip(spec.space_axes, spec.pixel_size, strict=True))
        metadata |= {"pixel_size": size, "unit": _as_ascii(spec.unit)}
    return metadata


def _is_rgb(array: Array, spec: ImageSpec) -> bool:
    is_color = spec.axes == "yxc" and array.shape[-1] in (3, 4)
    return is_color and array.dtype in (np.uint8, np.uint16)


def _fits_imagej(array: Array, spec: ImageSpec) -> bool:
    return (
        array.dtype.name in _IMAGEJ_TYPES
        and array.nbytes < _IMAGEJ_MAX_BYTES
        and set(spec.axes) <= set(_IMAGEJ_ORDER)
    )


def _for_imagej(array: Array, spec: ImageSpec) -> tuple[Array, dict[str, Any]]:
    axes = "".join(a for a in _IMAGEJ_ORDER if a in spec.axes)
    ordered = array.transpose([spec.axes.index(a) for a in axes])
    metadata: dict[str, Any] = {"axes": axes.upper()}
    options: dict[str, Any] = {"imagej": True, "metadata": metadata}
    options["photometric"] = "minisblack"
    if spec.pixel_size is not None:
        size = dict(zip(spec.space_axes, spec.pixel_size, strict=True))
        metadata |= {"unit": _as_ascii(spec.unit), "spacing": size.get("z", 1.0)}
        options["resolution"] = (1 / size["x"], 1 / size["y"])
    return ordered, options
