"""The commands of docs/folders.md are run as they stand."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.scale.conftest import write_image
from tests.scale.fields import field

from napari_segen.cli import main
from napari_segen.scale.folder.outputs import ENDS
from napari_segen.workflows.files import write_tiff

PAGE = (Path(__file__).parents[3] / "docs" / "folders.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [shlex.split(line)[1:] for line in BLOCK.splitlines()]


@pytest.fixture
def files(tmp_path, monkeypatch, model_path):
    monkeypatch.chdir(tmp_path)
    for name in ("images", "more", "masks"):
        Path(name).mkdir()
    shutil.copy(model_path, "cells.segen")
    image, truth = field(1)
    write_tiff("images/a.tif", image)
    write_tiff("more/plate.tif", field(2)[0])
    write_tiff("masks/a.tif", np.where(truth > 0, 2, 1).astype(np.uint8))


def test_the_commands_of_the_page_run(files):
    pytest.importorskip("zarr")
    write_image(Path("slide.ome.zarr"), field(3)[0])
    for argv in COMMANDS:
        assert main(argv) == 0


def test_every_column_and_file_is_explained(files):
    for argv in COMMANDS[:3]:
        assert main(argv) == 0
        folder = argv[argv.index("--out") + 1]
        names = (Path(folder) / "summary.csv").read_text().splitlines()[0].split(",")
        known = {n.replace("area_fraction_2", "area_fraction_1") for n in names}
        missing = {n for n in known - {"image"} if f"`{n}`" not in PAGE}
        assert not missing
    assert not [end for end in ENDS.values() if f"`a{end}`" not in PAGE]
