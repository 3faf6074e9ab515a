import os
import subprocess
import sys

FIRST_AND_SECOND_RUN = """
from napari_segen.features.compiling import compile_steps
for run in range(2):
    print([step.text for step in compile_steps(2)])
"""
LOADING = "Loading filters"
COMPILING = "Compiling filters (first time only)"


def lines_of(code, **environment):
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()


def test_compiling_is_announced_once_and_not_when_it_is_on_disk(tmp_path):
    fresh, known = [
        lines_of(FIRST_AND_SECOND_RUN, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)
    ]
    assert fresh[0] == str([LOADING, COMPILING, COMPILING])
    assert known[0] == str([LOADING, LOADING, LOADING])
    assert fresh[1] == known[1] == str([])


def test_making_a_bank_and_a_cache_does_not_import_numba():
    code = (
        "import sys; from napari_segen.features.cache import FeatureCache;"
        "from napari_segen.features.bank import FilterBank;"
        "FilterBank().names(3), FilterBank().halo, FeatureCache();"
        "print('numba' in sys.modules)"
    )
    assert lines_of(code) == ["False"]
