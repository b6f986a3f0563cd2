"""Drive any sampler: burn-in, thinning, measuring, progress, and a file that resumes bit-identically.

The absolute sweep number in the sampler's state says where a run stands; nothing else does. A call therefore may end
after any sweep, also inside burn-in, and the next one goes on from the checkpoint with the same bits.
"""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, ConvergenceWarning, NonFiniteEnergyError
from mcmc.landscape import chain_ids
from mcmc.samplers.retracing import Retracer

if TYPE_CHECKING:
    import xarray

PIECE_SECONDS = 0.1
"""About how long the sampler runs between two looks at `stop`."""
LONGEST_PIECE_SECONDS = 1.0
"""The same where a call costs much besides its sweeps, such as the energy of all data after steps on mini-batches."""


class Plan(NamedTuple):
    """What was asked for, in sweeps."""

    burn_in: int
    thin: int
    draws: int

    @property
    def total(self) -> int:
        """Absolute sweep at the end."""
        return self.burn_in + self.draws * self.thin

    def drawn(self, sweep: int) -> int:
        """Draws taken by absolute sweep `sweep`."""
        return max(0, sweep - self.burn_in) // self.thin

    def next_stop(self, sweep: int) -> int:
        """The absolute sweep at which burn-in ends or the next draw is due."""
        return self.burn_in if sweep < self.burn_in else self.burn_in + (self.drawn(sweep) + 1) * self.thin


def sample(
    sampler: Any,
    sweeps: int,
    *,
    chains: int | Sequence[int] = 1,
    seed: int = 0,
    burn_in: int = 0,
    thin: int = 1,
    observe: Callable[[Any, Any], Mapping[str, Any]] | Sequence[str] | None = None,
    progress: bool | Callable[[int, int], None] = False,
    path: str | Path | None = None,
    checkpoint_every: float = 60.0,
    stop: Any = None,
    provenance: Any = None,
) -> "xarray.Dataset":
    """Run `chains` chains for `burn_in` sweeps, in which the sampler tunes itself, and `sweeps` measured ones.

    Returns dims (chain, draw, *sampler.dims), a draw every `thin` sweeps: `observe`'s values, and without the dim
    `draw` the sampler's statistics (acceptance, swap rates ...). `observe` names some of `sampler.observables`, or
    is a function (sampler, state) -> {name: array (chains, *sampler.dims)}; None takes them all. `chains` is a count
    or chain ids. `progress` is True for a bar (lines when there is no terminal), or a function (draws, all draws).

    With `path` the draws go to an HDF5 file, a checkpoint beside it (.checkpoint) every `checkpoint_every` seconds.
    The same call again resumes, or returns what is there; `sweeps` is a total, and raising it extends the run.
    A landscape with an identity (`mcmc.landscape.IdentifiedLandscape`) writes it, and its disorder, to the file.
    `stop`, a function or an event, is asked about ten times a second (once where calls cost much besides their sweeps),
    and at the latest after one sweep; once true, the call saves and returns the draws so far. `provenance`, of
    `mcmc.store.provenance`, replaces the one made here.

    Raises ArgumentError for wrong arguments, NonFiniteEnergyError naming sweep, chain and checkpoint, StoreError for
    a file that belongs to another run. Warns with ConvergenceWarning when the chain is shorter than 50 tau_int.
    """
    plan = _plan(sweeps, burn_in, thin)
    measure = _measure(sampler, observe)
    stopped = _stop_function(stop)
    record, state = _open_record(sampler, plan, measure, chain_ids(chains), seed, path, provenance)
    with record:
        run = _Run(sampler, plan, measure, stopped, record, float(checkpoint_every))
        complete = record.finished or run.go(state, progress)
    dataset = record.dataset()
    if complete and sampler.stationary:
        _warn_if_short(dataset, plan)
    return dataset


class _Run:
    """The loop over pieces, each some sweeps long; what happens between pieces."""

    def __init__(self, sampler, plan, measure, stopped, record, checkpoint_every):
        self.sampler, self.plan, self.measure, self.stopped = sampler, plan, measure, stopped
        self.record, self.checkpoint_every = record, checkpoint_every

    def go(self, state, progress) -> bool:
        """Run to the end or until stopped; returns whether the end was reached."""
        from mcmc.samplers.reporting import reporter

        plan, sampler, record = self.plan, self.sampler, self.record
        sweep = int(state.sweep)
        self._check(state, sweep, sweep)
        retracer, safe = Retracer(sampler), False
        pace, seconds = _Pace(), {"burn_in": 0.0, "measure": 0.0}
        clock = saved = time.monotonic()
        with reporter(progress, plan) as report:
            report(sweep)
            while sweep < plan.total and not self.stopped():
                burning = sweep < plan.burn_in
                due = plan.next_stop(sweep)
                length = min(pace.sweeps, due - sweep)
                safe = retracer.keep(state, burning) or safe
                state, _ = (sampler.thermalize if burning else sampler.step)(state, length)
                before, sweep = sweep, sweep + length
                self._check(state, before, sweep, retracer)
                if sweep == due and not burning:
                    record.add(self.measure(sampler, state))
                now = time.monotonic()
                seconds["burn_in" if burning else "measure"] += now - clock
                pace.took(length, now - clock)
                clock = now
                # A state that is not kept in memory is on the disk from the first piece on.
                if not safe or now - saved >= self.checkpoint_every:
                    record.save(state)
                    saved, safe = now, True
                report(sweep)
        record.save(state)
        record.finish(sweep >= plan.total, seconds)
        return sweep >= plan.total

    def _check(self, state, before, sweep, retracer=None):
        if np.isfinite(self.sampler.energy(state)).all():
            return
        found = None if retracer is None else retracer.back_to(before, sweep)
        if found is not None:
            last, state = found
            before, sweep = int(last.sweep), int(state.sweep)
            self.record.save(last)
        self._refuse(state, before, sweep)

    def _refuse(self, state, before, sweep):
        energy = self.sampler.energy(state)
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(energy))[0])
        extra = "".join(
            f", {dim} {self.sampler.coords[dim][i]:.6g}" for dim, i in zip(self.sampler.dims, where[1:], strict=True)
        )
        since = f" (finite at sweep {before})" if sweep > before else ""
        raise NonFiniteEnergyError(
            f"energy is {energy[where]} at sweep {sweep}{since} in chain {self.record.layout.chain[where[0]]}{extra}; "
            f"{_what_to_do(self.sampler, self.record) if since else ''}{self.record.where_to_resume()}"
        )


