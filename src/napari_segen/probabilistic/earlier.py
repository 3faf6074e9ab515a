"""Strokes of an earlier model, taken together with new ones.

They are learnt from as if all images had been given to one fit, the earlier ones first:
of a frame that is not given again the features are kept. On a frame that is, the new
strokes are painted over the earlier ones; where they repeat most of those, it is the
old layer that was painted on, and says all there is to say of the frame.

A frame's features do not depend on other frames, so that it is the same, byte for byte,
as one fit of all, but for three things. The normalization ``"training"`` scales all
frames by their mean range: there the earlier one stays while features are kept. `auto`
can look at texture only if the earlier fit did, be it to find that it is of no use;
where it is in doubt without, `reason_` says so. Where finished masks were thinned to
`MAX_SAMPLES` pixels, new strokes on the same frame are painted over those alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array, ImageSpec, same_sizes
from napari_segen.core.normalization import Normalization
from napari_segen.core.scribbles import Samples, samples_of
from napari_segen.probabilistic.kept import KeptFrame, KeptStrokes
from napari_segen.probabilistic.labelled import LabelledFrame

if TYPE_CHECKING:
    from napari_segen.probabilistic.segmenter import ProbabilisticSegmenter

# Of a frame's earlier pixels; with more of them the new strokes take their place.
REPEATED = 0.5


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is taken over from an earlier model.

    Parameters
    ----------
    strokes : KeptStrokes
    scale : Normalization
        By which their features were computed.
    """

    strokes: KeptStrokes
    scale: Normalization

    @classmethod
    def of(
        cls,
        earlier: "ProbabilisticSegmenter",
        model: "ProbabilisticSegmenter",
        spec: ImageSpec,
        n_channels: int,
        *,
        is_colour: bool,
    ) -> "Earlier":
        """Take over the strokes of `earlier` for a fit of `model` to such images.

        Raises
        ------
        ValueError
            Where `earlier` holds none, or looks at images in another way.
        """
        if earlier.strokes_ is None:
            raise ValueError(
                "init_from, the earlier model, holds no strokes: it needed none, or "
                "was saved without them or by an older version. Fit on its images and "
                "strokes and the new ones together: lists of both."
            )
        if earlier.is_colour_ != is_colour:
            raise _unlike("colours (a last axis of three channels) in one fit alone")
        _check_same_look(earlier, model, spec, n_channels)
        return cls(earlier.strokes_, earlier.normalization_)

    def with_new(self, painted: Sequence[LabelledFrame]) -> list[LabelledFrame]:
        """Put newly painted frames to the earlier ones; these keep their places."""
        waiting, frames = list(painted), []
        for kept in self.strokes.frames:
            digests = [f.origin.digest for f in waiting]
            if kept.digest in digests:
                again = waiting.pop(digests.index(kept.digest))
                samples = painted_over(kept.samples, again.samples, kept.shape)
                frames.append(replace(again, samples=samples))
            else:
                frames.append(kept.labelled())
        return [*frames, *waiting]


def learnt_scale(
    mode: str, frames: Sequence[LabelledFrame], earlier: Earlier | None = None
) -> Normalization:
    """Learn the normalization from all frames; kept features must stay right with it.

    Where all frames are scaled alike (``"training"``), kept features hold the new ones
    to the earlier scale.

    Raises
    ------
    ValueError
        Where a kept frame would be scaled in another way than it was.
    """
    scale = Normalization(mode).learn([f.origin.range for f in frames])
    kept = [f.origin.range for f in frames if isinstance(f.origin, KeptFrame)]
    if earlier is None or not kept:
        return scale
    if mode == "training":
        return earlier.scale
    for known in kept:
        before, now = (s.scale_of(known[0], known) for s in (earlier.scale, scale))
        if not all(map(np.array_equal, before, now)):
            raise ValueError(
                "init_from, the earlier model, has strokes on an image with a blank "
                f"channel, which normalization={mode!r} scales by the other images, "
                "and these are others now. Give that image and its strokes again "
                "beside the new ones: lists of both."
            )
    return scale


