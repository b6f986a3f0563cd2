"""Points on a dask.distributed cluster: the same work as in a local pool, its results on the shared disk.

Only a point's name travels to a worker and only its outcome back; a point whose worker dies is started again by the
scheduler on another one and resumes from its checkpoint.
"""

import contextlib
import gc
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from mcmc.errors import ArgumentError
from runs.pool import ATTEMPTS, ONE_THREAD, TICK_SECONDS
from runs.status import FAILED, STOPPED

CONNECT_SECONDS = 15

LOST = "the loss of the dask scheduler"


def run_cluster(
    job: Any,
    names: Sequence[str],
    address: str,
    workers: int,
    *,
    stop: Callable[[], bool],
    tick: Callable[[], None],
) -> dict[str, Any]:
    """Run the points on the cluster at `address`, or on one of `workers` processes here for "local".

    Returns the outcomes by name; `stop` and `tick` are called a few times a second. When the scheduler goes away,
    points without an outcome are "stopped" and carry the message LOST. Raises ArgumentError when nobody answers at
    the address.
    """
    from runs.folder import RunFolder
    from runs.point import Outcome

    flag = RunFolder(Path(job.folder)).stop_flag
    flag.unlink(missing_ok=True)
    outcomes: dict[str, Any] = {}
    try:
        with _client(address, workers) as client:
            _follow(client, job, names, flag, outcomes, stop, tick)
    except (CancelledError, TimeoutError, OSError):
        if len(outcomes) < len(names):
            # Workers that outlive their scheduler see the flag; the next run takes it away.
            flag.touch()
            return outcomes | {name: Outcome(name, STOPPED, LOST) for name in names if name not in outcomes}
    flag.unlink(missing_ok=True)
    return outcomes


def _follow(
    client: Any,
    job: Any,
    names: Sequence[str],
    flag: Path,
    outcomes: dict[str, Any],
    stop: Callable[[], bool],
    tick: Callable[[], None],
) -> None:
    from distributed import wait

    from runs.point import Outcome

    run = uuid.uuid4().hex
    futures = {
        client.submit(remote_point, job, name, str(flag), key=f"{name}-{run}", pure=False, priority=-place): name
        for place, name in enumerate(names)
    }
    undone = set(futures)
    while undone:
        if stop() and not flag.exists():
            flag.touch()
        with contextlib.suppress(TimeoutError):
            wait(undone, timeout=TICK_SECONDS, return_when="FIRST_COMPLETED")
        for future in [future for future in undone if future.done()]:
            error = future.exception()
            undone.remove(future)
            name = futures[future]
            outcomes[name] = future.result() if error is None else Outcome(name, FAILED, _reason(error))
        tick()


def remote_point(job: Any, name: str, flag: str) -> Any:
    """One point on a worker of the cluster; stops when the file `flag` appears in the run's folder."""
    from runs.point import Outcome, execute_point

    if not Path(job.folder).is_dir():
        return Outcome(name, FAILED, f"{job.folder}: not seen by this worker; the cluster needs a shared folder")
    return execute_point(job, name, Path(flag).exists)


def _reason(error: BaseException) -> str:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return f"its worker was killed {ATTEMPTS} times; see its log"
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextlib.contextmanager
def _client(address: str, workers: int) -> Iterator[Any]:
    import dask
    import distributed

    single = {f"distributed.nanny.pre-spawn-environ.{name}": 1 for name in ONE_THREAD}
    # The scheduler counts deaths beyond the first attempt.
    settings = {**single, "distributed.scheduler.allowed-failures": ATTEMPTS - 1}
    with dask.config.set(settings), contextlib.ExitStack() as stack:
        if address == "local":
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
            yield stack.enter_context(distributed.Client(stack.enter_context(cluster)))
        else:
            stack.enter_context(_quiet())
            yield stack.enter_context(_connect(address))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the tracebacks that dask and asyncio log for a lost connection: the run says it in a line."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.core", "asyncio")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        # Those of "never retrieved" futures come when they are collected.
        gc.collect()
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def check_cluster(address: str) -> None:
    """Raises ArgumentError when dask is missing or nobody answers at the address."""
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise ArgumentError("--dask: dask is not installed; pip install 'entroscape[cluster]'") from error
    if address != "local":
        _connect(address).close()


def _connect(address: str) -> Any:
    import distributed

    try:
        return distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ArgumentError(
            f"--dask {address}: no scheduler answers there; give tcp://HOST:PORT of a running one, or 'local'"
        ) from error
