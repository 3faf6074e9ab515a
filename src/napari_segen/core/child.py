"""Generators of steps in a Python process of their own.

The window must not run Keras itself, so it asks a `Child` to: the child runs a
function that returns a generator of steps, and sends each step and the result.
The child starts as a plain interpreter that connects back. (`multiprocessing`'s own
"spawn" would import the user's main script again, which opens a second window where
that script lacks a guard.)
"""

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from napari_segen.core.child_side import (
    ADDRESS,
    KEY,
    Cancel,
    Cancelled,
    ChildFailed,
    Failure,
    Job,
    Result,
    receive,
    send,
)
from napari_segen.core.doubts import doubt
from napari_segen.core.steps import Order, Step, Steps

__all__ = ["Child", "ChildDied", "ChildFailed"]

_BOOT = "from napari_segen.core.child_side import serve; serve()"
CONNECT_SECONDS = 60.0
HEARTBEAT_SECONDS = 0.05
STOP_SECONDS = 0.3
EXIT_SECONDS = 10.0


class ChildDied(RuntimeError):
    """The process ended without an answer."""


class Child:
    """A process that runs generators of steps, one at a time, and is kept warm.

    All methods may be called from any one thread at a time; `kill` from any.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._lock = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        process = self._process
        return process is not None and process.poll() is None

    def start_steps(self) -> Steps[None]:
        """Start the process unless it runs; yields while waiting for it."""
        if self.is_alive and self._connection is not None:
            return
        self.kill()
        key = secrets.token_bytes(32)
        with Listener(authkey=key) as listener:
            self._process = _launch(listener.address, key)
            accepted = _accept(listener)
            try:
                yield from self._wait_for(accepted)
            except BaseException:
                self.kill()
                if accepted.is_alive():
                    with suppress(OSError):  # A call that ends the waiting thread.
                        Client(listener.address).close()
                accepted.join(STOP_SECONDS)
                if accepted.connection is not None:
                    accepted.connection.close()
                raise
            self._connection = accepted.connection
        if self._connection is None:
            self.kill()
            raise ChildDied("the process for Keras did not connect.")

    def _wait_for(self, accepted: "_Accept") -> Steps[None]:
        deadline = time.monotonic() + CONNECT_SECONDS
        while accepted.is_alive():
            yield Step(0, 0, "Starting a process")
            accepted.join(HEARTBEAT_SECONDS)
            if not self.is_alive or time.monotonic() > deadline:
                raise ChildDied("the process for Keras did not start.")

    def run_steps(self, function: Callable[..., Steps[Any]], *args: Any) -> Steps[Any]:
        """Run ``function(*args)`` in the child: its steps and result, or its error.

        Between the child's own steps the last one is yielded again every 50 ms, so
        that the driver can act. Orders sent here are sent on to the function's
        generator, in turn. Closing this generator stops the child's work, and ends
        the process if it does not stop at once.
        """
        early = yield from _collecting(self.start_steps())
        connection = self._connection
        assert connection is not None
        try:
            for message in (Job(function, args), *early):
                send(connection, message)
            answer = yield from _relay(connection)
        except GeneratorExit:
            self._stop()
            raise
        except (EOFError, OSError) as err:
            code = self._end()
            raise ChildDied(
                f"The process that ran Keras has ended (exit code {code}). Out of "
                "memory is the usual reason: try smaller patches, a smaller batch or "
                "a smaller network. Your layers and earlier results are untouched."
            ) from err
        if isinstance(answer, Failure):
            answer.error.add_note(answer.trace)
            raise answer.error
        for text in answer.doubts:
            doubt(text, stacklevel=2)
        return answer.value

    def _stop(self) -> None:
        """Ask the child to cancel; end it if it does not answer."""
        connection = self._connection
        if connection is None:
            return
        with suppress(EOFError, OSError):
            send(connection, Cancel())
            deadline = time.monotonic() + STOP_SECONDS
            while connection.poll(max(0.0, deadline - time.monotonic())):
                if isinstance(receive(connection), Cancelled | Result | Failure):
                    return
        self.kill()

    def _end(self) -> int | None:
        process = self._process
        code = None
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(EXIT_SECONDS)
        self.kill()
        return code

    def kill(self) -> None:
        """End the process at once."""
        with self._lock:
            process, self._process = self._process, None
            connection, self._connection = self._connection, None
        if process is not None:
            process.kill()
            process.wait()
        if connection is not None:
            connection.close()


def _collecting(steps: Steps[None]) -> Steps[list[Order]]:
    """Drive steps that listen to nothing; return what was sent meanwhile."""
    orders = []
    with closing(steps):
        for step in steps:
            if (order := (yield step)) is not None:
                orders.append(order)
    return orders


def _relay(connection: Any) -> Steps[Result | Failure]:
    step = Step(0, 0, "Starting")
    while True:
        order = yield step
        if step.picture is not None:  # which is told once
            step = replace(step, picture=None, figures={})
        if order is not None:
            send(connection, order)
        if not connection.poll(HEARTBEAT_SECONDS):
            continue
        message = receive(connection)
        if not isinstance(message, Step):
            answer: Result | Failure = message
            return answer
        step = message


class _Accept(threading.Thread):
    """Waits for the child's call."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(daemon=True)
        self._listener = listener
        self.connection: Connection[Any, Any] | None = None

    def run(self) -> None:
        # A caller that hangs up, or that does not know the key, is not our child.
        with suppress(OSError, EOFError, AuthenticationError):
            self.connection = self._listener.accept()


def _accept(listener: Listener) -> _Accept:
    thread = _Accept(listener)
    thread.start()
    return thread


def _launch(address: Any, key: bytes) -> "subprocess.Popen[bytes]":
    environment = os.environ | {ADDRESS: str(address), KEY: key.hex()}
    # The same import path as here: plugins may live in folders of their own.
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    return subprocess.Popen(
        [sys.executable, "-c", _BOOT],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # TensorFlow's greetings; errors come back as messages.
        stderr=subprocess.DEVNULL,
    )
