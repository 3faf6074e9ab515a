"""Random actions in a real napari: ``python -m tests.soak --seed 1 --actions 1000``.

Needs a display (``xvfb-run``). Ends with figures, and with 1 if anything went wrong.
"""

import argparse
import sys
import tempfile
import time

import napari
from tests.soak.session import (
    DOCKS,
    Session,
    callbacks,
    caught,
    job_threads,
    memory_mb,
    running_timers,
    settle,
)
from tests.widgets import fakes

from napari_segen.widgets.jobs.keras_child import replaced_child

WARM_UP = 100
MOST_MB = 100


def soak(session, found, actions):
    """Do the actions; print what goes wrong, and return after which actions."""
    bad = []
    after_warm_up = memory_mb()
    for i in range(actions):
        if i == min(WARM_UP, actions // 2):
            after_warm_up = memory_mb()
        if i % 100 == 0:
            print(f"{i} actions done, {memory_mb():.0f} MB", flush=True)
        seen = len(found)
        name = session.act()
        if found[seen:] or session.faults():
            bad.append(name)
            print(i, name, *found[seen:], *session.faults(), sep="\n", flush=True)
    session.close_all()
    print(f"{actions} actions: {dict(session.done)}")
    print(f"memory after the warm-up: {memory_mb() - after_warm_up:+.0f} MB")
    print(f"left: {len(job_threads())} threads; faults after: {bad}")
    return bad or job_threads() or memory_mb() - after_warm_up > MOST_MB


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
    parser.add_argument("--openings", type=int, default=0, help="of each dock (>= 10)")
    args = parser.parse_args()
    child, started = fakes.HereChild(), time.monotonic()
    with replaced_child(child), tempfile.TemporaryDirectory() as folder, caught() as f:
        viewer = napari.Viewer()
        session = Session(viewer, folder, args.seed)
        bad = soak(session, f, args.actions)
        if args.openings:
            open_and_close(session, args.openings)
        child.kill()
        viewer.close()
        settle(0.5)
    print(f"complaints: {len(f)}; {time.monotonic() - started:.0f} s")
    return 1 if bad or f else 0


if __name__ == "__main__":
    sys.exit(main())
