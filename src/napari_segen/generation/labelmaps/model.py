"""A model of label maps: fitted to the user's, it draws new ones of any size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_segen.core.imagespec import Array
from napari_segen.core.labels import numbered, smallest_unsigned
from napari_segen.core.steps import Steps
from napari_segen.generation.labelmaps.choosing import choose_kinds
from napari_segen.generation.labelmaps.collage import Collage
from napari_segen.generation.labelmaps.scatter import Scatter

TASKS = ("classes", "instances")
_MAX_MAPS = 24
_MAX_PIXELS = 2**22


@dataclass(frozen=True, slots=True)
class Drawn:
    """A new label map.

    Parameters
    ----------
    labels : array of shape (*S)
    number : int
        Of the training map that it follows, among those kept; see `kept_parts`.
    at : int32 array of shape (*S), or None
        Where in that raveled map each pixel was cut from, -1 where nowhere; None where
        the map is no collage.
    """

    labels: Array
    number: int
    at: Array | None


class LabelModel:
    """What makes label maps of any size that look like the training maps.

    Parameters
    ----------
    maps : list of arrays (*S)
        Indices into `values` (classes), or ids 1..n with 0 as background (instances).
    values : array of shape (K,)
        Class values, ascending; empty for instances.
    task : str
        ``"classes"`` or ``"instances"``.
    """

    def __init__(self, maps: list[Array], values: Array, task: str) -> None:
        self.maps, self.values, self.task = maps, values, task
        self._kinds = choose_kinds(maps, instances=task == "instances")

    @property
    def makes_collages(self) -> bool:
        """Whether some new maps are put together from pieces of the training maps."""
        return any(isinstance(kind, Collage) for kind in self._kinds)

    @classmethod
    def fit(cls, maps: Sequence[Array], task: str) -> "LabelModel":
        """Learn from label maps ``(*S)``: class values, or object ids with 0."""
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
        if not maps or any(m.size == 0 for m in maps):
            raise ValueError("labels has no pixels: there is nothing to learn.")
        kept = [maps[i][box] for i, box in kept_parts(maps)]
        if task == "instances":
            return cls([numbered(m) for m in kept], np.zeros(0, np.uint64), task)
        found = [np.unique(m).astype(np.uint64) for m in kept]
        values = np.unique(np.concatenate(found))
        dtype = smallest_unsigned(len(values) - 1)
        indices = [
            np.searchsorted(values, m.astype(np.uint64)).astype(dtype) for m in kept
        ]
        return cls(indices, values, task)

    def sample_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> Steps[Array]:
        """Draw a label map: training values only, or ids 1..n and 0.

        Each follows one of the training maps, drawn at random.
        """
        return (yield from self.draw_steps(shape, rng)).labels

    def draw_steps(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> Steps[Drawn]:
        """Draw a label map as `sample_steps`, and say where it was cut from."""
        number = int(rng.integers(len(self._kinds)))
        kind, at = self._kinds[number], None
        if isinstance(kind, Scatter):
            marks, ids = yield from kind.draw_steps(shape, rng)
            drawn = np.where(marks > 0, marks - 1, kind.ground)
        elif isinstance(kind, Collage):
            drawn, at = yield from kind.draw_steps(shape, rng)
            ids = drawn
        else:
            ids = yield from kind.draw_steps(shape, rng)
        if self.task == "instances":
            return Drawn(numbered(ids), number, at)
        values = self.values.astype(smallest_unsigned(int(self.values.max())))
        return Drawn(values[drawn], number, at)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the model as JSON values and arrays, `restore` reads them back."""
        arrays = {f"map_{i}": m for i, m in enumerate(self.maps)}
        header = {"task": self.task, "n_maps": len(self.maps)}
        return header, {**arrays, "map_values": self.values}

    @classmethod
    def restore(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> "LabelModel":
        """Take over what `state` returned; ValueError on anything else."""
        task, count = header.get("task"), header.get("n_maps")
        if task not in TASKS or type(count) is not int or not 0 < count <= _MAX_MAPS:
            raise ValueError("the model of label maps has an odd header.")
        names = [f"map_{i}" for i in range(count)]
        if any(n not in arrays for n in [*names, "map_values"]):
            raise ValueError("the model of label maps lacks an array.")
        maps, values = [arrays[n] for n in names], arrays["map_values"]
        if {m.ndim for m in maps} not in ({2}, {3}):
            raise ValueError("the model of label maps has maps of odd dimensions.")
        if any(m.dtype.kind != "u" or not 0 < m.size <= _MAX_PIXELS for m in maps):
            raise ValueError("the model of label maps has odd maps.")
        _check_values(task, values, maps)
        return cls(maps, values, task)


def _check_values(task: str, values: Array, maps: list[Array]) -> None:
    """Refuse class values that do not fit the maps; ids need none."""
    largest = max(int(m.max()) for m in maps)
    if values.ndim != 1 or values.dtype != np.uint64:
        raise ValueError("the model of label maps has odd class values.")
    if task == "classes":
        ascending = bool(np.all(values[1:] > values[:-1]))
        if largest >= len(values) or not ascending:
            raise ValueError("the model of label maps has odd class values.")
    elif len(values) or any(largest > m.size for m in maps):
        raise ValueError("the model of label maps has odd object ids.")


def kept_parts(maps: Sequence[Array]) -> list[tuple[int, tuple[slice, ...]]]:
    """Say which maps a model keeps, and which part of each: at most the middle."""
    picked = list(range(len(maps)))
    if len(maps) > _MAX_MAPS:
        spread = np.linspace(0, len(maps) - 1, _MAX_MAPS)
        picked = spread.round().astype(int).tolist()
    return [(i, _middle(maps[i].shape)) for i in picked]


def _middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the middle of a map, of at most `_MAX_PIXELS` pixels."""
    shrink = max(1.0, math.prod(shape) / _MAX_PIXELS) ** (1 / len(shape))
    kept = [max(1, int(n / shrink)) for n in shape]
    return tuple(
        slice((n - m) // 2, (n - m) // 2 + m) for n, m in zip(shape, kept, strict=True)
    )
