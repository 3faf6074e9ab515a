"""The side of `core.child` that runs in the child process, and what both sides say.

Messages are pickled between two processes of one user, over a connection that both
ends authenticate; large arrays travel beside the pickle, uncopied.
"""

import os
import pickle
import traceback
import warnings
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Client
from typing import Any

from napari_segen.core.doubts import doubts_heard
from napari_segen.core.steps import Order, Step, Steps

ADDRESS, KEY = "NAPARI_SEGEN_CHILD_ADDRESS", "NAPARI_SEGEN_CHILD_KEY"


class ChildFailed(RuntimeError):
    """The function raised; holds the child's traceback as a note."""


@dataclass(frozen=True, slots=True)
class Job:
    """Sent to the child: run ``function(*args)``."""

    function: Callable[..., Steps[Any]]
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Sent by the child: the job raised."""

    error: BaseException
    trace: str


@dataclass(frozen=True, slots=True)
class Result:
    """Sent by the child: the job's result and what it doubts in the data."""

    value: Any
    doubts: list[str]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Sent to the child: close the generator."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Sent by the child: the generator is closed."""


def send(connection: Any, message: object) -> None:
    """Pickle `message` and send it; arrays follow on their own."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    connection.send_bytes(len(buffers).to_bytes(4, "little") + body)
    for buffer in buffers:
        connection.send_bytes(buffer.raw())


def receive(connection: Any) -> Any:
    """Wait for a message and return it."""
    head = connection.recv_bytes()
    n_buffers = int.from_bytes(head[:4], "little")
    # bytearray: arrays made from it are writable, as they were on the other side.
    buffers = [bytearray(connection.recv_bytes()) for _ in range(n_buffers)]
    return pickle.loads(memoryview(head)[4:], buffers=buffers)


def serve() -> None:
    """Run what the other end asks for, until it hangs up (the child's main)."""
    key = bytes.fromhex(os.environ.pop(KEY))
    # What libraries warn of has no reader here; doubts go with the result.
    warnings.simplefilter("ignore")
    # EOFError, OSError: the window has gone, so do we.
    with (
        suppress(EOFError, OSError),
        Client(os.environ.pop(ADDRESS), authkey=key) as connection,
    ):
        while True:
            message = receive(connection)
            # An order or Cancel that came after the end of its job is for nobody.
            if isinstance(message, Job):
                _answer(connection, message)
    # Keras' and TensorFlow's own threads must not keep the process.
    os._exit(0)


def _answer(connection: Any, job: Job) -> None:
    with doubts_heard() as doubts:
        steps = _started(job)
        orders: deque[Order] = deque()
        order: Order | None = None
        while isinstance(_tell(connection, _advance(steps, order, doubts)), Step):
            while connection.poll(0):
                message = receive(connection)
                if isinstance(message, Cancel):
                    steps.close()
                    send(connection, Cancelled())
                    return
                orders.append(message)
            order = orders.popleft() if orders else None
        steps.close()


def _started(job: Job) -> Steps[Any]:
    # A generator, so that an error before the job's first step is one of its own too.
    return (yield from job.function(*job.args))


def _advance(
    steps: Steps[Any], order: Order | None, doubts: list[str]
) -> Step | Result | Failure:
    try:
        return steps.send(order)
    except StopIteration as end:
        return Result(end.value, doubts)
    except BaseException as err:  # noqa: BLE001 - the window must hear of anything
        return _failure(err)


def _tell(connection: Any, message: Step | Result | Failure) -> Step | Result | Failure:
    """Send a message, or that it cannot be sent; return what was sent."""
    try:
        send(connection, message)
    except OSError:
        raise
    except Exception as err:  # noqa: BLE001 - pickling runs the objects' own code
        message = _failure(err)
        send(connection, message)
    return message


def _failure(error: BaseException) -> Failure:
    """Describe an error that is being handled, as itself if it can travel."""
    trace = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
        # SystemExit and the like would end the window.
        travels = isinstance(error, Exception)
    except Exception:  # noqa: BLE001 - pickling runs the error's own code
        travels = False
    if not travels:
        error = ChildFailed(f"{type(error).__name__}: {error}")
    return Failure(error, trace)
