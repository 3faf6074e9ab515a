import zipfile

import numpy as np
import pytest

import napari_segen as ns
from napari_segen.core.archive import write_archive
from napari_segen.core.errors import ModelFileError

IMAGE = np.arange(400.0).reshape(20, 20)
PLACEHOLDER = 123_454_321


@pytest.mark.parametrize("kind", ["", "forest", "os:system"])
def test_an_unknown_kind_of_model_is_refused(kind, tmp_path):
    write_archive(tmp_path / "m.segen", kind, {}, {})
    with pytest.raises(ModelFileError, match="unknown kind"):
        ns.load(tmp_path / "m.segen")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400])
def test_a_number_beyond_all_limits_is_a_damaged_file(number, tmp_path):
    model = ns.ImageGenerator("transform").fit(IMAGE)
    header, arrays = model.to_archive()
    learnt = {"n_sources": PLACEHOLDER}
    write_archive(tmp_path / "m", "generator", header | {"learnt": learnt}, arrays)
    forged = tmp_path / "m.segen"
    with zipfile.ZipFile(tmp_path / "m") as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "model.json":
                text = content.decode()
                content = text.replace(str(PLACEHOLDER), number).encode()
            new.writestr(name, content)
    with pytest.raises(ModelFileError, match="damaged"):
        ns.load(forged)