def history_of(model: "ProbabilisticSegmenter") -> list[dict[str, Any]]:
    """Say where the strokes of a model came from, for the provenance of the next."""
    before = model.provenance_
    own = {k: before[k] for k in ("created", "versions", "images", "labels")}
    return [*before.get("earlier", []), own]


def painted_over(earlier: Samples, now: Samples, shape: tuple[int, ...]) -> Samples:
    """Paint over the earlier labelled pixels of a frame, or replace them.

    They are replaced where `now` repeats more than the share `REPEATED` of them. Else
    strokes that touch and are of one class become one, and what is left of a stroke
    remains one.
    """
    if not (len(earlier.values) and len(now.values)):
        return now if len(now.values) else earlier
    at, new = (
        np.ravel_multi_index(tuple(s.positions.T), shape) for s in (earlier, now)
    )
    order = np.argsort(new)
    place = np.minimum(np.searchsorted(new, at, sorter=order), len(new) - 1)
    over = new[order[place]] == at
    repeats = over & (now.values[order[place]] == earlier.values)
    if repeats.sum() > REPEATED * len(at):
        return now
    values = np.concatenate([earlier.values[~over], now.values])
    labels = np.zeros(shape, np.min_scalar_type(values.max()))
    labels.reshape(-1)[np.concatenate([at[~over], new])] = values
    joined = samples_of(labels)
    everywhere = np.ravel_multi_index(tuple(joined.positions.T), shape)
    rest = np.searchsorted(everywhere, at[~over])
    numbers = _united(joined.strokes, rest, earlier.strokes[~over])
    return replace(joined, strokes=numbers)


def _united(
    numbers: npt.NDArray[np.int64], at: Array, earlier: Array
) -> npt.NDArray[np.int64]:
    """Give those strokes one number whose pixels `at` were of one stroke earlier."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = int(numbers.max()) + 1
    size = n + int(earlier.max(initial=-1)) + 1
    pairs = numbers[at], n + earlier
    links = coo_array((np.ones(len(at), bool), pairs), shape=(size, size))
    _, group = connected_components(links, directed=False)
    return np.asarray(group[numbers], np.int64)


def _check_same_look(
    earlier: "ProbabilisticSegmenter",
    model: "ProbabilisticSegmenter",
    spec: ImageSpec,
    n_channels: int,
) -> None:
    """Raise ValueError where features of both would not be comparable; it says why."""
    before = earlier.spec_
    pairs = {
        "spatial axes": (before.space_axes, spec.space_axes),
        "channels in its images": (earlier.n_channels_, n_channels),
        "channels": (earlier.channels, model.channels),
        "normalization": (earlier.normalization, model.normalization),
    }
    if before.n_space == spec.n_space:
        its, mine = earlier.bank(before.sampling), model.bank(spec.sampling)
        for name in ("features", "sigmas", "sigma_unit"):
            pairs[name] = getattr(its, name), getattr(mine, name)
    for name, (its_value, value) in pairs.items():
        if its_value != value:
            raise _unlike(f"{name} {its_value!r}, not {value!r}")
    _check_pixels(before, spec, model.sigma_unit)


def _check_pixels(before: ImageSpec, spec: ImageSpec, sigma_unit: str) -> None:
    """Raise ValueError where sigmas would look at other sizes than they did."""
    unknown = before.pixel_size is None or spec.pixel_size is None
    if unknown and sigma_unit == "pixel":
        return  # nothing is known that could be wrong
    if before.unit != spec.unit:
        raise _unlike(f"pixel sizes in {before.unit!r}, not {spec.unit!r}")
    alike = same_sizes(before.sampling, spec.sampling)
    if sigma_unit == "pixel" and not alike:
        raise _unlike(
            f"pixels of {before.pixel_size}, not {spec.pixel_size} {spec.unit}",
            "Bring the images to one pixel size, or say sigmas in both fits with "
            'sigma_unit="physical".',
        )


def _unlike(what: str, then: str = "Choose the same, or fit anew.") -> ValueError:
    return ValueError(f"init_from, the earlier model, has {what}. {then}")
