"""What new images shall be like: the choices in the generator's dock."""

import random
from collections.abc import Sequence

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    LineEdit,
    PushButton,
    SpinBox,
)
from qtpy.QtCore import QObject, QSize, Signal

from napari_segen.generation.registry import GENERATORS
from napari_segen.widgets.generator.die import DIE_PX, die_icon
from napari_segen.widgets.generator.requests import (
    EXAMPLE,
    NOISE,
    PAINTED,
    SHAPES,
    Request,
)
from napari_segen.widgets.parts.method_form import MethodForm

BUDGETS = (
    ("15 s", 15.0),
    ("1 min", 60.0),
    ("2.5 min", 150.0),
    ("5 min", 300.0),
    ("10 min", 600.0),
    ("30 min", 1800.0),
)
ONE_STACK, SEPARATE = "stack", "layers"
MOST_LAYERS = 16
MAX_SEED = 2**31 - 1
_DRAWN_SEEDS = 1_000_000
_LARGEST_FIRST = 512
_BUTTON_PX = 30

_TITLES = {
    NOISE: "nothing but a seed",
    EXAMPLE: "an example image",
    PAINTED: "a labels layer",
    SHAPES: "synthetic scenes",
}
_ABLE = {
    NOISE: lambda method: method.needs_images,
    EXAMPLE: lambda method: method.can_vary,
    PAINTED: lambda method: method.can_paint,
    SHAPES: lambda method: not method.needs_images,
}


def methods_for(source: str) -> list[str]:
    """List the methods that make images from such a source."""
    return [name for name in GENERATORS if _ABLE[source](GENERATORS.get(name))]


