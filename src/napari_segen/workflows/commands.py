"""What the command line says of models."""

import inspect
import json
from pathlib import Path
from typing import Any

from napari_segen.cnn.bioimageio.archive import is_package
from napari_segen.core.archive import read_archive
from napari_segen.core.parameters import describe
from napari_segen.core.registry import Registry
from napari_segen.workflows.exporting import describe_package
from napari_segen.workflows.models import KINDS, load


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
