"""What a training leaves behind when napari crashes, and the offer to go on from it."""

import json
import os
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import platformdirs
import psutil
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_segen.core.archive import SUFFIX
from napari_segen.widgets.parts.panels import note, side_by_side

FOLDER = "NAPARI_SEGEN_CHECKPOINTS"
_PREFIX = "training-"
_LOAD_HELP = "Take the best network so far as the dock's model."
_numbers = count(1)


def folder() -> Path:
    """Where checkpoints are; the variable `FOLDER` of the environment overrules it."""
    chosen = os.environ.get(FOLDER)
    return Path(chosen or platformdirs.user_cache_dir("napari-segen", False))


def new_path() -> Path | None:
    """Return a file name that no other dock, here or in another napari, uses.

    None where nothing can be written: a training goes without.
    """
    path = folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return path / f"{_PREFIX}{os.getpid()}-{next(_numbers)}{SUFFIX}"


@dataclass(frozen=True)
class Checkpoint:
    """A model file that a training wrote before its process ended."""

    path: Path
    n_steps: int
    when: float

    @property
    def title(self) -> str:
        """What was interrupted, for a person."""
        day = time.strftime("%d %B %Y, %H:%M", time.localtime(self.when))
        return f"A training was interrupted on {day} ({self.n_steps} steps)."

    def discard(self) -> None:
        """Delete the file."""
        with suppress(OSError):
            self.path.unlink()


def read(path: Path) -> Checkpoint | None:
    """Look at a checkpoint without loading it; None if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read("model.json"))
        return Checkpoint(path, int(header["n_steps"]), path.stat().st_mtime)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError):
        return None


def left_behind() -> Checkpoint | None:
    """Return the newest checkpoint of a process that has ended, or None."""
    found = [
        read(path)
        for path in folder().glob(f"{_PREFIX}*{SUFFIX}")
        if not _is_owner_alive(path)
    ]
    return max(filter(None, found), key=lambda c: c.when, default=None)


def _is_owner_alive(path: Path) -> bool:
    number = path.name.removeprefix(_PREFIX).split("-")[0]
    try:
        started = psutil.Process(int(number)).create_time()
        # Another process may have got the number of one that has ended.
        return started <= path.stat().st_mtime
    except psutil.NoSuchProcess:
        return False
    except (ValueError, OSError, psutil.Error):
        return True


class Offer(QWidget):
    """Asks whether to load what an interrupted training left; hidden without one.

    Signals
    -------
    accepted(Checkpoint)
        "Load it" was pressed.
    """

    accepted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._checkpoint: Checkpoint | None = None
        self._text = note("")
        self._load = QPushButton("Load it")
        self._load.setToolTip(_LOAD_HELP)
        self._load.clicked.connect(self._on_load)
        self._discard = QPushButton("Discard")
        self._discard.setToolTip("Delete what the interrupted training left.")
        self._discard.clicked.connect(self._on_discard)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        layout.addWidget(side_by_side(self._load, self._discard))
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def show_checkpoint(self, checkpoint: Checkpoint | None) -> None:
        """Offer `checkpoint`; None hides the offer."""
        self._checkpoint = checkpoint
        if checkpoint is not None:
            self._text.setText(f"{checkpoint.title} Load it, then press Continue.")
        self.setVisible(checkpoint is not None)

    def set_busy(self, reason: str) -> None:
        """Disable loading for a reason; an empty one enables it."""
        self._load.setEnabled(not reason)
        self._load.setToolTip(reason or _LOAD_HELP)

    def _on_load(self) -> None:
        checkpoint = self._checkpoint
        if checkpoint is not None:
            self.accepted.emit(checkpoint)

    def _on_discard(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.discard()
        self.show_checkpoint(left_behind())
