"""How a result came about: a script that makes it again."""

import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePath
from typing import Any

from napari_segen.core.archive import FilePath
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.model import finds_objects
from napari_segen.objects.instances import instances

_TIFF = ("tifffile", "tifffile.imread")
_PICTURE = ("skimage.io", "skimage.io.imread")
# What reads a file, by the end of its name: the module, and the function.
READERS = {
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".npy": ("numpy as np", "np.load"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".gif"), _PICTURE),
}
IMAGE, STROKES, MODEL = "image.tif", "strokes.tif", "model.segen"
EARLIER = "earlier.segen"


def script_of(
    model: Any,
    image_path: FilePath | None = None,
    labels_path: FilePath | None = None,
    spec: ImageSpec | None = None,
) -> str:
    """Write the Python script that fits a model again and segments its image.

    Parameters
    ----------
    model : ProbabilisticSegmenter
        Fitted to one image.
    image_path, labels_path : path, optional
        The files of the image and of its strokes. None, or a kind of file that the
        script could not read: it says where to put them.
    spec : ImageSpec, optional
        The axes of the image; None: those of the fit.

    Returns
    -------
    str
        It writes ``labels.tif`` and ``posterior.npy``, the same bytes as the model's.
        Of a model that added its strokes to an earlier one's (`init_from`), it says
        where to put the file of that.

    Raises
    ------
    ValueError
        Where it is a network, or learnt from several images.
    """
    model.check_fitted()
    if not can_be_refitted(model):
        raise ValueError(
            "model cannot be fitted again by a script: only a probabilistic segmenter "
            "that learnt from one image can. Save the model and use script_applying."
        )
    has_strokes = bool(model.provenance_["labels"])
    image = _Input("image", image_path, IMAGE, "The image.")
    inputs = [image]
    if has_strokes:
        said = "The strokes: 0 is unlabelled, 1, 2, … are classes."
        inputs.append(_Input("scribbles", labels_path, STROKES, said))
    given = "image, scribbles" if has_strokes else "image"
    earlier = _earlier(model)
    init = ", init_from=earlier" if earlier else ""
    fit = [
        *earlier,
        f"spec = {_spec(spec or model.spec_)}",
        f"model = ns.ProbabilisticSegmenter({_settings(model)})",
        f"model.fit({given}, spec=spec{init})",
    ]
    return _script(inputs, fit, "labels")


def _earlier(model: Any) -> list[str]:
    """Write how the model is read to whose strokes others were added, if any."""
    days = model.provenance_.get("earlier", [])
    if not days:
        return []
    return [
        f"# The strokes are added to those of the model of {days[-1]['created']}.",
        f"# Save that as {EARLIER} beside this script, with its strokes.",
        f"earlier = ns.load({_quoted(EARLIER)})",
    ]


def script_applying(
    model: Any,
    image_path: FilePath | None = None,
    spec: ImageSpec | None = None,
    *,
    rescale: bool = False,
) -> str:
    """Write the Python script that segments an image with a saved model.

    Parameters
    ----------
    model : ProbabilisticSegmenter or CnnSegmenter
        The script reads it from the file ``model.segen``.
    image_path : path, optional
        The image's file; see `script_of`.
    spec : ImageSpec, optional
        The axes of the image; None: those of the fit.
    rescale : bool
        As for a network's `predict`.
    """
    model.check_fitted()
    image = _Input("image", image_path, IMAGE, "The image.")
    load = [
        f"# Save the model of this result (Save…, or model.save) as {MODEL}.",
        f"model = ns.load({_quoted(MODEL)})",
        f"spec = {_spec(spec or model.spec_)}",
    ]
    if model.kind == "probabilistic":
        load += [
            f"model.smoothing = {float(model.smoothing)!r}",
            f"model.class_prior = {_prior(model.class_prior)!r}",
        ]
    else:
        how = ", ".join(f"{k}={v!r}" for k, v in asdict(model.prediction).items())
        load.append(f"model.prediction = type(model.prediction)({how})")
    return _script([image], load, _results_name(model), rescale)


@dataclass(frozen=True)
class ObjectsRequest:
    """How objects are told apart: arguments of `instances`, but for the classes.

    Parameters
    ----------
    foreground, boundary : int
        Class values, not positions.
    method, min_size, min_odds, fill_holes
        As for `instances`.
    """

    foreground: int
    boundary: int | None
    method: str
    min_size: int
    min_odds: float
    fill_holes: int


