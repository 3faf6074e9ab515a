"""Segmentation by the ONNX network of a BioImage.IO package."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.cnn.bioimageio.archive import opened, read_package_file
from napari_segen.cnn.bioimageio.layout import Layout, layout_of, read_padded
from napari_segen.cnn.bioimageio.processing import (
    Operation,
    operations_of,
    processed,
    takes_figures,
)
from napari_segen.cnn.bioimageio.runtime import Runtime
from napari_segen.cnn.labelling import NetworkModel
from napari_segen.core.archive import FilePath
from napari_segen.core.checks import check_class_values
from napari_segen.core.errors import ModelFileError
from napari_segen.core.imagespec import SHORT_UNITS, Array, ImageSpec
from napari_segen.core.labels import ClassInfo, class_info_from_json
from napari_segen.core.normalization import Normalization
from napari_segen.core.steps import Step, Steps
from napari_segen.core.tiles import Reach

OURS = "napari_segen"
# How far from 1 a pixel's probabilities may sum up to, before they are made to.
TOLERANCE = 1e-3

Posterior = npt.NDArray[np.float32]


class PackagedSegmenter(NetworkModel):
    """The network of a package of BioImage.IO, used like one of our own.

    It needs no TensorFlow: `onnxruntime` runs the network. A network for planes labels
    a volume plane by plane; what the description does to an image before the network,
    such as scaling, is done to each time point, and there to each plane, as a whole.

    Attributes
    ----------
    classes_ : int array of shape (K,)
        Of our own packages those of the training; of others the numbers of the
        output's channels, from 0 on, or 0 and 1 where one channel says how probable
        the foreground is.
    name_ : str
    spec_, n_channels_, class_info_, provenance_
        Axes of the images, channels, class names, origin.
    """

    kind: ClassVar[str] = "bioimageio"

    name_: str
    provenance_: dict[str, Any]

    def __init__(self, package: bytes) -> None:
        super().__init__()
        self._package = package
        with opened(package) as archive:
            self._read(archive.description())
        self._runtime = Runtime(package, len(self._layout.out_axes))

    def _read(self, description: Any) -> None:
        _check_supported(description)
        given, answer = description.inputs[0], description.outputs[0]
        self._layout: Layout = layout_of(given, answer)
        self._before: list[Operation] = operations_of(
            given.preprocessing, "preprocessing"
        )
        self._after: list[Operation] = operations_of(
            answer.postprocessing, "postprocessing"
        )
        if (dtype := np.dtype(answer.dtype)).kind != "f":
            raise ModelFileError(
                f"its output is of the type {dtype}: not the probabilities of classes."
            )
        self._dtype = np.dtype(given.dtype)
        if self._dtype.kind not in "fiu":
            raise ModelFileError(f"its input is of the type {self._dtype}.")
        self.name_ = str(description.name)
        self.provenance_ = {
            "package": self.name_,
            "authors": [str(a.name) for a in description.authors],
            "license": str(description.license),
        }
        self.n_channels_ = self._layout.n_channels
        nothing = np.zeros(self.n_channels_)
        self.normalization_ = Normalization("none", nothing, nothing, nothing)
        self.spec_ = self._image_spec()
        self._read_classes((description.config.model_extra or {}).get(OURS))

    def _image_spec(self) -> ImageSpec:
        layout = self._layout
        axes = layout.space + ("c" if layout.n_channels > 1 else "")
        units = {side.unit for side in layout.sides}
        if units == {None} or len(units) > 1:
            return ImageSpec(axes)
        unit = str(units.pop())
        size = tuple(side.pixel_size for side in layout.sides)
        return ImageSpec(axes, size, SHORT_UNITS.get(unit, unit))

    def _read_classes(self, ours: Any) -> None:
        self.task = "classes"
        n = max(2, self._layout.n_answers)
        self.classes_ = np.arange(n)
        check_class_values(self.classes_, "the output")
        names = (
            self._layout.names
            if n == self._layout.n_answers
            else ("", self._layout.names[0])
        )
        self.class_info_ = {i: ClassInfo(name) for i, name in enumerate(names) if name}
        if isinstance(ours, dict):
            values, info = class_info_from_json(ours["classes"])
            if len(values) != n or ours["task"] not in ("classes", "instances"):
                raise ModelFileError("its classes are not those of its output.")
            self.classes_, self.class_info_, self.task = values, info, ours["task"]

    @property
    def is_fitted(self) -> bool:
        """Yes."""
        return True

    def reach(self, spec: ImageSpec) -> Reach:
        """Say what a part of an image of these axes needs around it."""
        if takes_figures([*self._before, *self._after]):
            raise ValueError(
                f"the package {self.name_!r} scales each image by figures of all its "
                "pixels: it cannot label an image part by part. Use one whose "
                "description scales by fixed values."
            )
        layout = self._layout
        self._check_axes(spec.n_space)
        alone = spec.n_space - layout.ndim
        boxes = tuple(max(1, side.step) for side in layout.sides)
        halo = tuple(
            -(-side.margin // box) * box
            for side, box in zip(layout.sides, boxes, strict=True)
        )
        return Reach((0,) * alone + halo, (1,) * alone + boxes)

    def with_normalization(self, normalization: Normalization) -> Self:
        """Return itself: how images are scaled is the package's affair."""
        return self

    def _check_axes(self, ndim: int) -> None:
        if ndim < self._layout.ndim:
            raise ValueError(
                f"the package {self.name_!r} looks at volumes, but the image has "
                f"{ndim} axes of space."
            )

    @classmethod
    def from_file(cls, path: FilePath) -> Self:
        """Open a package.

        Raises
        ------
        ModelFileError
            Where it is damaged, or needs what is not supported.
        OSError
            Where it cannot be read.
        """
        data = np.frombuffer(read_package_file(path), np.uint8)
        try:
            return cls.restored(path, {}, {"package": data})
        except ModelFileError as err:
            raise ModelFileError(f"{path}: {err}") from err

    def to_archive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the header (JSON values) and the package as it was."""
        header = {"name": self.name_, "provenance": self.provenance_}
        return header, {"package": np.frombuffer(self._package, np.uint8)}

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], arrays: Mapping[str, Array]
    ) -> Self:
        """Open the package in a model file."""
        return cls(arrays["package"].tobytes())

    def check_test_tensors(self) -> float:
        """Run the package's own test; returns the largest difference from its output.

        Raises
        ------
        ModelFileError
            Where the package has no test, or one of other sizes.
        """
        with opened(self._package) as archive:
            description = archive.description()
            given, wanted = (
                t.test_tensor for t in (description.inputs[0], description.outputs[0])
            )
            if given is None or wanted is None:
                raise ModelFileError("it has no test tensors.")
            x, y = archive.tensor(given), archive.tensor(wanted)
        layout = self._layout
        x = processed(x, layout.axes, self._before)
        found = processed(self._runtime.run(x), layout.out_axes, self._after)
        if found.shape != y.shape:
            raise ModelFileError(
                f"its test output has the shape {y.shape}, not {found.shape}."
            )
        return float(np.abs(found.astype(np.float64) - y).max())

    def _answer_steps(self, frames: Array) -> Steps[Posterior]:
        """Compute the posterior ``(N, K, *S)`` of frames ``(N, C, *S)``."""
        layout, ndim = self._layout, frames.ndim - 2
        self._check_axes(ndim)
        parts = frames
        if ndim > layout.ndim:
            parts = frames.swapaxes(1, 2).reshape(
                -1, frames.shape[1], *frames.shape[3:]
            )
        found = np.empty((len(parts), len(self.classes_), *parts.shape[2:]), np.float32)
        for i, part in enumerate(parts):
            yield Step(i, len(parts), "Labelling")
            found[i] = yield from self._part_steps(part, i, len(parts))
        yield Step(len(parts), len(parts), "Labelling")
        if ndim > layout.ndim:
            planes = found.reshape(len(frames), -1, *found.shape[1:])
            return np.ascontiguousarray(planes.swapaxes(1, 2))
        return found

    def _part_steps(self, part: Array, i: int, n_parts: int) -> Steps[Posterior]:
        """Compute the posterior ``(K, *S)`` of one part ``(C, *S)``."""
        layout = self._layout
        x = processed(layout.tensor(self._taken(part)), layout.axes, self._before)
        x = layout.planes(x, layout.roles)
        size = x.shape[1:]
        tile = layout.tile_shape(size)
        margins = [side.margin for side in layout.sides]
        steps = [t - 2 * m for t, m in zip(tile, margins, strict=True)]
        corners = list(
            product(*(range(0, n, s) for n, s in zip(size, steps, strict=True)))
        )
        raw = np.empty((layout.n_answers, *size), np.float32)
        for j, corner in enumerate(corners):
            yield Step(i * len(corners) + j, n_parts * len(corners), "Labelling")
            start = [c - m for c, m in zip(corner, margins, strict=True)]
            answer = self._answered(read_padded(x, start, tile, layout.padding), steps)
            core = tuple(slice(c, c + s) for c, s in zip(corner, steps, strict=True))
            place = raw[:, *core]
            # The last tiles reach beyond the image.
            within = tuple(slice(n) for n in place.shape[1:])
            place[...] = answer[:, *within]
        answered = processed(layout.answer(raw), layout.out_axes, self._after)
        return _posterior(layout.planes(answered, layout.out_roles))

    def _answered(self, window: Array, core: Sequence[int]) -> Array:
        """Run the network on a tile; returns its answer ``(1 or K, *core)``."""
        layout = self._layout
        found = self._runtime.run(layout.tensor(window))
        answer = layout.planes(found, layout.out_roles)
        cuts = [side.cut for side in layout.sides]
        sizes = (n + 2 * cut for n, cut in zip(core, cuts, strict=True))
        expected = (layout.n_answers, *sizes)
        if answer.shape != expected:
            raise ModelFileError(
                f"its network gives {answer.shape}, not {expected} as described."
            )
        # The margins that the output still has.
        inner = (slice(cut, cut + n) for n, cut in zip(core, cuts, strict=True))
        return answer[:, *inner]

    def _taken(self, part: Array) -> Array:
        """Return the grey values as the package can take them."""
        if part.dtype.kind == "f" and not (known := np.isfinite(part)).all():
            # Far from anything's mean they would decide about their surroundings.
            part = np.where(known, part, part[known].mean() if known.any() else 0)
        if self._dtype.kind != "f":
            low, high = part.min(), part.max()
            limits = np.iinfo(self._dtype)
            if part.dtype.kind == "f" or low < limits.min or high > limits.max:
                raise ValueError(
                    f"the package {self.name_!r} takes images of the type "
                    f"{self._dtype}, which does not hold this one's {part.dtype} from "
                    f"{low} to {high}."
                )
        return part


def _check_supported(description: Any) -> None:
    n_inputs, n_outputs = len(description.inputs), len(description.outputs)
    if n_inputs != 1 or n_outputs != 1:
        raise ModelFileError(
            f"it has {n_inputs} inputs and {n_outputs} outputs; one of each is "
            "supported."
        )
    if description.run_mode is not None:
        raise ModelFileError(f"it needs the run mode {description.run_mode.name!r}.")
    if description.weights.onnx is None:
        raise ModelFileError(
            "it has no ONNX weights, but only "
            f"{', '.join(description.weights.available_formats)}: not run, because "
            "they can hold code."
        )


def _posterior(answer: Array) -> Posterior:
    """Turn the output ``(1 or K, *S)`` into a posterior ``(K, *S)``, if it is one."""
    p = answer.astype(np.float32)
    if not np.isfinite(p).all() or p.min() < -TOLERANCE or p.max() > 1 + TOLERANCE:
        raise ModelFileError(
            f"its output is not probabilities: from {p.min():g} to {p.max():g}."
        )
    p = np.clip(p, 0, 1)
    if len(p) == 1:
        return np.concatenate([1 - p, p])
    total = p.sum(axis=0)
    if np.abs(total - 1).max() > TOLERANCE * len(p):
        raise ModelFileError(
            "its output's channels do not sum to one: they are not the probabilities "
            "of classes of which each pixel has one."
        )
    return np.asarray(p / total, np.float32)
