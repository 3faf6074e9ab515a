"""Schedulers and workers as processes of their own, to be killed."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def processes():
    """Yield what starts ``python -m module *arguments``; all are killed at the end."""
    running = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        running.append(process)
        return process

    try:
        yield start
    finally:
        for process in running:
            kill(process)


def kill(process):
    """Kill a process and those it has started, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def scheduler(start, port):
    address = f"--host=127.0.0.1 --port={port} --no-dashboard --no-show".split()
    return start("-m", "distributed.cli.dask_scheduler", *address)


def worker(start, port, **environment):
    options = ["--nthreads=1", "--no-dashboard", "--memory-limit=0", "--no-nanny"]
    address = f"tcp://127.0.0.1:{port}"
    return start("-m", "distributed.cli.dask_worker", address, *options, **environment)