def script_finding_objects(
    script: str, request: ObjectsRequest, *, from_posterior: bool
) -> str:
    """Lengthen a script of `script_of` or `script_applying`: it finds objects too.

    Parameters
    ----------
    script : str
    request : ObjectsRequest
    from_posterior : bool
        Whether classes count by their probability; False: each pixel is certainly of
        its most probable class.

    Returns
    -------
    str
        It writes ``objects.tif`` as well.
    """
    rest = asdict(request)
    given = [f"foreground=classes.index({rest.pop('foreground')})"]
    lines = ["", "classes = model.classes_.tolist()"]
    if (boundary := rest.pop("boundary")) is not None:
        given.append(f"boundary=classes.index({boundary})")
    if not from_posterior:
        certain = "np.stack([labels == c for c in classes]).astype(np.float32)"
        lines.append(f"posterior = {certain}")
    usual = inspect.signature(instances).parameters
    given += [
        f"{name}={_quoted(v) if isinstance(v, str) else v}"
        for name, v in rest.items()
        if v != usual[name].default
    ]
    lines += [
        f"objects = ns.instances(posterior, {', '.join(given)}, spec=spec)",
        'tifffile.imwrite("objects.tif", objects, photometric="minisblack")',
    ]
    return script + "\n".join(lines) + "\n"


def can_be_refitted(model: Any) -> bool:
    """Whether a script of one image and its strokes makes this model again.

    If they were added to those of an earlier model, with the file of that.
    """
    return model.kind == "probabilistic" and len(model.provenance_["images"]) == 1


def _results_name(model: Any) -> str:
    return "objects" if finds_objects(model) else "labels"


class _Input:
    """An array that the script reads."""

    def __init__(
        self, name: str, path: FilePath | None, stand_in: str, said: str
    ) -> None:
        self.lines = [f"# {said}"]
        known = path is not None and PurePath(path).suffix.lower() in READERS
        if path is not None and not known:
            # A name may hold anything, a line break too; a comment may not.
            self.lines.append(f"# It came from {_quoted(os.fspath(path))}.")
        if not known:
            self.lines.append(f"# Save it as {stand_in} beside this script.")
        used = os.fspath(path) if path is not None and known else stand_in
        self.module, reader = READERS[PurePath(used).suffix.lower()]
        self.lines.append(f"{name} = {reader}({_quoted(used)})")


def _script(
    inputs: list[_Input], model: list[str], name: str, rescale: bool = False
) -> str:
    given = "image, spec=spec" + (", rescale=True" if rescale else "")
    modules = {"numpy as np", "tifffile", *(i.module for i in inputs)}
    lines = [f"import {module}" for module in sorted(modules)]
    lines += ["", "import napari_segen as ns", ""]
    for i in inputs:
        lines += i.lines
    lines += [
        "",
        *model,
        "",
        f"{name} = model.predict({given})",
        f"posterior = model.predict_proba({given})",
        f'tifffile.imwrite("{name}.tif", {name}, photometric="minisblack")',
        'np.save("posterior.npy", posterior)',
    ]
    return "\n".join(lines) + "\n"


def _spec(spec: ImageSpec) -> str:
    size = spec.pixel_size
    is_plain = size is None or (set(size) == {1.0} and spec.unit == "pixel")
    more = "" if is_plain else f", pixel_size={size!r}, unit={_quoted(spec.unit)}"
    return f"ns.ImageSpec({_quoted(spec.axes)}{more})"


def _settings(model: Any) -> str:
    """Write the constructor's arguments that differ from the defaults."""
    values = {
        "features": _plain(model.features),
        "sigmas": _plain(model.sigmas),
        "sigma_unit": model.sigma_unit,
        "channels": _plain(model.channels),
        "smoothing": float(model.smoothing),
        "class_prior": _prior(model.class_prior),
        "normalization": model.normalization,
        "seed": int(model.seed),
    }
    usual = inspect.signature(type(model)).parameters
    parts = [_quoted(model.method)]
    if params := changed_params(model.params):
        parts.append(f"params={params!r}")
    parts += [
        f"{name}={_quoted(v) if isinstance(v, str) else repr(v)}"
        for name, v in values.items()
        if v != usual[name].default
    ]
    return ", ".join(parts)


def changed_params(params: Any) -> dict[str, Any]:
    """Return the parameters of a method that are not the default ones."""
    usual = type(params)()
    values = {f.name: getattr(params, f.name) for f in fields(params)}
    return {k: _plain(v) for k, v in values.items() if v != getattr(usual, k)}


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, whose repr is a literal."""
    if isinstance(value, tuple | list):
        return tuple(_plain(v) for v in value)
    return value.item() if hasattr(value, "item") else value


def _prior(prior: Mapping[int, float] | None) -> dict[int, float] | None:
    return None if prior is None else {int(v): float(p) for v, p in prior.items()}


def _quoted(text: str) -> str:
    """Write a string with double quotes, as the rest of the script has them."""
    return json.dumps(text, ensure_ascii=False)
