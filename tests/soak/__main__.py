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

WARM_UP = 200
MOST_MB = 100
WORK_EVERY = 10  # actions of a pair


def soak(session, found, actions):
    """Do the actions; print what goes wrong, and return whether anything did.

    `session` may be a pair: the other viewer is closed in the middle.
    """
    bad = []
    session.begin()
    for i in range(actions):
        if i == min(WARM_UP, actions // 4):
            session.tidy()
            after_warm_up = memory_mb()
            session.begin()
        if isinstance(session, Pair):
            if i == actions // 2:
                session.close_other()
            elif i % WORK_EVERY == 0:
                session.begin()
        if i % 100 == 0:
            print(f"{i} actions done, {memory_mb():.0f} MB", flush=True)
        seen = len(found)
        name = session.act()
        if found[seen:] or session.faults():
            bad.append(name)
            print(i, name, *found[seen:], *session.faults(), sep="\n", flush=True)
    session.tidy()
    one = session.one if isinstance(session, Pair) else session
    print(f"{actions} actions: {dict(one.done)}")
    print(f"closed with a running job: {dict(one.closed_at_work)}")
    print(f"memory after the warm-up: {memory_mb() - after_warm_up:+.0f} MB")
    print(f"layers: {len(one.viewer.layers)}")
    left = [*job_threads(), *(["a process"] if keras_child().is_alive else [])]
    print(f"left: {left}; faults after: {bad}")
    if isinstance(session, Pair):
        print(f"Live, training and generating at once: {session.n_together} times")
    return bad or left or memory_mb() - after_warm_up > MOST_MB


def open_and_close(session, times):
    """Open and close each dock; print what is left of it."""
    for name in DOCKS:
        for i in range(times):
            session.open(name)
            settle(0.02)
            session.close(name)
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
            open_and_close(session, args.openings)
        print(f"timers: {running_timers() - timers:+d}")
        viewer.close()
        settle(0.5)
    if spoilt is not None:
        print(f"drawing that napari spoilt raised {len(spoilt)} times")
    print(f"complaints: {len(found)}; {time.monotonic() - started:.0f} s")
    return 1 if bad or found else 0


if __name__ == "__main__":
    sys.exit(main())
