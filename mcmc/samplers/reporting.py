"""How `sample` says how far it is: a bar on a terminal, a line now and then anywhere else, or the caller's function."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CALL_SECONDS = 0.2
LINE_SECONDS = 30.0

log = logging.getLogger("entroscape")


@contextmanager
def reporter(progress: bool | Callable[[int, int], None], plan: Any) -> Iterator[Callable[[int], None]]:
    """A function to call with the absolute sweep number as often as one likes; `plan` is a sample.Plan."""
    if callable(progress):
        yield _throttled(lambda sweep: progress(plan.drawn(sweep), plan.draws), CALL_SECONDS, plan.total)
    elif progress and sys.stderr.isatty():
        with _bar(plan) as report:
            yield report
    elif progress:
        yield _throttled(lambda sweep: _say(plan, sweep), LINE_SECONDS, plan.total)
    else:
        yield lambda sweep: None


def _throttled(report: Callable[[int], None], seconds: float, total: int) -> Callable[[int], None]:
    """At the first call, at the end, and no more than once in `seconds`."""
    last = -seconds

    def call(sweep: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds or sweep >= total:
            last = now
            report(sweep)

    return call


def _say(plan: Any, sweep: int) -> None:
    text = f"sweep {sweep} of {plan.total}: "
    text += "burn-in" if sweep < plan.burn_in else f"{plan.drawn(sweep)} of {plan.draws} draws"
    if log.hasHandlers() and log.isEnabledFor(logging.INFO):
        log.info(text)
    else:
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _bar(plan: Any) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>5.1f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("burn-in", total=max(plan.total, 1))

        def draw(sweep: int) -> None:
            bar.update(task, completed=sweep, description="burn-in" if sweep < plan.burn_in else "sampling")

        yield _throttled(draw, CALL_SECONDS, plan.total)
