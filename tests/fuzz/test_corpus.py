import time
from pathlib import Path

import pytest
from tests.fuzz.targets import TARGETS

resource = pytest.importorskip("resource")

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(p for p in CORPUS.glob("*/*") if p.is_file())
MOST_SECONDS = 10
MOST_BYTES = 2**30


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    # The first use of a model compiles; that is no file's fault.
    TARGETS["forged"](b"")


def test_every_target_has_a_corpus():
    assert {p.parent.name for p in FILES} == set(TARGETS)


@pytest.mark.parametrize("file", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
@pytest.mark.filterwarnings("ignore")  # a damaged file may warn as it pleases
def test_any_file_is_taken_or_refused_in_words(file):
    # Time of the processor, so that other processes do not count.
    before, start = _peak_bytes(), time.process_time()
    TARGETS[file.parent.name](file.read_bytes())
    assert time.process_time() - start < MOST_SECONDS
    assert _peak_bytes() - before < MOST_BYTES


def _peak_bytes():
    # In kilobytes on Linux, in bytes on macOS; of the latter's files none is large.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
