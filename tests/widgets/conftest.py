"""What holds for all tests of widgets."""

import pytest

from napari_segen.widgets import checkpoints


@pytest.fixture(autouse=True)
def checkpoint_folder(tmp_path, monkeypatch):
    """Keep the user's own checkpoints out of sight, and ours out of the user's."""
    folder = tmp_path / "checkpoints"
    monkeypatch.setenv(checkpoints.FOLDER, str(folder))
    return folder
