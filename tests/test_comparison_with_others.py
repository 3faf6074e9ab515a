"""How the comparison with other tools asks and scores; no other tool is run."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.compare import problems, scores, tools
from benchmarks.compare.adapters import protocol
from numpy.testing import assert_array_equal
from skimage.io import imsave

EXTENT = problems.Extent(("nuclei",), (2,), 1, 1, 2, 2, 1, 5)
NAMES = ("train", "test")


@pytest.fixture
def data(tmp_path):
    """Two squares in an image of each split, bright on dark."""
    ids = np.zeros((64, 64), np.uint16)
    ids[8:28, 8:28], ids[36:56, 30:58] = 1, 2
    for split in NAMES:
        for kind, array in (
            ("images", 200 * (ids > 0).astype(np.uint8)),
            ("masks", ids),
        ):
            folder = tmp_path / "data" / problems.SETS["nuclei"] / split / kind
            folder.mkdir(parents=True)
            for i in range(4):
                imsave(folder / f"{i}.png", array, check_contrast=False)
    return tmp_path / "data"


@pytest.fixture
def asked(tmp_path, data):
    """Folders of tasks and for answers."""
    tasks, out = tmp_path / "work" / "strokes", tmp_path / "work" / "answers" / "a"
    tasks.mkdir(parents=True)
    out.mkdir(parents=True)
    problems.write_strokes(data, EXTENT, tasks)
    return tasks, out


def by_brightness(image, strokes):
    return lambda other: np.stack([other < 100, other >= 100]).astype(float)


def upside_down(image, strokes):
    return lambda other: np.stack([other >= 100, other < 100]).astype(float)


def test_strokes_lie_in_their_class_and_are_the_same_each_time(data, asked, tmp_path):
    tasks, _ = asked
    ((path, task),) = protocol.tasks_in(tasks)
    painted = task["strokes"] > 0
    assert_array_equal(
        task["strokes"][painted] - 1, (task["painted"] >= 100)[painted].astype(int)
    )
    problems.write_strokes(data, EXTENT, tmp_path)
    ((_, again),) = protocol.tasks_in(tmp_path)
    assert_array_equal(again["strokes"], task["strokes"])
    assert path.stem == problems.strokes_key("nuclei", 2, 0)


@pytest.mark.parametrize(("learn", "expected"), [(by_brightness, 1), (upside_down, 0)])
def test_a_perfect_answer_scores_one_and_its_opposite_nothing(
    data, asked, learn, expected
):
    tasks, out = asked
    protocol.serve_strokes(learn, tasks, out)
    (row,) = scores.stroke_rows(data, "tool", smooths=True, answers=out)
    assert row["same"] == row["transfer"] == row["ap"] == expected


def test_smoothing_is_scored_beside_what_a_tool_answers(data, asked):
    tasks, out = asked
    protocol.serve_strokes(by_brightness, tasks, out)
    rows = scores.stroke_rows(data, "tool", smooths=False, answers=out)
    assert [r["way"] for r in rows] == ["own", "smoothed"]


def test_classes_that_were_not_painted_keep_their_numbers():
    posterior = np.array([[[0.9, 0.1]], [[0.1, 0.9]]])
    assert_array_equal(scores.label_values(posterior, np.array([1, 4])), [[0, 3]])


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read as Linux tells it"
)
def test_a_tool_is_timed_as_often_as_asked_and_its_first_run_is_not_counted(tmp_path):
    tasks, out, calls = tmp_path / "tasks", tmp_path / "out", []
    tasks.mkdir()
    out.mkdir()
    image = np.zeros((8, 8), np.uint8)
    np.savez(tasks / "timed", painted=image, strokes=np.eye(8, dtype=int), repeats=3)

    def learn(image, strokes):
        calls.append(1)
        return lambda other: np.ones((1, *other.shape))

    protocol.serve_strokes(learn, tasks, out)
    ((_, answer),) = protocol.tasks_in(out)
    assert len(calls) == 4
    assert len(answer["seconds"]) == len(answer["processor"]) == 3
    assert scores.speed_row("tool", out)["peak_mb"] > 10


def test_objects_are_asked_for_and_scored(data, tmp_path):
    tasks, out = tmp_path / "tasks", tmp_path / "out"
    tasks.mkdir()
    out.mkdir()
    problems.write_objects(data, EXTENT, tasks)

    def train(images, ids, seconds, seed):
        assert len(images) == len(ids) == EXTENT.train_images
        assert seconds == EXTENT.seconds
        return lambda image: (image >= 100) * ids[0], 7

    protocol.serve_objects(train, tasks, out)
    row = scores.object_row(data, "tool", out)
    assert (row["ap"], row["steps"]) == (1, 7)


def test_tables_hold_every_tool_and_level():
    extent = problems.Extent(("nuclei", "EM"), (1, 3), 1, 1, 1, 1, 1, 1)
    rows = [
        {"tool": t, "way": "own", "set": s, "level": n, "same": n / 10, "transfer": 1}
        for t in ("first", "second")
        for s in extent.sets
        for n in extent.levels
    ]
    table = scores.score_table(rows, extent, "same").splitlines()
    assert table[2] == "| first | .100 .300 | .100 .300 | .100 .300 |"
    assert len(table) == 4
    assert np.isnan(scores.mean(rows, "same", tool="third"))


@pytest.mark.parametrize("tool", [*tools.FROM_STROKES, *tools.FROM_OBJECTS])
def test_every_tool_has_its_adapter_and_pinned_packages(tool):
    assert (tools.HERE / "adapters" / f"{tool.adapter}.py").exists()
    assert bool(list(tools.versions(tool))) == (tool.requirements is not None)
