"""One model that the process for Keras keeps from job to job, with its network built.

Also runs in that process, so nothing here imports napari or Qt.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from napari_segen.core.provenance import array_hash
from napari_segen.core.steps import Step, Steps
from napari_segen.widgets.tasks import RunSteps, run_here

_kept: tuple[str, Any] | None = None


class NotKept(LookupError):
    """The process has another model, or none: it was started anew, for instance."""


def run_with_model(
    run_steps: RunSteps, function: Callable[..., Steps[Any]], model: Any, *args: Any
) -> Steps[Any]:
    """Run ``function(model, *args)`` where `run_steps` runs it.

    The model is sent only if the process does not have it already.
    """
    if run_steps is run_here:
        return (yield from function(model, *args))
    key = key_of(model)
    try:
        return (yield from run_steps(with_kept, key, None, function, *args))
    except NotKept:
        return (yield from run_steps(with_kept, key, model, function, *args))


def with_kept(
    key: str, model: Any, function: Callable[..., Steps[Any]], *args: Any
) -> Steps[Any]:
    """Run `function` with `model`, or if that is None with the one that is kept."""
    global _kept
    yield Step(0, 0, "Starting")
    if model is not None:
        _kept = (key, model)
    if _kept is None or _kept[0] != key:
        raise NotKept(key)
    return (yield from function(_kept[1], *args))


def key_of(model: Any) -> str:
    """Return a SHA-256 over all that a model file would hold."""
    header, arrays = model.to_archive()
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array_hash(array)}".encode())
    return digest.hexdigest()
