import pytest

from napari_segen.cnn.params import PredictionParams, TrainingParams
from napari_segen.core.parameters import as_json, describe, make_params


def test_without_any_limit_the_parameters_are_refused():
    with pytest.raises(ValueError, match="never end"):
        TrainingParams(time_limit_s=None)


@pytest.mark.parametrize(
    "name", ["epochs", "max_steps", "batch_size", "patch_px", "patience"]
)
def test_counts_are_whole_numbers(name):
    with pytest.raises(TypeError, match=f"{name} must be a whole number"):
        TrainingParams(**{name: 4.5})


@pytest.mark.parametrize(
    "given",
    [
        {"loss": "hinge"},
        {"learning_rate": 0.0},
        {"validation_split": 0.9},
        {"seed": -1},
        {"batch_size": 0},
        {"decay": "linear"},
        {"patience": 0},
        {"class_balance": 1.5},
        {"precision": "float64"},
    ],
)
def test_values_out_of_range_are_refused_by_name(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        TrainingParams(**given)


@pytest.mark.parametrize("kind", [TrainingParams, PredictionParams])
def test_parameters_have_help_texts_and_go_through_json(kind):
    assert all(p.help for p in describe(kind))
    assert make_params(kind, as_json(kind())) == kind()
