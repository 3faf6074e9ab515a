"""What ``napari-segen train`` does: image files to a model file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_segen.core.archive import check_replaceable
from napari_segen.core.doubts import doubt
from napari_segen.core.imagespec import Array, ImageSpec, same_sizes
from napari_segen.workflows.comparison import comparison_steps
from napari_segen.workflows.files import (
    ImageFile,
    check_writable,
    list_images,
    read_image,
    read_labels,
    writing,
)
from napari_segen.workflows.models import KINDS, needs_tensorflow
from napari_segen.workflows.progress import run_with_progress, start_tensorflow
from napari_segen.workflows.teacher import teacher_steps


def train(
    kind: str,
    images: Sequence[Path],
    labels: Sequence[Path],
    model_path: Path,
    *,
    axes: str | None = None,
    options: Mapping[str, Any],
    fit_options: Mapping[str, Any],
) -> list[str]:
    """Fit a model to image files and save it.

    Parameters
    ----------
    kind : {"probabilistic", "cnn", "generator"}
    images, labels : sequence of Path
        Files or folders; as many label files as images, in the same order. A
        generator and the method ``mixture`` also learn without labels.
    model_path : Path
        Where the model goes; its folder is checked before the work begins.
    axes : str, optional
        The axes of each image; None takes the file's word, or infers them.
    options, fit_options : mapping
        Arguments of the model's constructor, and further ones of its `fit`, or `save`:
        ``keep_strokes``.

    Returns
    -------
    list of str
        What was done, for a person.
    """
    if fit_options.get("teacher") and fit_options.get("unlabelled") is None:
        raise ValueError(
            "--teacher has nothing to teach where every pixel is labelled. Leave it "
            "out, or say which label value means not labelled: --unlabelled 0."
        )
    files = [read_image(p) for p in list_images(images)]
    marks = [read_labels(p).array for p in list_images(labels)]
    model = KINDS.get(kind)(**options)
    check_replaceable(model_path)  # before work that may take minutes
    check_writable(model_path.absolute().parent)
    if needs_tensorflow(model):
        start_tensorflow()
    arrays, spec = [f.array for f in files], files[0].spec(axes)
    if kind == "cnn":
        _check_pixel_sizes(files)
        return _train_cnn(model, arrays, marks, spec, model_path, dict(fit_options))
    given = dict(fit_options)
    saving = {k: given.pop(k) for k in ("keep_strokes",) if k in given}
    if "match_to" in given:
        given["match_to"] = read_image(given["match_to"]).array
    steps = model.fit_steps(  # type: ignore[attr-defined]
        arrays, marks or None, spec=spec, **given
    )
    run_with_progress(steps, "Training")
    return [_saved(model, model_path, **saving)]


def _saved(model: Any, path: Path, **options: Any) -> str:
    with writing(path):
        model.save(path, **options)
    return f"Model: {path}"


def _check_pixel_sizes(files: Sequence[ImageFile]) -> None:
    """Warn of files whose pixels are of another size than those of the first."""
    first = files[0]
    for file in files[1:]:
        if not _alike(file, first):
            doubt(
                f"{file.path} has pixels of {_size(file)}, but {first.path} of "
                f"{_size(first)}. The network takes them as alike: bring the images "
                "to one pixel size if objects look larger in one of them.",
                stacklevel=2,
            )


def _alike(one: ImageFile, other: ImageFile) -> bool:
    if one.pixel_size is None or other.pixel_size is None or one.unit != other.unit:
        return one.pixel_size is other.pixel_size
    return same_sizes(one.pixel_size, other.pixel_size)


def _size(file: ImageFile) -> str:
    if file.pixel_size is None:
        return "unknown size"
    return " x ".join(f"{s:g}" for s in file.pixel_size) + f" {file.unit}"


def _train_cnn(
    model: Any,
    images: list[Array],
    labels: list[Array],
    spec: ImageSpec | None,
    model_path: Path,
    fit_options: dict[str, Any],
) -> list[str]:
    """Train a network, save it, and say how it stands to the pixel classifier."""
    where = {"spec": spec, "unlabelled": fit_options.pop("unlabelled", None)}
    if fit_options.pop("teacher", False):
        steps = teacher_steps(model, images, labels, **where)
        fit_options["teacher"] = run_with_progress(steps, "Teacher")
    run_with_progress(
        model.fit_steps(images, labels, **where, **fit_options), "Training"
    )
    saved = _saved(model, model_path)
    found = run_with_progress(
        comparison_steps(model, images, labels, **where), "Comparing"
    )
    said = found.sentence
    return [saved, f"Training: {model.note_}", f"{said[:1].upper()}{said[1:]}"]
