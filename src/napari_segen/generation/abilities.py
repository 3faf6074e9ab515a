"""Checks of what a method can do; the messages name the methods that can."""

from collections.abc import Sequence

import numpy as np

from napari_segen.core.checks import warn_if_flat
from napari_segen.core.imagespec import Array, ImageSpec
from napari_segen.generation.method import TASKS
from napari_segen.generation.registry import GENERATORS


def check_ability(method: str, ability: str, task: str) -> None:
    """Raise ValueError unless the class attribute `ability` of `method` is true.

    Parameters
    ----------
    method : str
    ability : str
        Such as ``"makes_pairs"``.
    task : str
        What it is called in the message, such as ``"make labels"``.
    """
    if not getattr(GENERATORS.get(method), ability):
        able = [m for m in GENERATORS if getattr(GENERATORS.get(m), ability)]
        raise ValueError(
            f"method {method!r} cannot {task}. Use {' or '.join(able) or 'none'}."
        )


def check_dimensions(method: str, spec: ImageSpec) -> None:
    """Raise ValueError unless `method` takes as many spatial axes."""
    if spec.n_space in GENERATORS.get(method).dimensions:
        return
    able = [m for m in GENERATORS if spec.n_space in GENERATORS.get(m).dimensions]
    raise ValueError(
        f"method {method!r} takes 2D images only, got axes {spec.axes!r}. "
        f"For volumes use method={' or '.join(map(repr, able))}; if the first "
        "axis is time or separate images, say so with spec=ImageSpec(axes=...)."
    )


def check_has_data(frames: Sequence[Array]) -> None:
    """Raise ValueError if no pixel of images ``(N, C, *S)`` has data; warn if flat."""
    for image in frames:
        warn_if_flat(image)
    if not any(np.isfinite(image).all(axis=1).any() for image in frames):
        raise ValueError("image has no pixel with data: there is nothing to learn.")


def check_label_values(method: str, values: Array) -> None:
    """Raise ValueError if `method` cannot learn as many label values."""
    most = GENERATORS.get(method).max_label_values
    if most is not None and len(values) > most:
        raise ValueError(
            f"labels has {len(values)} values; method {method!r} can learn {most}. "
            "Object ids are not classes: give every object of a class the same value, "
            "for instance labels > 0."
        )


def check_task(method: str, task: str) -> None:
    """Raise ValueError unless `method` can learn from labels of this meaning."""
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
    if task in GENERATORS.get(method).tasks:
        return
    able = [m for m in GENERATORS if task in GENERATORS.get(m).tasks]
    raise ValueError(
        f"method {method!r} cannot learn from labels of {task}. "
        f"Use {' or '.join(able) or 'none'}, or another task."
    )


def check_needs_images(method: str) -> None:
    """Raise ValueError where there is nothing to fit."""
    if not GENERATORS.get(method).needs_images:
        raise ValueError(
            f"method {method!r} makes images of its own and cannot be fitted. "
            "Generate with it at once, or choose another method."
        )


def check_value_range(labels: Array, known: Array) -> None:
    """Raise ValueError where labels hold a value that the training labels had not."""
    if odd := sorted(set(np.unique(labels).tolist()) - set(known.tolist())):
        raise ValueError(
            f"labels has the value {odd[0]}, which the training labels had not: "
            f"they had {known.tolist()}."
        )
