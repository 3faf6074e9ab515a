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


def offer_texture(
    samples: TrainingSet,
    bank: FilterBank,
    samples_steps: Callable[[FilterBank], Steps[TrainingSet]],
) -> TrainingSet:
    """Let a classifier ask for the texture energy of its labelled pixels.

    Parameters
    ----------
    samples : TrainingSet
        What `samples_steps` has made of `bank`.
    bank : FilterBank
    samples_steps : callable
        Computes the features of the same pixels by another bank.
    """
    if not may_see_texture(bank):
        return samples
    found: list[Array] = []

    def texture_steps() -> Steps[Array]:
        if not found:  # who keeps the strokes asks a second time
            found.append((yield from samples_steps(texture_alone(bank))).features)
        return found[0]

    return replace(samples, texture_steps=texture_steps)


def texture_alone(bank: FilterBank) -> FilterBank:
    """Return the bank of nothing but texture energy."""
    return bank.only((TEXTURE,))
