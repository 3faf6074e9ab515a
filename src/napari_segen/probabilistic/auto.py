"""The default method: a linear and a non-linear model, trusted as they have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from napari_segen.core.imagespec import Array
from napari_segen.core.parameters import check_params, span
from napari_segen.core.steps import Steps, stretch_steps
from napari_segen.probabilistic.classifier import Classifier, check_array
from napari_segen.probabilistic.evidence import Evidence, mean_evidence
from napari_segen.probabilistic.forest.method import ForestClassifier
from napari_segen.probabilistic.held_out import HeldOut
from napari_segen.probabilistic.samples import TrainingSet
from napari_segen.probabilistic.softmax import SoftmaxClassifier

MEMBERS: dict[str, type[Classifier]] = {
    "softmax": SoftmaxClassifier,
    "forest": ForestClassifier,
}
TEXTURE = "texture"  # softmax regression that sees texture energy as well
LEAST_TRUST = 0.05  # a member below it is left out: its part would not be seen
# The mean log loss of held-out strokes above which texture is looked at: it costs as
# much as all other features, and where the loss is small there is little to gain.
IN_DOUBT = 0.4
UNKNOWN = "; texture might help, but is not known of the earlier strokes"
# By how much in all it must make the loss smaller to be used, and its trust then. Both
# sets of features have errors of their own: their mean did better than either.
LEAST_GAIN, TEXTURE_TRUST = 0.5, 0.5


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

    Where they leave held-out strokes in doubt, a third member is asked that sees
    texture energy beside the other features. It is used, with half of the trust, only
    if it does better on them.

    Attributes
    ----------
    members_ : dict of str to Classifier
        The fitted members by name; ``"texture"``, if it is used, is the last.
    trust_ : float32 array of shape (len(members_),)
        Their weights; they sum to 1.
    """

    Params = AutoParams
    title: ClassVar[str] = "Automatic"
    summary: ClassVar[str] = (
        "Softmax regression and a random forest, each trusted as far as strokes say "
        "that it did not see; coarse texture where those strokes ask for it. The best "
        "choice where nothing is known."
    )

    stand_in: ClassVar[str] = "softmax"

    members_: dict[str, Classifier]
    trust_: npt.NDArray[np.float32]

    def fit_steps(self, samples: TrainingSet) -> Steps[Self]:
        """Fit and calibrate the members, and weigh them."""
        before = np.array([1 - self.params.forest, self.params.forest])
        members, found = {}, []
        n = len(MEMBERS) + 1
        for i, (name, method) in enumerate(MEMBERS.items()):
            members[name] = method(None, self.seed)
            fit = _fit_and_calibrate_steps(members[name], samples)
            found.append((yield from stretch_steps(fit, i / n, (i + 1) / n)))
        losses = [f.stroke_loss() for f in found]
        trust = trusted(before, np.array(losses))
        self._held_out, self._unknown = _mean(found, trust), ""
        self.n_features_ = samples.features.shape[1]
        self.n_classes_ = samples.n_classes
        look = stretch_steps(self._texture_steps(samples), 1 - 1 / n, 1)
        if (texture := (yield from look)) is not None:
            members[TEXTURE], held_out = texture
            losses.append(held_out.stroke_loss())
            shares = np.array([1 - TEXTURE_TRUST, TEXTURE_TRUST], np.float32)
            trust = np.append(trust * shares[0], shares[1])
            self._held_out = _mean([self._held_out, held_out], shares)
            self.n_features_ = members[TEXTURE].n_features_
        self.members_, self.trust_ = members, trust
        self.reason_ = self._why(losses)
        return self

    def _texture_steps(
        self, samples: TrainingSet
    ) -> Steps[tuple[Classifier, HeldOut] | None]:
        """Fit the member that sees texture; None where it is not to be used."""
        loss = self._held_out.stroke_loss()
        if samples.texture_steps is None or loss <= IN_DOUBT * self._held_out.n_strokes:
            return None
        texture = yield from stretch_steps(samples.texture_steps(), 0, 0.5)
        if texture is None:
            self._unknown = UNKNOWN
            return None
        features = np.concatenate([samples.features, texture], axis=1)
        member = SoftmaxClassifier(None, self.seed)
        fit = _fit_and_calibrate_steps(member, replace(samples, features=features))
        held_out = yield from stretch_steps(fit, 0.5, 1)
        if held_out.stroke_loss() > loss - LEAST_GAIN:
            return None
        return member, held_out

    def held_out_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Return what the fit held out; `samples` are those of the fit."""
        yield from ()
        return self._held_out

    def calibrate_steps(self, samples: TrainingSet) -> Steps[HeldOut]:
        """Return what the fit held out: the members are calibrated already."""
        return (yield from self.held_out_steps(samples))

    def _why(self, losses: list[float]) -> str:
        n_strokes = self._held_out.n_strokes
        titles = [
            f"{m.title.lower()}{' with texture' * (name == TEXTURE)}"
            for name, m in self.members_.items()
        ]
        parts = [f"{t} {w:.0%}" for t, w in zip(titles, self.trust_, strict=True) if w]
        if n_strokes == 0:
            return f"{', '.join(parts)}: no stroke could be held out"
        told = " and ".join(f"{loss / n_strokes:.2f}" for loss in losses)
        strokes = f"{n_strokes} held-out strokes{self._unknown}"
        return f"{', '.join(parts)}: log loss {told} on {strokes}"

    def parts(self) -> Sequence[Classifier]:
        """Return the members that see the usual features."""
        return tuple(self.members_[name] for name in MEMBERS)

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
                # All but the last see the first features alone.
                total += trust * member.probabilities(block[: member.n_features_])
        return total

    def evidence(self, pixel: Array) -> Evidence:
        """Join what the trusted members say, as their posteriors are joined."""
        heard = [
            (m.evidence(pixel[: m.n_features_]), t)
            for m, t in zip(self.members_.values(), self.trust_, strict=True)
            if t
        ]
        found, trust = zip(*heard, strict=True)
        return mean_evidence(found, np.array(trust))

    def arrays(self) -> dict[str, Array]:
        """Return the members' arrays, their names in front, and how they are joined."""
        found: dict[str, Array] = {
            f"{name}_{key}": array
            for name, member in self.members_.items()
            for key, array in member.arrays().items()
        }
        members = self.members_.values()
        found["trust"] = self.trust_
        found["temperatures"] = np.array([m.temperature_ for m in members], np.float32)
        if TEXTURE in self.members_:
            found["n_features"] = np.array([m.n_features_ for m in members], np.float32)
        return found

    @classmethod
    def array_shapes(
        cls, n_features: int, n_classes: int
    ) -> dict[str, tuple[int | None, ...]]:
        """Names and shapes of `arrays` but the members', which check their own."""
        return {"trust": (None,), "temperatures": (None,)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `arrays` returned."""
        self.trust_, temperatures = arrays["trust"], arrays["temperatures"]
        methods = MEMBERS | {TEXTURE: SoftmaxClassifier}
        n = len(self.trust_)
        if not len(MEMBERS) <= n <= len(methods):
            raise ValueError(f"array 'trust' has {n} entries, not one per member.")
        n_features = np.full(n, self.n_features_, np.float32)
        if n > len(MEMBERS):
            check_array("n_features", arrays.get("n_features"), (n,))
            n_features = arrays["n_features"]
        check_array("temperatures", temperatures, (n,))
        if self.trust_.min() < 0 or abs(self.trust_.sum() - 1) > 1e-4:
            raise ValueError("array 'trust' must be weights that sum to 1.")
        if temperatures.min() <= 0:
            raise ValueError("array 'temperatures' must be positive.")
        if n_features.min() < 1 or n_features.max() > self.n_features_:
            raise ValueError(
                f"array 'n_features' must be from 1 to {self.n_features_}."
            )
        self.members_ = {}
        for i, name in enumerate(list(methods)[:n]):
            member = self._member(name, methods[name], arrays, int(n_features[i]))
            member.temperature_ = float(temperatures[i])
            self.members_[name] = member

    def _member(
        self,
        name: str,
        method: type[Classifier],
        arrays: Mapping[str, Array],
        n_features: int,
    ) -> Classifier:
        prefix = f"{name}_"
        own = {
            k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)
        }
        try:
            return method.from_arrays(None, own, n_features, self.n_classes_)
        except ValueError as err:
            raise ValueError(str(err).replace("array '", f"array '{prefix}")) from err


def _fit_and_calibrate_steps(
    member: Classifier, samples: TrainingSet
) -> Steps[HeldOut]:
    """Fit a member; returns what it says of held-out strokes."""
    yield from stretch_steps(member.fit_steps(samples), 0, 0.5)
    return (yield from stretch_steps(member.calibrate_steps(samples), 0.5, 1))


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
