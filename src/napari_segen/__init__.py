"""Segment images from strokes, train a CNN, generate new images; in napari or not.

The names below are imported when they are first used, so that
``import napari_segen`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_segen.cnn.segmenter import CnnSegmenter
    from napari_segen.core.imagespec import ImageSpec
    from napari_segen.core.steps import Step, run
    from napari_segen.features.cache import FeatureCache
    from napari_segen.generation.generator import ImageGenerator
    from napari_segen.objects.instances import instances, instances_steps
    from napari_segen.objects.measurements import measure, measure_steps
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter
    from napari_segen.scale.lazy import segment_lazy
    from napari_segen.scale.omezarr.finding import (
        find_objects_omezarr,
        find_objects_omezarr_steps,
    )
    from napari_segen.scale.omezarr.measuring import (
        measure_omezarr,
        measure_omezarr_steps,
    )
    from napari_segen.scale.omezarr.segmenting import (
        segment_omezarr,
        segment_omezarr_steps,
    )
    from napari_segen.workflows.models import load

__version__ = "0.1.0"

_HOME = {
    "CnnSegmenter": "napari_segen.cnn.segmenter",
    "FeatureCache": "napari_segen.features.cache",
    "ImageGenerator": "napari_segen.generation.generator",
    "ImageSpec": "napari_segen.core.imagespec",
    "ProbabilisticSegmenter": "napari_segen.probabilistic.segmenter",
    "Step": "napari_segen.core.steps",
    "find_objects_omezarr": "napari_segen.scale.omezarr.finding",
    "find_objects_omezarr_steps": "napari_segen.scale.omezarr.finding",
    "instances": "napari_segen.objects.instances",
    "instances_steps": "napari_segen.objects.instances",
    "load": "napari_segen.workflows.models",
    "measure": "napari_segen.objects.measurements",
    "measure_omezarr": "napari_segen.scale.omezarr.measuring",
    "measure_omezarr_steps": "napari_segen.scale.omezarr.measuring",
    "measure_steps": "napari_segen.objects.measurements",
    "run": "napari_segen.core.steps",
    "segment_lazy": "napari_segen.scale.lazy",
    "segment_omezarr": "napari_segen.scale.omezarr.segmenting",
    "segment_omezarr_steps": "napari_segen.scale.omezarr.segmenting",
}

__all__ = [
    "CnnSegmenter",
    "FeatureCache",
    "ImageGenerator",
    "ImageSpec",
    "ProbabilisticSegmenter",
    "Step",
    "find_objects_omezarr",
    "find_objects_omezarr_steps",
    "instances",
    "instances_steps",
    "load",
    "measure",
    "measure_omezarr",
    "measure_omezarr_steps",
    "measure_steps",
    "run",
    "segment_lazy",
    "segment_omezarr",
    "segment_omezarr_steps",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
