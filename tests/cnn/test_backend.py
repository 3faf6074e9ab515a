import subprocess
import sys

import pytest

from napari_segen.cnn import backend
from napari_segen.core.errors import MissingBackend


@pytest.mark.parametrize("missing", ["tensorflow", "keras"])
def test_a_missing_package_is_named_with_its_install_line(monkeypatch, missing):
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, _Stub())
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingBackend, match=f"need {missing}.*pip install tensorflow"):
        backend.keras()


def test_a_foreign_keras_backend_is_refused_with_the_remedy(monkeypatch):
    for name in ("tensorflow", "keras"):
        monkeypatch.setitem(sys.modules, name, _Stub())
    with pytest.raises(MissingBackend, match=r"'jax'.*KERAS_BACKEND=tensorflow"):
        backend.keras()


def test_importing_the_segmenter_and_loading_a_network_imports_no_keras():
    code = (
        "import sys; from napari_segen.cnn.segmenter import CnnSegmenter; "
        "from napari_segen.cnn.registry import NETWORKS; "
        "[CnnSegmenter(n) for n in NETWORKS]; "
        "print([m for m in ('keras', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


class _Stub:
    """Stands in for TensorFlow and for Keras on JAX: any attribute, no devices."""

    def __getattr__(self, name):
        return self

    def list_physical_devices(self, kind):
        return []

    def __call__(self):
        return "jax"
