"""The default method: a linear and a non-linear model, trusted as they have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, span
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.probabilistic.classifier import Classifier
from napari_segen.probabilistic.forest.method import ForestClassifier
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.softmax import SoftmaxClassifier

MEMBERS: dict[str, type[Classifier]] = {
    "softmax": SoftmaxClassifier,
    "forest": ForestClassifier,
}
LEAST_TRUST = 0.05  # a member below it is left out: its part would not be seen


@dataclass(frozen=True, slots=True)
class AutoParams:
    """How the members are joined."""

    forest: float = field(
        default=0.2,
        metadata=span(
            0.0,
            1.0,
            "How far the random forest is trusted before held-out strokes speak: 0 "
            "leaves softmax regression alone, 1 the forest.",
        ),
    )

    def __post_init__(self) -> None:
        check_params(self)


class AutoClassifier(Classifier):
    """Mean of the members' posteriors, weighted by what held-out strokes say of them.

    With ``L_m`` the sum over held-out strokes of the mean log loss of their pixels,
    and ``t_m`` the trust before them, the weights are ``t_m exp(-L_m)``, normalised:
    Bayesian model averaging (Hoeting et al., Statistical Science 14, 1999) in which a
    stroke counts as one observation.

    Attributes
    ----------
    members_ : dict of str to Classifier
        The fitted members by name.
    trust_ : float32 array of shape (len(MEMBERS),)
        Their weights; they sum to 1.
    """

    Params = AutoParams
    title: ClassVar[str] = "Automatic"
    summary: ClassVar[str] = (
        "Softmax regression and a random forest, each trusted as far as strokes say "
        "that it did not see. The best choice where nothing is known."
    )

    stand_in: ClassVar[str] = "softmax"

    members_: dict[str, Classifier]
    trust_: npt.NDArray[np.float32]

    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Fit and calibrate the members, and weigh them."""
        before = np.array([1 - self.params.forest, self.params.forest])
        members, found = {}, []
        n = len(MEMBERS)
        for i, (name, method) in enumerate(MEMBERS.items()):
            members[name] = member = method(None, self.seed)
            fit = stretch_steps(member.fit_steps(samples), i / n, (i + 0.5) / n)
            yield from fit
            held_out = member.calibrate_steps(samples)
            found.append(
                (yield from stretch_steps(held_out, (i + 0.5) / n, (i + 1) / n))
            )
        losses = np.array([f.stroke_loss() for f in found])
        self.trust_ = trusted(before, losses)
        self.n_features_ = samples.features.shape[1]
        self.n_classes_ = samples.n_classes
        self.members_, self._held_out = members, _mean(found, self.trust_)
        self.reason_ = self._why(losses, found[0].n_strokes)
        return self

    def held_out_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Return what the fit held out; `samples` are those of the fit."""
        yield from ()
        return self._held_out

    def calibrate_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Return what the fit held out: the members are calibrated already."""
        return (yield from self.held_out_steps(samples))

    def _why(self, losses: Array, n_strokes: int) -> str:
        titles = [m.title.lower() for m in MEMBERS.values()]
        parts = [f"{t} {w:.0%}" for t, w in zip(titles, self.trust_, strict=True) if w]
        if n_strokes == 0:
            return f"{', '.join(parts)}: no stroke could be held out"
        told = " and ".join(f"{loss / n_strokes:.2f}" for loss in losses)
        return f"{', '.join(parts)}: log loss {told} on {n_strokes} held-out strokes"

    def parts(self) -> Sequence[Classifier]:
        """Return the members."""
        return tuple(self.members_.values())

    def log_scores(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the logarithm of the mean posterior ``(K, n)``."""
        total = self.probabilities(block)
        np.maximum(total, np.finfo(np.float32).tiny, out=total)
        return np.log(total, out=total)

    def probabilities(self, block: Array) -> npt.NDArray[np.float32]:
        """Return the mean of the members' posteriors ``(K, n)``."""
        total = np.zeros((self.n_classes_, block.shape[1]), np.float32)
        for member, trust in zip(self.members_.values(), self.trust_, strict=True):
            if trust:
                total += trust * member.probabilities(block)
        return total

    def arrays(self) -> dict[str, Array]:
        """Return the members' arrays, their names in front, and how they are joined."""
        found: dict[str, Array] = {
            f"{name}_{key}": array
            for name, member in self.members_.items()
            for key, array in member.arrays().items()
        }
        temperatures = [m.temperature_ for m in self.members_.values()]
        return found | {
            "trust": self.trust_,
            "temperatures": np.array(temperatures, np.float32),
        }

    @classmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `arrays` but the members', which check their own."""
        return {"trust": (len(MEMBERS),), "temperatures": (len(MEMBERS),)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned."""
        self.trust_, temperatures = arrays["trust"], arrays["temperatures"]
        if self.trust_.min() < 0 or abs(self.trust_.sum() - 1) > 1e-4:
            raise ValueError("array 'trust' must be weights that sum to 1.")
        if temperatures.min() <= 0:
            raise ValueError("array 'temperatures' must be positive.")
        self.members_ = {}
        for (name, method), t in zip(MEMBERS.items(), temperatures, strict=True):
            self.members_[name] = self._member(name, method, arrays)
            self.members_[name].temperature_ = float(t)

    def _member(
        self, name: str, method: type[Classifier], arrays: Mapping[str, Array]
    ) -> Classifier:
        prefix = f"{name}_"
        own = {
            k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)
        }
        try:
            return method.from_arrays(None, own, self.n_features_, self.n_classes_)
        except ValueError as err:
            raise ValueError(str(err).replace("array '", f"array '{prefix}")) from err


def trusted(before: Array, losses: Array) -> npt.NDArray[np.float32]:
    """Weigh members by trust before ``(m,)`` and log losses ``(m,)``; sums to 1."""
    weights = before * np.exp(losses.min() - losses)
    weights /= weights.sum()
    weights[weights < LEAST_TRUST] = 0
    return np.asarray(weights / weights.sum(), np.float32)


def _mean(found: list[HeldOut], trust: Array) -> HeldOut:
    """Join what members say; a pixel must have been held out from all that count."""
    parts = [f for f, t in zip(found, trust, strict=True) if t]
    shares = trust[trust > 0].astype(np.float64)
    posterior = np.tensordot(shares, np.stack([f.posterior for f in parts]), 1)
    known = np.logical_and.reduce([f.known for f in parts])
    return HeldOut(posterior, known, parts[0].samples)
