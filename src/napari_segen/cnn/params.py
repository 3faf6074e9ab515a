"""How a network is trained, and how it labels: the segmenter's own arguments."""

from dataclasses import dataclass, field

from napari_segen.cnn.losses import LOSSES
from napari_segen.cnn.precision import PRECISIONS
from napari_segen.core.parameters import check_params, choice, flag, span


@dataclass(frozen=True, slots=True)
class TrainingParams:
    """How a network is trained; the fields are `CnnSegmenter`'s arguments."""

    loss: str = field(
        default="cross_entropy",
        metadata=choice(
            tuple(LOSSES),
            "What training makes small. Cross-entropy: honest probabilities. Dice: "
            "overlap with the labels, whatever a class's size. Focal: the pixels that "
            "are still hard. Squared error: forgives wrong labels more easily.",
        ),
    )
    epochs: int | None = field(
        default=None,
        metadata=span(
            1, 100_000, "Passes over the labels at most; empty: any.", empty="any"
        ),
    )
    max_steps: int | None = field(
        default=None,
        metadata=span(
            1, 10_000_000, "Steps of the optimiser at most; empty: any.", empty="any"
        ),
    )
    time_limit_s: float | None = field(
        default=60,
        metadata=span(
            0.1, 1e7, "Seconds of training at most; empty: any.", empty="any"
        ),
    )
    batch_size: int | None = field(
        default=None,
        metadata=span(
            1,
            4096,
            "Patches per step; empty: 8 for the U-Net, 64 for the patch CNN.",
            empty="as usual",
        ),
    )
    patch_px: int | None = field(
        default=None,
        metadata=span(
            4,
            1024,
            "Side of the training patches; empty: 128 for the U-Net. The patch CNN "
            "(32) labels the centre pixel of such a patch and sees nothing else.",
            empty="as usual",
        ),
    )
    validation_split: float = field(
        default=0.1,
        metadata=span(
            0.0,
            0.5,
            "Share of the images, strokes or blocks kept aside to judge the network.",
        ),
    )
    learning_rate: float = field(
        default=2e-3,
        metadata=span(1e-7, 1.0, "Size of the optimiser's steps."),
    )
    decay: str = field(
        default="none",
        metadata=choice(
            ("none", "cosine"),
            "none: the optimiser's steps stay as large as they are. cosine: after the "
            "first quarter of the training they shrink to nothing at its end.",
        ),
    )
    patience: int | None = field(
        default=None,
        metadata=span(
            1,
            100_000,
            "Stop after so many looks at the held-out labels without a better one; "
            "empty: never for this reason.",
            empty="never",
        ),
    )
    class_balance: float = field(
        default=0.5,
        metadata=span(
            0.0,
            1.0,
            "0: a class is met as often as its pixels are; 1: all classes equally "
            "often. High values help rare classes and overrate them.",
        ),
    )
    augment: bool = field(
        default=True,
        metadata=flag("Also train on turned, mirrored and otherwise changed patches."),
    )
    precision: str = field(
        default="auto",
        metadata=choice(
            PRECISIONS,
            "Numbers that the network calculates with. auto: the fastest that this "
            "machine is known to be good at.",
        ),
    )
    seed: int = field(
        default=0,
        metadata=span(0, 2**31 - 1, "Same seed and steps, same network."),
    )

    def __post_init__(self) -> None:
        check_params(self)
        whole = ("epochs", "max_steps", "batch_size", "patch_px", "patience", "seed")
        for name in whole:
            value = getattr(self, name)
            if value is not None and not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, got {value!r}.")
        if self.epochs is self.max_steps is self.time_limit_s is None:
            raise ValueError(
                "epochs, max_steps and time_limit_s are all None: training would "
                "never end. Set one of them."
            )


@dataclass(frozen=True, slots=True)
class PredictionParams:
    """How a fitted network labels; the fields are `CnnSegmenter`'s arguments."""

    flips: bool = field(
        default=False,
        metadata=flag(
            "Label each part turned and mirrored in all eight ways and give the mean: "
            "a little better, eight times slower."
        ),
    )
    memory_mb: float = field(
        default=600,
        metadata=span(
            16, 1_000_000, "Megabytes to label in; less: smaller parts at a time."
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)