def _what_to_do(sampler, record) -> str:
    """Where steps may have been too long. A file keeps its step size: another one needs another path."""
    sizes = [name for name in ("step_size", "inner_step_size") if hasattr(sampler, name)]
    path = ", with a new path" if hasattr(record, "path") else ""
    return f"take a smaller {' or '.join(sizes)}{path}; " if sizes else ""


class _Pace:
    """Sweeps of the next piece: as many as fill its time, at most ten times as many as the last one had."""

    def __init__(self) -> None:
        self.sweeps = 1
        self._last: tuple[int, float] | None = None
        self._fixed: float | None = None

    def took(self, length: int, seconds: float) -> None:
        """Reckon with a piece of `length` sweeps that took `seconds`, some of which whatever its length."""
        if self._last is not None and self._last[0] != length:
            per_sweep = max((seconds - self._last[1]) / (length - self._last[0]), 0.0)
            self._fixed = max(min(seconds, self._last[1]) - per_sweep * min(length, self._last[0]), 0.0)
        self._last = length, seconds
        fixed = self._fixed or 0.0
        time_left = min(max(PIECE_SECONDS, 10.0 * fixed), LONGEST_PIECE_SECONDS) if PIECE_SECONDS else 0.0
        per_sweep = max(seconds - fixed, 0.1 * seconds, 1e-7) / length
        self.sweeps = max(1, min(int(time_left / per_sweep), 10 * length))
        if self._fixed is None and self.sweeps == length and seconds < LONGEST_PIECE_SECONDS and PIECE_SECONDS:
            # Pieces of one length do not tell what a call costs besides its sweeps.
            self.sweeps = 2 * length


def _plan(sweeps, burn_in, thin) -> Plan:
    least = {"sweeps": (sweeps, 0), "burn_in": (burn_in, 0), "thin": (thin, 1)}
    for name, (value, minimum) in least.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
            raise ArgumentError(f"{name}: got {value!r}; a whole number of sweeps from {minimum} is needed")
    return Plan(int(burn_in), int(thin), int(sweeps) // int(thin))


def _measure(sampler, observe) -> Callable[[Any, Any], Mapping[str, Any]]:
    if observe is None:
        return lambda sampler, state: sampler.observables(state)
    if callable(observe):
        return observe
    names = [observe] if isinstance(observe, str) else list(observe)
    known = list(sampler.attributes())
    for name in names:
        if name not in known:
            raise ArgumentError(f"observe: got {name!r}; the sampler has {', '.join(known)}")
    if not names:
        raise ArgumentError("observe: got no name; name at least one observable")

    def chosen(sampler, state):
        values = sampler.observables(state)
        return {name: values[name] for name in names}

    return chosen


def _stop_function(stop) -> Callable[[], bool]:
    if stop is None:
        return lambda: False
    asked = getattr(stop, "is_set", stop)
    if not callable(asked):
        raise ArgumentError(f"stop: got {stop!r}; a function without arguments or an event is needed")
    return asked


def _open_record(sampler, plan, measure, chain, seed, path, provenance):
    """Where the draws go, and the state to go on from."""
    from mcmc.samplers.recording import MemoryRecord, measured_layout

    state = sampler.init(chain, seed)
    layout = measured_layout(sampler, state, measure, chain)
    if path is None:
        attributes = {"seed": int(seed), "burn_in": plan.burn_in, "thin": plan.thin}
        return MemoryRecord(sampler, plan, layout, attributes), state
    from mcmc.samplers.file_record import FileRecord, sampling_attributes
    from mcmc.store.provenance import Provenance

    origin = Provenance.collect("", seed) if provenance is None else provenance
    record = FileRecord(sampler, plan, layout, sampling_attributes(sampler, plan, layout, seed), Path(path), origin)
    return record, record.open(state)


def _warn_if_short(dataset, plan) -> None:
    if "energy" not in dataset or not plan.draws:
        return
    if plan.draws < 4:
        warnings.warn(
            f"energy: {plan.draws} draws are too few to see how long they remember; more than 50 tau_int are needed",
            ConvergenceWarning,
            stacklevel=3,
        )
        return
    from mcmc.statistics.autocorrelation import integrated_time

    integrated_time(dataset["energy"].values, thin=plan.thin, name="energy")
