"""Attack the package with a fuzzer: ``python -m tests.fuzz.attack TARGET``.

Needs atheris (``pip install atheris``; Linux, and macOS with LLVM's clang). A file that
raises, takes over 10 seconds or over 1 GB ends the run, and is
written to the current folder as ``crash-...``, ``timeout-...`` or ``oom-...``: mend the
package and put the file into ``tests/fuzz/corpus/TARGET``.
"""

import argparse
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"
MOST_SECONDS = 10
MOST_MB = 1424  # a gigabyte on top of the process as it starts, watched code and all
LONGEST = 30_000


def main() -> None:
    """Read the command line and hand over to the fuzzer, which ends the process."""
    # What is imported in here is watched: which of its branches bytes reach.
    with atheris.instrument_imports(include=["napari_segen", "tifffile", "PIL"]):
        from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=360)
    parser.add_argument("--found", type=Path, help="folder that keeps new inputs")
    args = parser.parse_args()
    target = TARGETS[args.target]
    target(b"")  # what is done once, such as compiling, is nobody's file's fault
    warnings.simplefilter("ignore")
    logging.disable()
    with _folder(args.found) as found:
        options = [f"-max_total_time={args.seconds}", f"-timeout={MOST_SECONDS}"]
        options += [f"-rss_limit_mb={MOST_MB}", f"-max_len={LONGEST}"]
        folders = [str(found), str(CORPUS / args.target)]
        atheris.Setup([sys.argv[0], *options, *folders], target)
        atheris.Fuzz()


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
