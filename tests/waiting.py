"""Waiting for what another process does, in tests without a window."""

import time

MOST_SECONDS = 180


def wait_until(is_so):
    """Wait until something is so; the limit only guards against hanging."""
    end = time.monotonic() + MOST_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.005)
