"""How a long count says how far it is, and learns that it is to stop."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mcmc.errors import ArgumentError

CALL_SECONDS = 0.2
LINE_SECONDS = 30.0


class Watch:
    """`report(done, total)` as often as one likes, and `stopped()`, asked between segments."""

    def __init__(self, report: Callable[[int, int], None], stopped: Callable[[], bool], seconds: float):
        self._report, self.stopped, self._seconds = report, stopped, seconds
        self._last = -seconds

    def report(self, done: int, total: int) -> None:
        """Pass it on at the first call, at the end, and now and then."""
        now = time.monotonic()
        if now - self._last >= self._seconds or done >= total:
            self._last = now
            self._report(done, total)


@contextmanager
def watching(progress: Any, stop: Any) -> Iterator[Watch]:
    """`progress` is False, True (a bar, or lines where there is no terminal) or a function (done, total).

    `stop` is None, a function without arguments, or an event. Raises ArgumentError for anything else.
    """
    stopped = _stop_function(stop)
    if callable(progress):
        yield Watch(progress, stopped, CALL_SECONDS)
    elif progress is not True and progress is not False:
        raise ArgumentError(f"progress: got {progress!r}; True, False or a function (done, total) is needed")
    elif not progress:
        yield Watch(lambda done, total: None, stopped, CALL_SECONDS)
    elif sys.stderr.isatty():
        with _bar() as draw:
            yield Watch(draw, stopped, CALL_SECONDS)
    else:
        yield Watch(_say, stopped, LINE_SECONDS)


def _stop_function(stop: Any) -> Callable[[], bool]:
    if stop is None:
        return lambda: False
    asked = getattr(stop, "is_set", stop)
    if not callable(asked):
        raise ArgumentError(f"stop: got {stop!r}; a function without arguments or an event is needed")
    return asked


def _say(done: int, total: int) -> None:
    log, text = logging.getLogger("entroscape"), f"enumeration: {100 * done / total:.1f} % of the configurations"
    if log.hasHandlers() and log.isEnabledFor(logging.INFO):
        log.info(text)
    else:
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("configurations", total=1)
        yield lambda done, total: bar.update(task, completed=done, total=max(total, 1))
