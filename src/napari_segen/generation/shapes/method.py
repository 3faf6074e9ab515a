"""New images without any given ones: drawn scenes, seen through optics and a camera."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.generation.method import GeneratorMethod, Source
from napari_segen.generation.shapes.blobs import nuclei, spots
from napari_segen.generation.shapes.camera import output_range, photograph_steps
from napari_segen.generation.shapes.canvas import Canvas, Picture
from napari_segen.generation.shapes.cells import cells
from napari_segen.generation.shapes.layers import layers
from napari_segen.generation.shapes.membranes import membranes
from napari_segen.generation.shapes.params import ShapesParams
from napari_segen.generation.shapes.subject import Subject
from napari_segen.generation.shapes.tubes import fibres, vessels
from napari_segen.generation.values import ValueRange

Draw = Callable[[Canvas, Subject, np.random.Generator], Steps[Picture]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind of scene.

    Parameters
    ----------
    draw : callable
    task : {"instances", "classes"}
        What its labels are.
    size : float
        What is usual.
    density : tuple of float
        What is usual in 2D and in 3D, where objects hide each other sooner.
    """

    draw: Draw
    task: str
    size: float
    density: tuple[float, float]


SCENES: dict[str, Scene] = {
    "nuclei": Scene(nuclei, "instances", 24, (0.2, 0.15)),
    "cells": Scene(cells, "instances", 36, (0.97, 0.97)),
    "fibres": Scene(fibres, "instances", 3.5, (0.15, 0.03)),
    "membranes": Scene(membranes, "classes", 56, (1.0, 1.0)),
    "layers": Scene(layers, "classes", 32, (1.0, 1.0)),
    "spots": Scene(spots, "instances", 3, (0.02, 0.006)),
    "vessels": Scene(vessels, "classes", 14, (0.15, 0.07)),
}
_SHARE_OF_SCENE = 0.7


class Shapes(GeneratorMethod):
    """Draws scenes with exact labels: no example and no training needed.

    Labels are the true outlines, before blur and noise: a pixel has the label of what
    is at its centre. Same random numbers, same scene, whatever the camera.
    """

    Params = ShapesParams
    title = "Shapes"
    summary = "Drawn scenes with exact labels: nuclei, cells, fibres and more."
    needs_training = False
    makes_pairs = True
    can_vary = False
    needs_images = False

    params: ShapesParams

    def __init__(self, params: ShapesParams, sampling: tuple[float, ...]) -> None:
        super().__init__(params, sampling)
        self.task = SCENES[params.scene].task

    def output_range(self) -> ValueRange:
        """Return type and range of the camera's numbers."""
        return output_range(self.params)

    def make_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator, *, with_labels: bool
    ) -> Steps[Source]:
        """Draw one scene and take its picture."""
        scene = SCENES[self.params.scene]
        subject = _subject(self.params, scene, len(shape))
        canvas = Canvas(shape, self._voxel(len(shape)))
        scene_rng, camera_rng = rng.spawn(2)
        picture = yield from stretch_steps(
            scene.draw(canvas, subject, scene_rng), 0, _SHARE_OF_SCENE
        )
        image = yield from stretch_steps(
            photograph_steps(picture.signal, canvas, self.params, camera_rng),
            _SHARE_OF_SCENE,
            1,
        )
        return Source(image[np.newaxis], picture.labels if with_labels else None)

    def _voxel(self, ndim: int) -> tuple[float, ...]:
        sampling = self.sampling if len(self.sampling) == ndim else (1.0,) * ndim
        size = [s / sampling[-1] for s in sampling]
        if ndim == 3:
            size[0] *= self.params.z_step
        return tuple(size)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return nothing: the parameters say it all."""
        return {}, {}

    def restore(
        self, header: Mapping[str, Any], arrays: Mapping[str, Array], n_channels: int
    ) -> None:
        """Take over nothing."""


def _subject(params: ShapesParams, scene: Scene, ndim: int) -> Subject:
    """Take the parameters of the objects, the usual ones where none are given."""
    return Subject(
        size=scene.size if params.size is None else params.size,
        density=scene.density[ndim - 2] if params.density is None else params.density,
        spread=params.size_spread,
        irregularity=params.irregularity,
        touching=params.touching,
        texture=params.texture,
        walls=params.walls,
    )
