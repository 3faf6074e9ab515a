"""Attack the package with a fuzzer: ``python -m tests.fuzz.attack TARGET``.

Needs atheris (``pip install atheris``; Linux, and macOS with LLVM's clang). A file that
raises, takes over 10 seconds or over 1 GB ends the run, and is
written to the current folder as ``crash-...``, ``timeout-...`` or ``oom-...``: mend the
package and put the file into ``tests/fuzz/corpus/TARGET``.
"""

import argparse
import logging
import operator
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import atheris
import numpy as np
import psutil
from atheris.version_dependent import CMP_OP_SHIFT_AMOUNT

import napari_segen

CORPUS = Path(__file__).parent / "corpus"
MOST_SECONDS = 10
MOST_MB = 1024  # on top of the process as it starts
LONGEST = 30_000
WATCHED = ["napari_segen", "tifffile", "PIL"]
COMPARISONS = (
    *(operator.lt, operator.le, operator.eq),
    *(operator.ne, operator.gt, operator.ge),
)  # in the order of Python's COMPARE_OP


def main() -> None:
    """Read the command line and hand over to the fuzzer, which ends the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=sorted(p.name for p in CORPUS.iterdir()))
    parser.add_argument("--seconds", type=int, default=360)
    parser.add_argument("--found", type=Path, help="folder that keeps new inputs")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    _let_go_of_arrays()
    target = _watched_target(args.target)
    with _folder(args.found) as found:
        options = [f"-max_total_time={args.seconds}", f"-timeout={MOST_SECONDS}"]
        own_mb = psutil.Process().memory_info().rss // 2**20
        options += [f"-rss_limit_mb={own_mb + MOST_MB}", f"-max_len={LONGEST}"]
        folders = [str(found), str(CORPUS / args.target)]
        atheris.Setup([sys.argv[0], *options, *folders], target)
        atheris.Fuzz()


def _watched_target(name: str) -> Callable[[bytes], None]:
    """Import what is attacked, so that it is seen which of its branches bytes reach."""
    source = Path(napari_segen.__file__).parents[1]
    compiled = [
        ".".join(path.relative_to(source).with_suffix("").parts)
        for path in (source / "napari_segen").rglob("*.py")
        if "import njit" in path.read_text(encoding="utf-8")
    ]  # Numba cannot compile what is watched
    with atheris.instrument_imports(WATCHED, exclude=compiled):
        from tests.fuzz.targets import TARGETS

        # Most modules are imported when they are first needed. What is done once,
        # such as compiling, is done then too: it is no file's fault.
        for file in sorted((CORPUS / name).iterdir()):
            TARGETS[name](file.read_bytes())
    return TARGETS[name]


def _let_go_of_arrays() -> None:
    """Compare arrays unwatched: atheris 3.0 keeps what a watched comparison gives.

    Nothing is lost, as it learns only from comparing numbers, bytes and text.
    """
    watched = atheris._trace_cmp

    def compare(left: Any, right: Any, code: int, *rest: Any) -> Any:
        if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
            return COMPARISONS[code >> CMP_OP_SHIFT_AMOUNT](left, right)
        return watched(left, right, code, *rest)

    atheris._trace_cmp = compare


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as passing:
        yield Path(passing)


if __name__ == "__main__":
    main()
