"""What the pieces of a drawn label map look like in the images they come from.

A collage of label maps says of each pixel where it was cut from. An image that begins
on the way, at those pixels mixed with noise, keeps what the labels do not tell, such as
organelles within cells; from noise alone, everything dark would be a membrane.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.generation.displaced import displaced
from napari_segen.generation.labelmaps import Drawn, kept_parts
from napari_segen.generation.method import Source
from napari_segen.generation.scaling import Scaling

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Guide:
    """The images that belong to the maps of a `LabelModel`.

    Parameters
    ----------
    images : list of arrays (C, *S)
        One for each map, of its spatial shape.
    """

    images: list[Array]

    @classmethod
    def fit(cls, sources: Sequence[Source]) -> "Guide":
        """Keep the parts of the images whose labels a model of label maps keeps."""
        labelled = [s for s in sources if s.labels is not None]
        parts = kept_parts([s.labels for s in labelled if s.labels is not None])
        return cls([labelled[i].image[(slice(None), *box)].copy() for i, box in parts])

    def picture(
        self, drawn: Drawn, scaling: Scaling, rng: np.random.Generator
    ) -> Floats | None:
        """Put pixels of the images where a label map was cut from, ``(*S, C)``.

        Then each is exchanged for one of its label some way off, see `displaced`: what
        cells look like stays, which cell it was does not. Pixels that were cut from
        nowhere, or from no data, get the mean of their label. None where the map is no
        collage.
        """
        if drawn.at is None:
            return None
        image = self.images[drawn.number]
        values = scaling.apply(image).reshape(len(image), -1)
        found = np.moveaxis(values[:, drawn.at], 0, -1).copy()
        known = (drawn.at >= 0) & np.isfinite(found).all(axis=-1)
        for value in np.unique(drawn.labels[~known]):
            same = drawn.labels == value
            sample = found[same & known]
            mean = sample.mean(axis=0) if len(sample) else np.float32(0)
            found[same & ~known] = mean
        return displaced(found, drawn.labels, known, rng)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays for a model file; `from_arrays` reads them back."""
        return {f"guide_{i}": image for i, image in enumerate(self.images)}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, Array], shapes: Sequence[tuple[int, ...]]
    ) -> "Guide":
        """Read what `arrays` returned; ValueError unless they have the `shapes`."""
        images = [arrays.get(f"guide_{i}") for i in range(len(shapes))]
        kept = [a for a in images if a is not None and a.dtype.kind in "buif"]
        if [a.shape for a in kept] != list(shapes):
            raise ValueError("the images of the label maps are damaged.")
        return cls(kept)
