"""What an image generator writes into its model file, and reads from it."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.core.parameters import as_json
from napari_segen.core.provenance import array_hash
from napari_segen.generation.abilities import check_task
from napari_segen.generation.method import TASKS, GeneratorMethod
from napari_segen.generation.registry import GENERATORS
from napari_segen.generation.values import ValueRange

if TYPE_CHECKING:
    from napari_segen.generation.generator import ImageGenerator


def state_hash(method: GeneratorMethod) -> str:
    """SHA-256 over what a method has learnt, from labels and pixels of what kind."""
    learnt, arrays = method.state()
    told = [method.task, [float(s) for s in method.sampling], learnt]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array_hash(array)}".encode())
    return digest.hexdigest()


def write_generator(
    model: "ImageGenerator", method: GeneratorMethod
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a fitted generator."""
    learnt, arrays = method.state()
    header = {
        "method": model.method,
        "params": as_json(model.params),
        "epochs": model.budget.epochs,
        "max_steps": model.budget.max_steps,
        "time_limit_s": model.budget.time_limit_s,
        "seed": model.seed,
        "task": model.task_,
        "has_labels": model.has_labels_,
        "spec": model.spec_.as_json(),
        "learnt": learnt,
        "history": method.history,
        "n_steps": method.n_steps,
        "provenance": dict(model.provenance_),
    }
    own = {"low": model.values_.low, "high": model.values_.high}
    if model.classes_ is not None:
        own["classes"] = model.classes_
    return header, own | {f"learnt_{k}": v for k, v in arrays.items()}


def read_into(
    model: "ImageGenerator", header: Mapping[str, Any], arrays: Mapping[str, Array]
) -> GeneratorMethod:
    """Set a generator's learnt values; returns its fitted method."""
    low, high = arrays["low"], arrays["high"]
    if not (low.ndim == 1 and low.size and low.dtype.kind in "buif") or (
        low.shape != high.shape or low.dtype != high.dtype or not (low <= high).all()
    ):
        raise ValueError("the range of the grey values is damaged.")
    classes = arrays.get("classes")
    if classes is not None and not (
        classes.ndim == 1 and classes.size and classes.dtype.kind == "u"
    ):
        raise ValueError("the label values are damaged.")
    model.spec_ = ImageSpec.from_json(header["spec"])
    model.n_channels_ = len(low)
    model.values_ = ValueRange(low, high)
    model.classes_ = classes
    # Older files have neither: their labels were all classes.
    model.task_ = str(header.get("task", TASKS[0]))
    model.has_labels_ = bool(header.get("has_labels", classes is not None))
    check_task(model.method, model.task_)
    model.provenance_ = dict(header["provenance"])
    method = GENERATORS.get(model.method)(model.params, model.spec_.sampling)
    method.task = model.task_
    learnt = {
        k.removeprefix("learnt_"): v
        for k, v in arrays.items()
        if k.startswith("learnt_")
    }
    method.restore(header["learnt"], learnt, model.n_channels_)
    method.history = {k: _numbers(k, v) for k, v in header["history"].items()}
    method.n_steps = int(header["n_steps"])
    return method


def _numbers(name: str, values: Any) -> list[float]:
    if not isinstance(values, list) or not all(
        isinstance(v, int | float) for v in values
    ):
        raise ValueError(f"the curve {name!r} is not a list of numbers.")
    return values
