"""The scripts of docs/examples are run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("distributed")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_labels_by_workers_with_an_interruption(tmp_path):
    script = EXAMPLES / "segment_on_workers.py"
    said = subprocess.run(
        [sys.executable, script, tmp_path],
        check=True,
        capture_output=True,
        text=True,
        timeout=1200,
    ).stdout
    assert "Labelling" in said
    share = float(said.rpartition(": ")[2].partition("%")[0])
    assert 1 < share < 6  # 3000 squares of 64 pixels, less overlaps
    assert not list((tmp_path / "image.zarr" / "labels").glob(".*"))
