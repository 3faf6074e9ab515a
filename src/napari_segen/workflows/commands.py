"""What the command line does with models: segment, describe."""

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_segen.cnn.bioimageio.archive import is_package
from napari_segen.core.archive import read_archive
from napari_segen.core.imagespec import ImageSpec
from napari_segen.core.labels import Segmentation
from napari_segen.core.parameters import describe
from napari_segen.core.registry import Registry
from napari_segen.workflows.exporting import describe_package
from napari_segen.workflows.files import (
    ImageFile,
    list_images,
    make_folder,
    read_image,
    write_tiff,
)
from napari_segen.workflows.models import KINDS, load, needs_tensorflow
from napari_segen.workflows.progress import run_with_progress, start_tensorflow


def segment(
    model_path: Path,
    inputs: Sequence[Path],
    out: Path,
    *,
    axes: str | None = None,
    posterior: bool = False,
    uncertainty: bool = False,
    rescale: bool = False,
) -> list[str]:
    """Segment image files with a saved model; write ``<stem>_labels.tif`` for each.

    Parameters
    ----------
    model_path : Path
    inputs : sequence of Path
        Image files, or folders of them.
    out : Path
        A folder, made if it is not there.
    axes : str, optional
        The axes of each image; None takes the file's word, or those of training.
    posterior, uncertainty : bool
        Also write these, as ``<stem>_posterior.tif`` and ``<stem>_uncertainty.tif``.
    rescale : bool
        Bring each image to the pixel size that a network was trained on, and its
        results back.
    """
    model = load(model_path)
    if not hasattr(model, "segment_steps"):
        raise ValueError(f"{model_path} is a generator: it makes images, not labels.")
    if rescale and model.kind != "cnn":
        raise ValueError(
            f"{model_path} is no CNN: leave --rescale out. Features in physical units "
            "(--sigma-unit physical, in training) take account of the pixel size."
        )
    options = {"rescale": True} if rescale else {}
    paths = list_images(inputs)
    _check_names(paths, out)
    make_folder(out)
    if needs_tensorflow(model):
        start_tensorflow()
    wanted = ["labels"] + ["posterior"] * posterior + ["uncertainty"] * uncertainty
    lines = []
    for path in paths:
        file = read_image(path)
        spec, result = _segment_file(model, file, axes, options)
        for what in wanted:
            target = out / f"{path.stem}_{what}.tif"
            write_tiff(target, getattr(result, what), _result_spec(spec, what))
            lines.append(f"{what.capitalize()}: {target}")
    return lines


def _segment_file(
    model: Any, file: ImageFile, axes: str | None, options: Mapping[str, Any]
) -> tuple[ImageSpec, Segmentation]:
    try:
        spec = spec_for(file, model.spec_, axes)
        steps = model.segment_steps(file.array, spec=spec, **options)
        return spec, run_with_progress(steps, file.path.name)
    except (ValueError, TypeError) as err:  # one file of a folder, perhaps
        raise ValueError(f"{file.path}: {err}") from err


def _check_names(paths: Sequence[Path], out: Path) -> None:
    """Raise ValueError where two results, or a result and an input, would collide."""
    sources = {p.resolve() for p in paths}
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise ValueError(
                f"{seen[path.stem]} and {path} would get the same output name. "
                "Segment them into different folders."
            )
        seen[path.stem] = path
        for what in ("labels", "posterior", "uncertainty"):
            if (out / f"{path.stem}_{what}.tif").resolve() in sources:
                raise ValueError(
                    f"the {what} of {path} would overwrite an input. "
                    "Choose another output folder."
                )


def spec_for(file: ImageFile, fitted: ImageSpec, axes: str | None) -> ImageSpec:
    """Return the axes of a new image for a model that was fitted on `fitted`.

    What the user says counts first. What the file says counts next, unless it has as
    many axes as the training images but other ones: a plain stack calls itself
    ``zyx`` whatever was meant, and what the user said in training is the better guess.
    """
    said = file.axes
    if said and set(said) != set(fitted.axes) and len(said) == len(fitted.axes):
        said = None
    spec = file.spec(axes or said or fitted.axes)
    assert spec is not None
    return spec


def _result_spec(spec: ImageSpec, what: str) -> ImageSpec:
    axes = ("c" if what == "posterior" else "") + spec.label_axes
    return ImageSpec(axes, spec.pixel_size, spec.unit)


def describe_model(path: Path) -> list[str]:
    """Return what a model file holds, for a person."""
    model = load(path)  # a damaged one is an error, not a half-true description
    if is_package(path):
        return describe_package(model)
    header, arrays = read_archive(path)
    if strokes := getattr(model, "strokes_", None):
        header["strokes"] = str(strokes)
    size = sum(a.nbytes for a in arrays.values())
    lines = [f"kind: {header['kind']}"]
    for key, value in header.items():
        if key not in ("kind", "arrays", "format", "history"):
            lines += _as_lines(key, value)
    return [*lines, f"arrays: {len(arrays)}, {size / 2**20:.1f} MiB"]


def _as_lines(key: str, value: Any, indent: str = "") -> list[str]:
    """One line per value; tables are indented, long ones cut short."""
    if isinstance(value, dict) and value:
        inside = [_as_lines(k, v, indent + "  ") for k, v in value.items()]
        return [f"{indent}{key}:", *(line for lines in inside for line in lines)]
    text = value if isinstance(value, str) else json.dumps(value)
    return [f"{indent}{key}: {text if len(text) <= 200 else text[:197] + '...'}"]


def needs_labels(kind: str, method: str | None) -> bool:
    """Whether a kind of model, or one of its methods, cannot learn without labels."""
    if kind == "probabilistic" and method is not None:
        from napari_segen.probabilistic.registry import CLASSIFIERS

        return CLASSIFIERS.get(method).needs_strokes
    return kind != "generator"


def describe_params(kind: str, method: str | None) -> list[str]:
    """Return the parameters of a method, their limits and defaults, for a person."""
    registry, argument = _methods(kind)
    name = method or inspect.signature(KINDS.get(kind)).parameters[argument].default
    lines = [f"--{argument} {name} (there are: {', '.join(registry)})"]
    lines += _described(registry.get(name).Params)
    if kind == "cnn":
        from napari_segen.cnn.augmentation import Augmentation

        lines += ["--augment", *_described(Augmentation)]
    return lines


def _described(params: type) -> list[str]:
    lines = []
    for p in describe(params):
        limits = "" if p.low is None else f", from {p.low:g} to {p.high:g}"
        if p.options:
            limits = f", one of {', '.join(p.options)}"
        lines.append(f"  {p.name}={p.default}{limits}. {p.help}")
    return lines


def _methods(kind: str) -> tuple[Registry[Any], str]:
    if kind == "probabilistic":
        from napari_segen.probabilistic.registry import CLASSIFIERS

        return CLASSIFIERS, "method"
    if kind == "cnn":
        from napari_segen.cnn.registry import NETWORKS

        return NETWORKS, "network"
    from napari_segen.generation.registry import GENERATORS

    return GENERATORS, "method"
