"""What can be set in the probabilistic dock besides the method."""

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox

FEATURE_SETS = ("default", "gradient", "intensity")


def smoothing_choice() -> FloatSpinBox:
    """Make the field for the strength of the spatial prior."""
    return FloatSpinBox(
        label="smoothing",
        value=1.0,
        min=0.0,
        max=100.0,
        step=0.5,
        tooltip="How much neighbouring pixels pull each other to the same class; "
        "0 judges each pixel alone.",
    )


def features_choice() -> ComboBox:
    """Make the list of the sets of features."""
    return ComboBox(
        label="features",
        choices=FEATURE_SETS,
        value="default",
        tooltip="What of a pixel's neighbourhood is looked at. default: "
        "brightness, edges, blobs, texture. gradient: edge strength alone. "
        "intensity: brightness alone.",
    )


def normalization_choice() -> ComboBox:
    """Make the list of ways to scale grey values."""
    return ComboBox(
        label="grey values",
        choices=("auto", "training", "image", "none"),
        value="auto",
        tooltip="How brightness is made comparable. auto: each image by its own "
        "range, but noise is not blown up. training: all by the range of the "
        "training image. none: as they are.",
    )


def novelty_box() -> CheckBox:
    """Make the box that asks for novelty."""
    return CheckBox(
        text="novelty",
        value=False,
        tooltip="Also show what is unlike anything you labelled, such as dirt or "
        "another kind of cell: 1 is entirely new. Paint there to teach it. The "
        "layer is hidden at first.",
    )
