import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.generation.labelmaps.maps import discs, foam

from napari_segen.core.steps import run
from napari_segen.generation.labelmaps.model import LabelModel

rng = np.random.default_rng(0)
GRAINS = np.repeat(np.repeat(rng.integers(0, 4, (8, 8)), 9, 0), 9, 1)
ROUND = discs((60, 60))
MAPS = {
    "discs": ROUND,
    "mask": (ROUND > 0).astype(np.uint8),
    "foam": foam((80, 80), 20),
    "grains": GRAINS,
    "noise": rng.integers(0, 3, (30, 40)),
    "one object": np.where(ROUND == 1, 7, 0),
    "empty": np.zeros((20, 30), int),
    "full": np.full((20, 30), 7),
    "one pixel": np.ones((1, 1), int),
    "one row": rng.integers(0, 2, (1, 50)),
    "volume": np.stack([discs((40, 40))] * 5),
    "one plane": discs((40, 40))[np.newaxis],
    "dense volume": rng.integers(0, 3, (4, 12, 15)),
}
TASKS = ("classes", "instances")


def draw(labels, task, shape, seed=0):
    return run(LabelModel.fit([labels], task).sample_steps(shape, _rng(seed)))


def _rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=6, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99))
def test_classes_are_training_values_in_any_size(name, height, width, seed):
    labels = MAPS[name]
    shape = (3,) * (labels.ndim - 2) + (height, width)
    made = draw(labels, "classes", shape, seed)
    assert made.shape == shape
    assert made.dtype.kind == "u"
    assert np.isin(made, labels).all()


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=6, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99))
def test_objects_are_numbered_in_a_row(name, height, width, seed):
    labels = MAPS[name]
    shape = (3,) * (labels.ndim - 2) + (height, width)
    made = draw(labels, "instances", shape, seed)
    assert made.shape == shape
    assert_array_equal(np.union1d(made, 0), np.arange(made.max() + 1))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", MAPS)
def test_same_seed_same_map_and_another_seed_another(name, task):
    labels = MAPS[name]
    shape = (2,) * (labels.ndim - 2) + (64, 70)
    first, again = (draw(labels, task, shape, 3) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    if len(np.unique(labels)) > 1:
        others = [draw(labels, task, shape, seed) for seed in (4, 5)]
        assert any((first != other).any() for other in others)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", MAPS)
def test_a_restored_or_pickled_model_draws_the_same(name, task):
    model = LabelModel.fit([MAPS[name]], task)
    shape = (2,) * (MAPS[name].ndim - 2) + (40, 33)
    made = run(model.sample_steps(shape, _rng(1)))
    header, arrays = model.state()
    assert all(key.startswith("map_") for key in arrays)
    for twin in (LabelModel.restore(header, arrays), pickle.loads(pickle.dumps(model))):
        assert_array_equal(run(twin.sample_steps(shape, _rng(1))), made)


def test_the_users_maps_are_never_written_to():
    for labels in MAPS.values():
        frozen = labels.copy()
        frozen.flags.writeable = False
        for task in TASKS:
            draw(frozen, task, (20,) * labels.ndim)
        assert_array_equal(frozen, labels)


def test_each_map_follows_one_of_the_training_maps():
    empty, full = np.zeros((30, 30), int), np.full((40, 50), 9)
    model = LabelModel.fit([empty, full, empty, empty], "classes")
    made = [run(model.sample_steps((8, 8), _rng(seed))) for seed in range(40)]
    assert {v for m in made for v in np.unique(m)} == {0, 9}
    assert all(m.min() == m.max() for m in made)
    assert 2 <= sum(int(m.max() == 9) for m in made) <= 20


@pytest.mark.parametrize("value", [255, 2**40, 2**63 + 5])
def test_large_class_values_are_kept(value):
    labels = np.where(discs((50, 50)) > 0, np.uint64(value), np.uint64(3))
    assert set(np.unique(draw(labels, "classes", (80, 80))).tolist()) == {3, value}


def test_many_or_huge_maps_are_thinned_out():
    model = LabelModel.fit([np.full((4, 4), i) for i in range(100)], "classes")
    assert len(model.maps) < 100
    huge = LabelModel.fit([np.broadcast_to(np.uint8(1), (3000, 3000))], "classes")
    assert huge.maps[0].size <= 2**22


def test_progress_comes_while_drawing():
    steps = LabelModel.fit([ROUND], "instances").sample_steps((300, 300), _rng(0))
    seen = [next(steps) for _ in range(3)]
    assert all(0 <= s.done <= s.total for s in seen)
    steps.close()


@pytest.mark.parametrize(("maps", "task"), [([], "classes"), ([ROUND], "boxes")])
def test_nothing_to_learn_or_an_unknown_task_is_refused(maps, task):
    with pytest.raises(ValueError, match=r"labels|task"):
        LabelModel.fit(maps, task)


def stored():
    return LabelModel.fit([MAPS["grains"], MAPS["mask"]], "classes").state()


@pytest.mark.parametrize(
    ("key", "value"),
    [("task", "boxes"), ("n_maps", 0), ("n_maps", 10**9), ("n_maps", True)],
)
def test_a_hostile_header_is_refused(key, value):
    header, arrays = stored()
    with pytest.raises(ValueError, match="label maps"):
        LabelModel.restore({**header, key: value}, arrays)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("map_0", np.full((4, 4), 200, np.uint8)),
        ("map_0", np.zeros((4, 4), np.float32)),
        ("map_0", np.zeros((0, 4), np.uint8)),
        ("map_0", np.zeros((4, 4, 4), np.uint8)),
        ("map_1", np.zeros(4, np.uint8)),
        ("map_values", np.array([3, 1], np.uint64)),
        ("map_values", np.zeros(0, np.uint64)),
        ("map_values", np.zeros((2, 2), np.uint64)),
    ],
)
def test_hostile_arrays_are_refused(name, array):
    header, arrays = stored()
    with pytest.raises(ValueError, match="label maps"):
        LabelModel.restore(header, {**arrays, name: array})


def test_a_missing_array_is_refused():
    header, arrays = stored()
    del arrays["map_1"]
    with pytest.raises(ValueError, match="lacks"):
        LabelModel.restore(header, arrays)
