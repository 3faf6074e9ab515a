"""What a result says of each class: share of the image, how well it is found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_segen.core.labels import ClassInfo

UNKNOWN = "-"


@dataclass(frozen=True)
class ClassFigures:
    """Figures of the last result, or of a loaded model that has no result yet.

    Parameters
    ----------
    info : mapping from class value to ClassInfo
        Names and colours of the model's classes.
    recall : mapping from class value to float
        NaN for a class whose only stroke could not be held out.
    fractions : mapping from class value to float
        Empty before there is a result.
    image : str
        Name of the image that was segmented.
    """

    info: Mapping[int, ClassInfo]
    recall: Mapping[int, float]
    fractions: Mapping[int, float] = field(default_factory=dict)
    image: str = ""

    @classmethod
    def of(
        cls, model: Any, fractions: Mapping[int, float], image: str = ""
    ) -> "ClassFigures":
        """Take what a fitted probabilistic model knows of its classes."""
        values = [int(v) for v in model.classes_]
        recall = {}
        if model.score_ is not None:
            recall = dict(zip(values, model.score_.recall, strict=True))
        info = {v: model.class_info_.get(v, ClassInfo()) for v in values}
        return cls(info, recall, fractions, image)

    def said_of_fraction(self, value: int) -> tuple[str, str]:
        """Return a class's share of the image in short, and what it means."""
        if value not in self.fractions:
            return UNKNOWN, "There is no result of this class: press Run or Apply."
        share = percent(self.fractions[value])
        return share, f"{share} of “{self.image}” in the last result."

    def said_of_recall(self, value: int) -> tuple[str, str]:
        """Return a class's recall in short, and what it means."""
        if value not in self.info:
            return UNKNOWN, "There is no model of this class: press Run."
        if math.isnan(recall := self.recall.get(value, math.nan)):
            return UNKNOWN, (
                "Unknown: there was no second stroke of this class that could be held "
                "out. Paint two or more, and press Run."
            )
        return f"{recall:.2f}", (
            f"{recall:.0%} of this class's pixels were found on strokes that the "
            "method was fitted without, when the model was made."
        )


NO_FIGURES = ClassFigures({}, {})


def percent(share: float) -> str:
    """Write a share for a narrow column: two digits, and never 0% of something."""
    if 0 < share < 0.001:
        return "<0.1%"
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"
