"""What holds for all tests: which process a test runs in, displays, hypothesis.

TensorFlow and Mesa's software OpenGL crash in one process. So every test file is of
one of two groups, "keras" or "window", and each group runs in a process of its own.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
SETTINGS = Path(tempfile.mkdtemp(prefix="napari-segen-tests-"))
# pytest-qt's own limit is 5 s: a busy machine may need more, and a test that passes
# waits for nothing.
PATIENCE_MS = 300_000
WITHOUT_OPENGL = ("offscreen", "minimal", "vnc", "linuxfb")
HAS_DISPLAY = not sys.platform.startswith("linux") or bool(
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
)
if not HAS_DISPLAY:
    # Widgets without a canvas work all the same; Qt would abort the process.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# Kinds of test, and the group each must be in.
GROUPS = {"keras": "keras", "viewer": "window"}
# Where files go that are neither "keras" nor "viewer": so that both workers have
# about as much to do. The rest goes to "window".
BESIDE_KERAS = ("cnn", "contracts", "generation", "probabilistic", "workflows")

hypothesis.settings.register_profile(
    "default",
    max_examples=20,
    deadline=None,
    # The same examples on every run: a red test is about the change at hand.
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "thorough", max_examples=300, deadline=None, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None) == 1:
        raise pytest.UsageError(
            "-n1 would run both groups of tests in one process: use -n2 (the default), "
            "or -n0 with one kind of tests."
        )
    # Before napari is imported: tests never touch the user's own settings.
    os.environ["NAPARI_CONFIG"] = str(SETTINGS / "settings.yaml")


def pytest_unconfigure() -> None:
    shutil.rmtree(SETTINGS, ignore_errors=True)


class _OneProcessPerGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Hand each group as a whole to one worker, whatever ``--dist`` says.

    pytest-xdist's own groups ride on the test ids, which pytest 9.2 no longer lets
    it change (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group_of(self.config.rootpath / nodeid.split("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _OneProcessPerGroup:
    return _OneProcessPerGroup(config, log)


@cache
def _group_of(file: Path) -> str:
    """Return "keras" or "window"; by the text, as the scheduler sees no marks."""
    text = file.read_text(encoding="utf-8")
    uses_keras = "mark.keras" in text
    uses_viewer = "mark.viewer" in text or "make_napari_viewer" in text
    if uses_keras and uses_viewer:
        raise pytest.UsageError(
            f"{file} has tests of both kinds, 'keras' and 'viewer'. Put them into two "
            "files: TensorFlow and OpenGL crash in one process."
        )
    if uses_keras or uses_viewer:
        return "keras" if uses_keras else "window"
    room = file.relative_to(TESTS).parts[0]
    return "keras" if room in BESIDE_KERAS else "window"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "make_napari_viewer" in getattr(item, "fixturenames", ()):
            item.add_marker("viewer")
        for kind, group in GROUPS.items():
            if item.get_closest_marker(kind) and _group_of(item.path) != group:
                raise pytest.UsageError(
                    f"{item.nodeid} is of kind {kind!r}, but its file does not say "
                    f"pytest.mark.{kind}."
                )


def pytest_collection_finish(session: pytest.Session) -> None:
    # After -m and -k have chosen.
    kinds = {k for k in GROUPS for item in session.items if item.get_closest_marker(k)}
    is_worker = hasattr(session.config, "workerinput")
    if len(kinds) > 1 and not is_worker and not session.config.option.collectonly:
        raise pytest.UsageError(
            "tests marked 'keras' and tests marked 'viewer' cannot run in one process: "
            "TensorFlow and OpenGL crash together. Run with -n2 (the default), or "
            "choose one kind with -m 'not viewer' or -m 'not keras'."
        )


@pytest.fixture
def qtbot(qtbot: Any) -> Any:
    """Return pytest-qt's own, which waits for longer before it gives up."""
    for name in ("waitUntil", "waitSignal"):
        patient = partial(getattr(qtbot, name), timeout=PATIENCE_MS)
        setattr(qtbot, name, patient)
    return qtbot


@pytest.fixture(autouse=True)
def _viewer_surroundings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give viewer tests a display, OpenGL, and no plugin but this one and napari's."""
    if request.node.get_closest_marker("viewer") is None:
        yield
        return
    if reason := _why_no_viewer(request):
        if os.environ.get("NAPARI_SEGEN_REQUIRE_VIEWER") == "1":
            pytest.fail(f"a viewer is required here: {reason}")
        pytest.skip(reason)
    plugins = request.getfixturevalue("npe2pm")
    with (
        plugins.tmp_plugin(package="napari"),
        plugins.tmp_plugin(package="napari-segen"),
    ):
        yield
    assert "tensorflow" not in sys.modules, "TensorFlow was imported beside a viewer"


def _why_no_viewer(request: pytest.FixtureRequest) -> str | None:
    if not HAS_DISPLAY:
        return "no display, real or virtual: neither DISPLAY nor WAYLAND_DISPLAY is set"
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if platform in WITHOUT_OPENGL:
        return f"QT_QPA_PLATFORM={platform} has no OpenGL"
    request.getfixturevalue("qapp")
    from qtpy.QtGui import QOpenGLContext

    return None if QOpenGLContext().create() else "Qt finds no OpenGL here"
