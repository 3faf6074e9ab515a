import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.probabilistic.problems import blobs

from napari_segen.core.steps import run
from napari_segen.probabilistic.auto import AutoClassifier, trusted
from napari_segen.probabilistic.samples import TrainingSet


def ring(seed=0, strokes=10, pixels=8):
    """A class around another: no line tells them apart."""
    rng = np.random.default_rng(seed)
    radius = np.repeat(np.tile([0.5, 3.0], strokes), pixels)
    angle = np.repeat(rng.uniform(0, 2 * np.pi, 2 * strokes), pixels)
    angle += 0.2 * rng.normal(size=len(angle))
    x = radius * np.stack([np.cos(angle), np.sin(angle)])
    classes = np.repeat(np.tile([0, 1], strokes), pixels)
    stroke = np.repeat(np.arange(2 * strokes), pixels)
    return TrainingSet(x.T.astype(np.float32), classes, stroke, 2)


def test_trust_is_bayes_theorem_with_strokes_as_observations():
    before, losses = np.array([0.8, 0.2]), np.array([3.0, 2.0])
    odds = (0.8 * np.exp(-3.0)) / (0.2 * np.exp(-2.0))
    assert_allclose(trusted(before, losses), [odds / (1 + odds), 1 / (1 + odds)], 1e-6)


def test_who_is_hardly_trusted_is_left_out():
    assert_allclose(trusted(np.array([0.8, 0.2]), np.array([0.0, 9.0])), [1, 0])


def test_the_forest_is_trusted_where_no_line_tells_the_classes_apart():
    model = AutoClassifier().fit(ring())
    assert model.trust_[1] > 0.9
    found = model.posterior(ring(1).features.T).argmax(axis=0)
    assert (found == ring(1).class_index).mean() > 0.95
    assert "random forest 100%" in model.reason_
    assert "20 held-out strokes" in model.reason_


def test_one_stroke_each_leaves_the_trust_as_it_was():
    model = AutoClassifier({"forest": 0.3}).fit(blobs(strokes=1))
    assert_allclose(model.trust_, [0.7, 0.3])
    assert "no stroke" in model.reason_


@pytest.mark.parametrize(("forest", "member"), [(0.0, "softmax"), (1.0, "forest")])
def test_full_trust_leaves_that_member_alone(forest, member):
    samples = blobs()
    model = AutoClassifier({"forest": forest}).fit(samples)
    assert_allclose(
        model.posterior(samples.features.T),
        model.members_[member].posterior(samples.features.T),
        atol=1e-6,
    )


def test_its_held_out_posterior_joins_the_members():
    samples = blobs()
    model = AutoClassifier().fit(samples)
    held_out = run(model.calibrate_steps(samples))
    parts = [
        run(m.held_out_steps(samples)).sharpened(m.temperature_)
        for m in model.members_.values()
    ]
    mean = sum(t * p.posterior for t, p in zip(model.trust_, parts, strict=True))
    known = held_out.known
    assert known.any()
    assert_allclose(held_out.posterior[:, known], mean[:, known], atol=1e-6)


def test_made_again_from_its_arrays_it_has_the_very_temperatures():
    # The forest's posterior changes in its last digits with those of a temperature.
    model = AutoClassifier().fit(ring())
    again = AutoClassifier.from_arrays(None, model.arrays(), 2, 2)
    for name, member in model.members_.items():
        assert again.members_[name].temperature_ == member.temperature_ != 1


def test_no_trust_in_all_is_refused():
    arrays = AutoClassifier().fit(blobs()).arrays()
    for wrong in ([-0.1, 1.1], [0.2, 0.2]):
        broken = arrays | {"trust": np.array(wrong, np.float32)}
        with pytest.raises(ValueError, match="trust"):
            AutoClassifier.from_arrays(None, broken, 4, 3)
