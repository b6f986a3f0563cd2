"""Points on this machine's cores: spawned workers of one thread each, any of which may be killed at any time.

The pools of the standard library give up all that is in flight when one worker dies and cannot say which task it
had; here a dead worker costs its own point one attempt, and the others never notice.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from runs.status import FAILED, STOPPED

ATTEMPTS = 3
"""A point whose worker was killed this often is given up and named."""

TICK_SECONDS = 0.2

STOP = ("stop",)
"""What a worker is told besides names of points and None, which sends it home."""

ONE_THREAD = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def run_pool(
    job: Any,
    names: Sequence[str],
    workers: int,
    *,
    stop: Callable[[], bool],
    tick: Callable[[], None],
    keep_open: Sequence[int] = (),
) -> dict[str, Any]:
    """Run the points in the given order; returns the outcome of every point that was started, by name.

    `stop` and `tick` are called about five times a second; once `stop` is true no point is started and those
    running are told to stop. `keep_open` are file descriptors that live as long as the workers do (the folder's
    lock). A script that calls this needs `if __name__ == "__main__":` around the call, as all spawning does.
    """
    pool = _Pool(job, names, keep_open)
    try:
        while pool.step(workers, stopping=stop()):
            tick()
    finally:
        pool.close()
    return pool.outcomes


class _Pool:
    def __init__(self, job: Any, names: Sequence[str], keep_open: Sequence[int]):
        self.outcomes: dict[str, Any] = {}
        self._job, self._keep_open = job, keep_open
        self._queue = deque(names)
        self._attempts: Counter[str] = Counter()
        self._workers: list[_Worker] = []
        self._leaving: list[_Worker] = []
        self._told = False

    def step(self, workers: int, stopping: bool) -> bool:
        """Start, listen, and bury; False when nothing is left to do."""
        if stopping and not self._told:
            self._told = True
            for worker in self._workers:
                worker.send(STOP)
        if not self._told:
            while self._queue and len(self._workers) < workers:
                worker = _Worker(self._job, self._keep_open)
                self._workers.append(worker)
                self._give(worker)
        if not self._workers:
            return False
        ready = set(wait([end for worker in self._workers for end in worker.ends], TICK_SECONDS))
        for worker in [worker for worker in self._workers if ready & set(worker.ends)]:
            self._listen(worker)
        return bool(self._workers or (self._queue and not self._told))

    def close(self) -> None:
        """See every worker off, killing what is still at work: after an error or a second Ctrl-C."""
        for worker in self._workers:
            worker.process.kill()
        for worker in [*self._workers, *self._leaving]:
            worker.process.join(10)
            worker.process.kill()
            worker.process.join()

    def _give(self, worker: "_Worker") -> None:
        name = self._queue.popleft()
        self._attempts[name] += 1
        worker.name = name
        worker.send(name)

    def _listen(self, worker: "_Worker") -> None:
        outcome = worker.receive()
        if outcome is None:
            if not worker.process.is_alive():
                self._bury(worker)
            return
        worker.name = None
        if outcome.state == STOPPED and not self._told and self._attempts[outcome.name] < ATTEMPTS:
            # Somebody terminated this worker alone; the run goes on.
            self._queue.appendleft(outcome.name)
        else:
            self.outcomes[outcome.name] = outcome
        if self._queue and not self._told and outcome.state != STOPPED:
            self._give(worker)
        else:
            self._retire(worker)

    def _retire(self, worker: "_Worker") -> None:
        worker.send(None)
        self._workers.remove(worker)
        self._leaving.append(worker)

    def _bury(self, worker: "_Worker") -> None:
        worker.process.join()
        self._workers.remove(worker)
        name = worker.name
        if name is None:
            return
        from runs.point import Outcome

        how = _how_it_ended(worker.process.exitcode)
        if self._told:
            self.outcomes[name] = Outcome(name, STOPPED, how)
        elif self._attempts[name] < ATTEMPTS:
            self._queue.appendleft(name)
        else:
            self.outcomes[name] = Outcome(name, FAILED, f"{how}, {ATTEMPTS} times; see its log")


class _Worker:
    """A process and this end of the pipe to it."""

    def __init__(self, job: Any, keep_open: Sequence[int]):
        context = multiprocessing.get_context("spawn")
        self.name: str | None = None
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, job, os.getpid(), [_Kept(descriptor) for descriptor in keep_open])
        self.process = context.Process(target=worker_main, args=arguments, daemon=True)
        with _one_thread(), _deaf_to_ctrl_c():
            self.process.start()
        theirs.close()
        self.ends: tuple[Any, ...] = (self._pipe, self.process.sentinel)

    def send(self, message: Any) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(message)

    def receive(self) -> Any:
        """The next outcome, or None when the worker has nothing (more) to say."""
        try:
            return self._pipe.recv() if self._pipe.poll() else None
        except (EOFError, OSError):
            self.process.join(10)
            return None


class _Kept:
    """A file descriptor that a spawned process inherits: a lock on it is held until the last holder ends."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def __reduce__(self) -> Any:
        from multiprocessing.reduction import DupFd

        return _detach, (DupFd(self.descriptor),)


def _detach(duplicate: Any) -> int:
    return duplicate.detach()


def worker_main(pipe: Connection, job: Any, parent: int, kept: Sequence[int]) -> None:
    """Life of a worker: take a point, run it, say how it ended, until told to go or left alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = _Stop(pipe)
    signal.signal(signal.SIGTERM, stop.terminate)
    _die_with(parent)
    from runs.point import execute_point

    with contextlib.suppress(EOFError, OSError):
        while not stop.stopped:
            message = pipe.recv()
            if message == STOP:
                continue
            if message is None:
                return
            pipe.send(execute_point(job, message, stop))


class _Stop:
    """Asks the pipe whether the run wants to stop; a closed pipe (the run is gone) means the same."""

    def __init__(self, pipe: Connection):
        self.stopped = False
        self._pipe = pipe
        self._asked = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self.stopped and now - self._asked > 0.05:
            self._asked = now
            with contextlib.suppress(EOFError, OSError):
                while self._pipe.poll():
                    self.stopped = self.stopped or self._pipe.recv() == STOP
                return self.stopped
            self.stopped = True
        return self.stopped

    def terminate(self, *_: Any) -> None:
        self.stopped = True


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The environment a worker starts in: libraries read these when they are first imported."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """A process started in here ignores Ctrl-C from its first moment: the run decides what a Ctrl-C means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _die_with(parent: int) -> None:
    """Have the kernel kill this worker when the run is killed, so that nothing writes on behind its back."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = " (out of memory?)" if -code == signal.SIGKILL else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended with code {code}"