class GeneratorForm(QObject):
    """From what, how, how many, how large, and by which seed.

    Signals
    -------
    changed()
        Something was chosen that changes what is made.
    settings_changed()
        It was a setting of the method.
    """

    changed = Signal()
    settings_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        sources = [s for s in _TITLES if methods_for(s)]
        self.source = ComboBox(
            label="make from",
            choices=[(_TITLES[s], s) for s in sources],
            value=NOISE,
            tooltip="Nothing but a seed: new images that look like yours. An example "
            "image: variations of it. A labels layer: an image for these labels. "
            "Synthetic scenes: drawn from scratch, no image is needed.",
        )
        first = methods_for(NOISE)
        self.method = MethodForm(
            GENERATORS,
            "flow" if "flow" in first else first[0],
            "How new images are made.",
            self._on_settings,
        )
        self._chosen = {NOISE: self.method.choice.value}
        self._make_budget()
        self._make_extent()
        self._make_seed()
        self._make_output()
        self.source.changed.connect(self._on_source)
        self.method.choice.changed.connect(self._on_method)
        for choice in (self.count, self.size, self.seed, self.strength, self.pairs):
            choice.changed.connect(self._on_changed)
        self._on_source()

    # -- building -------------------------------------------------------------

    def _make_budget(self) -> None:
        self.budget = ComboBox(
            label="fit for",
            choices=BUDGETS,
            value=150.0,
            tooltip="How long it learns at most; longer gives finer detail. Stop ends "
            "it earlier and keeps what was learnt.",
        )
        self.task = ComboBox(
            label="labels are",
            choices=[("classes", "classes"), ("objects", "instances")],
            tooltip="Classes: each label value is a class. Objects: each label value "
            "is one object, such as a nucleus, and 0 is the background.",
        )

    def _make_extent(self) -> None:
        self.count = SpinBox(
            label="how many",
            value=4,
            min=1,
            max=10_000,
            tooltip="How many new images. Image 3 is the same whether 3 or 300 are "
            "made.",
        )
        self.size = LineEdit(
            label="size",
            value="256, 256",
            tooltip="Pixels along each spatial axis: “256, 256” for a plane, “16, 128, "
            "128” for a volume.",
        )
        self._own_size = self.size.value
        self._suggested_for: tuple[int, ...] = ()
        self.strength = FloatSlider(
            label="strength",
            value=0.5,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="How far a variation departs from its example: 0 is the example, 1 "
            "as far as the method goes.",
        )

    def _make_seed(self) -> None:
        self.seed = SpinBox(
            label="seed",
            value=0,
            min=0,
            max=MAX_SEED,
            tooltip="Another seed, other images; the same seed, the same images.",
        )
        self.dice = PushButton(tooltip="Draw another seed.")
        self.dice.native.setIcon(die_icon(self.dice.native))
        self.dice.native.setIconSize(QSize(DIE_PX, DIE_PX))
        self.dice.max_width = _BUTTON_PX
        self.dice.changed.connect(self.roll)
        self.seed_row = Container(
            widgets=[self.seed, self.dice],
            layout="horizontal",
            labels=False,
            label="seed",
        )
        self.seed_row.margins = (0, 0, 0, 0)

    def _make_output(self) -> None:
        self.pairs = CheckBox(
            text="with labels",
            value=True,
            tooltip="Make labels along with the images, if the method has learnt them.",
        )
        self.output = ComboBox(
            label="as",
            choices=[("one stack", ONE_STACK), ("separate layers", SEPARATE)],
            tooltip="One stack: a slider goes through the images. Separate layers: "
            f"side by side, at most {MOST_LAYERS}.",
        )

    # -- what is chosen -------------------------------------------------------

    @property
    def method_class(self) -> type:
        """The class of the chosen method."""
        return self.method.method_class

    @property
    def is_separate(self) -> bool:
        """Whether each image gets a layer of its own."""
        return bool(self.output.value == SEPARATE)

    def request(self, shape: Sequence[int] | None, pairs: bool) -> Request:
        """Return what is asked for; ValueError says what cannot be.

        Parameters
        ----------
        shape : sequence of int, or None
            Of the example or the label map; None where the size is free.
        pairs : bool
            Whether labels can come with the images.
        """
        source, n = self.source.value, self.count.value
        if self.is_separate and n > MOST_LAYERS:
            raise ValueError(
                f"how many: {n} are too many for separate layers; choose one stack, or "
                f"at most {MOST_LAYERS}."
            )
        return Request(
            source,
            n,
            self.free_size() if shape is None else tuple(shape),
            self.seed.value,
            float(self.strength.value),
            pairs and self.pairs.value,
        )

    def free_size(self) -> tuple[int, ...]:
        """Return the size that was typed."""
        text = self.size.value
        try:
            sizes = tuple(int(part) for part in text.replace(",", " ").split())
        except ValueError:
            sizes = ()
        if not sizes:
            raise ValueError(
                f"size: “{text}” is not a list of whole numbers such as “256, 256”."
            )
        return sizes

    def suggest_size(self, shape: tuple[int, ...]) -> None:
        """Fill in the size of another image, unless the user has typed one."""
        if shape == self._suggested_for:
            return
        typed = self.size.value.replace(",", " ").split()
        is_own = self.size.value in ("", self._own_size)
        if is_own or len(typed) != len(shape):
            self._own_size = ", ".join(str(min(n, _LARGEST_FIRST)) for n in shape)
            self.size.value = self._own_size
        self._suggested_for = shape

    def roll(self, *_: object) -> None:
        """Draw another seed."""
        self.seed.value = random.randrange(_DRAWN_SEEDS)

    def show_method(self, name: str) -> None:
        """Choose a method, and a source that it makes images from."""
        if name not in methods_for(self.source.value):
            self.source.value = next(s for s in _TITLES if name in methods_for(s))
        self.method.choice.value = name

    # -- what belongs to the choices ------------------------------------------

    def _on_source(self, *_: object) -> None:
        source = self.source.value
        names = methods_for(source)
        wanted = self._chosen.get(source, self.method.choice.value)
        with self.method.choice.changed.blocked():
            self.method.offer(names)
            self.method.choice.value = wanted if wanted in names else names[0]
        self.method.show()
        self.strength.visible = source == EXAMPLE
        self.size.visible = source in (NOISE, SHAPES)
        self._on_method()

    def _on_method(self, *_: object) -> None:
        if self.method.choice.value is None:
            return
        self._chosen[self.source.value] = self.method.choice.value
        self.budget.visible = self.method_class.needs_training
        self._on_changed()

    def _on_settings(self, *_: object) -> None:
        self.settings_changed.emit()
        self._on_changed()

    def _on_changed(self, *_: object) -> None:
        self.changed.emit()
