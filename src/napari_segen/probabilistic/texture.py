"""Texture energy: when it may be looked at, and of which pixels.

It looks 16 pixels far, so that it costs as much as all the default features together,
and misleads where few strokes are all there is. `auto` asks for it at the labelled
pixels where the other features leave held-out strokes in doubt, see `TrainingSet`.
"""

from collections.abc import Callable
from dataclasses import replace

from napari_segen.core.imagespec import Array
from napari_segen.core.steps import Steps
from napari_segen.features.bank import FilterBank
from napari_segen.features.families import TEXTURE
from napari_segen.probabilistic.samples import TrainingSet


def may_see_texture(bank: FilterBank) -> bool:
    """Tell whether texture energy was measured beside these features: by default.

    Not in volumes, where its wide means would take minutes.
    """
    usual = FilterBank(sampling=bank.sampling, plain_channels=bank.plain_channels)
    return bank == usual and len(bank.sampling) == 2


def with_texture(bank: FilterBank) -> FilterBank:
    """Return the bank with texture energy; its features come last."""
    return bank.only((*bank.features, TEXTURE))


class TextureOffer:
    """The texture energy of labelled pixels, which a classifier may ask for.

    Parameters
    ----------
    bank : FilterBank
        Of the other features.
    samples_steps : callable, optional
        Computes the features of the pixels by another bank; None where that cannot be:
        of some only the features are known.

    Attributes
    ----------
    found : float32 array of shape (M, T), or None
        Once it was asked for.
    """

    def __init__(
        self,
        bank: FilterBank,
        samples_steps: Callable[[FilterBank], Steps[TrainingSet]] | None,
    ) -> None:
        self._bank, self._samples_steps = bank.only((TEXTURE,)), samples_steps
        self.found: Array | None = None

    def to(self, samples: TrainingSet) -> TrainingSet:
        """Offer it beside the features of the pixels."""
        return replace(samples, texture_steps=self._steps)

    def _steps(self) -> Steps[Array | None]:
        if self._samples_steps is not None:
            self.found = (yield from self._samples_steps(self._bank)).features
        return self.found
