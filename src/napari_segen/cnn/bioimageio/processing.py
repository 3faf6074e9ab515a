"""What a description asks to be done with a tensor before and after the network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import Array

# The operation's name and its keywords, as the description has them.
Operation = tuple[str, Mapping[str, Any]]


def operations_of(steps: Sequence[Any], where: str) -> list[Operation]:
    """List the operations of a description, if all are known.

    Parameters
    ----------
    steps : sequence of the specification's descriptions of an operation
    where : str
        For the error message, such as ``"preprocessing"``.
    """
    found = []
    for step in steps:
        if step.id not in OPERATIONS:
            raise ModelFileError(
                f"it asks for the {where} {str(step.id)!r}, which is not supported; "
                f"these are: {', '.join(OPERATIONS)}."
            )
        keywords = step.kwargs.model_dump(mode="json")
        if keywords.get("reference_tensor") is not None:
            raise ModelFileError(
                f"its {where} {step.id} takes its figures from another tensor, which "
                "is not supported."
            )
        found.append((str(step.id), keywords))
    return found


def processed(x: Array, axes: Sequence[str], operations: Sequence[Operation]) -> Array:
    """Apply operations to a tensor whose axes have the names `axes`."""
    for name, keywords in operations:
        x = OPERATIONS[name](x, axes, keywords)
    return x


def takes_figures(operations: Sequence[Operation]) -> bool:
    """Whether an operation needs all of a tensor to know what to do with a pixel."""
    return any(
        name in ("zero_mean_unit_variance", "scale_range")
        or (
            name == "clip"
            and any(
                k.endswith("percentile") and v is not None for k, v in keywords.items()
            )
        )
        for name, keywords in operations
    )


def _ensure_dtype(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    return x.astype(keywords["dtype"], copy=False)


def _binarize(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    return np.asarray(x > _along(x, axes, keywords, "threshold"))


def _clip(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    low, high = (
        _percentile(x, axes, keywords, keywords[f"{end}_percentile"])
        if keywords.get(f"{end}_percentile") is not None
        else keywords.get(end)
        for end in ("min", "max")
    )
    return np.asarray(np.clip(x, low, high))


def _scale_linear(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    gain, offset = (_along(x, axes, keywords, key) for key in ("gain", "offset"))
    return np.asarray(x * gain + offset)


def _fixed_zero_mean(
    x: Array, axes: Sequence[str], keywords: Mapping[str, Any]
) -> Array:
    mean, std = (_along(x, axes, keywords, key) for key in ("mean", "std"))
    return np.asarray((x - mean) / std)


def _zero_mean(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    joint = _joint(axes, keywords)
    mean = x.mean(axis=joint, keepdims=True, dtype=np.float64)
    std = x.std(axis=joint, keepdims=True, dtype=np.float64)
    return np.asarray((x - mean) / (std + keywords["eps"]))


def _scale_range(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    low, high = (
        _percentile(x, axes, keywords, keywords[f"{end}_percentile"])
        for end in ("min", "max")
    )
    return np.asarray((x - low) / (high - low + keywords["eps"]))


def _sigmoid(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    from scipy.special import expit

    return np.asarray(expit(x))


def _softmax(x: Array, axes: Sequence[str], keywords: Mapping[str, Any]) -> Array:
    from scipy.special import softmax

    return np.asarray(softmax(x, axis=_position(axes, keywords["axis"])))


def _along(
    x: Array, axes: Sequence[str], keywords: Mapping[str, Any], key: str
) -> Array | float:
    """One number, or one for each entry of an axis, to be broadcast against `x`."""
    values = keywords[key]
    if not isinstance(values, list):
        return float(values)
    at = _position(axes, keywords["axis"])
    if len(values) != x.shape[at]:
        raise ModelFileError(
            f"it has {len(values)} values of {key} for {x.shape[at]} entries of the "
            f"axis {axes[at]!r}."
        )
    return np.reshape(values, [-1 if i == at else 1 for i in range(x.ndim)])


def _percentile(
    x: Array, axes: Sequence[str], keywords: Mapping[str, Any], percent: float
) -> Array:
    joint = _joint(axes, keywords)
    return np.asarray(np.percentile(x, percent, axis=joint, keepdims=True), np.float64)


def _joint(axes: Sequence[str], keywords: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Positions of the axes whose pixels are taken together; None: all."""
    names = keywords.get("axes")
    return None if names is None else tuple(_position(axes, name) for name in names)


def _position(axes: Sequence[str], name: str) -> int:
    if name not in axes:
        raise ModelFileError(
            f"an operation names the axis {name!r}, which is not there."
        )
    return list(axes).index(name)


OPERATIONS: dict[str, Callable[[Array, Sequence[str], Mapping[str, Any]], Array]] = {
    "ensure_dtype": _ensure_dtype,
    "binarize": _binarize,
    "clip": _clip,
    "scale_linear": _scale_linear,
    "fixed_zero_mean_unit_variance": _fixed_zero_mean,
    "zero_mean_unit_variance": _zero_mean,
    "scale_range": _scale_range,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
}
