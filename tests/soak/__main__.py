"""Random actions in a real napari: ``python -m tests.soak --seed 1 --actions 1000``.

Needs a display (``xvfb-run``). Ends with figures, and with 1 if anything went wrong.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import napari
from tests.soak.buttons import DOCKS
from tests.soak.pair import Pair
from tests.soak.session import Session, surroundings
from tests.soak.watch import (
    callbacks,
    caught,
    job_threads,
    memory_mb,
    running_timers,
    settle,
)

from napari_segen.widgets.jobs.keras_child import keras_child

# Until each method was used: what it needs stays loaded, scikit-learn with 60 MB.
WARM_UP = 400
MOST_MB = 100
WORK_EVERY = 10  # actions of a pair


def act(session, found, number):
    """Do one thing; print what went wrong, and return whether anything did."""
    if isinstance(session, Pair) and number % WORK_EVERY == 0:
        session.begin()
    if number % 100 == 0:
        print(f"{number} actions done, {memory_mb():.0f} MB", flush=True)
    seen = len(found)
    name = session.act()
    wrong = [*found[seen:], *session.faults()]
    if wrong:
        print(number, name, *wrong, sep="\n", flush=True)
    return bool(wrong)


def soak(session, found, actions):
    """Do the actions, and others before; return whether anything goes wrong.

    `session` may be a pair: the other viewer is closed in the middle.
    """
    session.begin()
    n_bad = sum(act(session, found, i - WARM_UP) for i in range(WARM_UP))
    session.tidy()
    after_warm_up = memory_mb()
    session.begin()
    for i in range(actions):
        if isinstance(session, Pair) and i == actions // 2:
            session.close_other()
        n_bad += act(session, found, i)
    session.tidy()
    growth = memory_mb() - after_warm_up
    one = session.one if isinstance(session, Pair) else session
    print(f"{WARM_UP} + {actions} actions: {dict(one.done)}")
    print(f"closed with a running job: {dict(one.closed_at_work)}")
    print(
        f"memory after the warm-up: {growth:+.0f} MB; {len(one.viewer.layers)} layers"
    )
    left = [*job_threads(), *(["a process"] if keras_child().is_alive else [])]
    print(f"left: {left}; actions after which something was wrong: {n_bad}")
    if isinstance(session, Pair):
        print(f"Live, training and generating at once: {session.n_together} times")
    return n_bad or left or growth > MOST_MB


def open_and_close(session, found, times):
    """Open and close each dock; print what is left of it, and what is raised."""
    for name in DOCKS:
        for i in range(times):
            seen = len(found)
            session.open(name)
            settle(0.02)
            session.close(name)
            print(*found[seen:], sep="\n", end="", flush=True)
            if i == 9:
                session.close_all()
                before = memory_mb(), callbacks(session.viewer), running_timers()
        session.close_all()
        after = memory_mb(), callbacks(session.viewer), running_timers()
        memory, left, timers = (b - a for a, b in zip(before, after, strict=True))
        print(f"{name}: {memory:+.0f} MB, {left:+d} callbacks, {timers:+d} timers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--viewers", type=int, default=1, choices=(1, 2))
    parser.add_argument("--openings", type=int, default=0, help="of each dock (>= 10)")
    args = parser.parse_args()
    started = time.monotonic()
    spoilt = [] if args.viewers == 2 else None
    with (
        tempfile.TemporaryDirectory() as folder,
        surroundings(Path(folder)),
        caught(spoilt) as found,
    ):
        viewer, timers = napari.Viewer(), running_timers()
        if args.viewers == 1:
            session = Session(viewer, folder, args.seed)
        else:
            session = Pair((viewer, napari.Viewer()), folder, args.seed)
        bad = soak(session, found, args.actions)
        if args.openings:
            open_and_close(session, found, args.openings)
        print(f"timers: {running_timers() - timers:+d}")
        viewer.close()
        settle(0.5)
    if spoilt is not None:
        print(f"drawing that napari spoilt raised {len(spoilt)} times")
    print(f"complaints: {len(found)}; {time.monotonic() - started:.0f} s")
    return 1 if bad or found else 0


if __name__ == "__main__":
    sys.exit(main())
