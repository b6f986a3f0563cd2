"""XY kernels: nanoseconds per spin update against plain Numba loops."""

from collections.abc import Iterator

import numpy as np

from mcmc.landscapes.graphs import square
from mcmc.landscapes.xy import XYModel
from mcmc.samplers import Metropolis, Tempering
from runs.benchmarks import references
from runs.benchmarks.timing import Row, median_seconds, paired_seconds, wall_seconds

TEMPERATURE = 0.9
BETA = 1.0 / TEMPERATURE
WIDTH = 0.8
NANO = 1e9


def thermal_state(model: XYModel, chains: int, sweeps: int = 100):
    """Configurations near equilibrium, so that branches and cluster sizes are those of a real run."""
    state = model.init(chains, seed=1)
    model.sweep(state, BETA, sweeps, width=np.full(chains, WIDTH), over_relaxation=4)
    return state


def plain_angles(side: int) -> np.ndarray:
    """Angles (side, side) near equilibrium for the references."""
    model = XYModel(square(side))
    return model.angles(thermal_state(model, 1))[0].reshape(side, side).copy()


def metropolis_rows() -> Iterator[Row]:
    """Metropolis with one chain on a large lattice and many chains on a small one."""
    for side, chains in ((1024, 1), (32, 64), (64, 200)):
        model = XYModel(square(side))
        state = thermal_state(model, chains, 4 if side > 256 else 100)
        updates = side * side * chains
        sweeps = max(1, 10_000_000 // updates)
        theta = plain_angles(side)
        plain_sweeps = max(1, 1_000_000 // side**2)
        fast, plain, _ = paired_seconds(
            lambda m=model, s=state, n=sweeps: m.sweep(s, BETA, n, width=WIDTH),
            lambda t=theta, n=plain_sweeps: references.metropolis_sweeps(t, BETA, 2.0, n),
        )
        value = fast / (sweeps * updates) * NANO
        reference = plain / (plain_sweeps * side**2) * NANO
        yield Row(
            f"Metropolis, L = {side}, {chains} chain{'s' * (chains > 1)}", value, "ns/update",
            "plain Numba loop", reference, reference / value, "<= 4 ns, >= 8x", value <= 4 and reference >= 8 * value,
        )  # fmt: skip


def over_relaxation_rows() -> Iterator[Row]:
    """Over-relaxation likewise."""
    for side, chains in ((1024, 1), (32, 64)):
        model = XYModel(square(side))
        state = thermal_state(model, chains, 4 if side > 256 else 100)
        updates = side * side * chains
        sweeps = max(1, 20_000_000 // updates)
        theta = plain_angles(side)
        plain_sweeps = max(1, 500_000 // side**2)
        fast, plain, _ = paired_seconds(
            lambda m=model, s=state, n=sweeps: m.sweep(s, BETA, n, "over_relaxation"),
            lambda t=theta, n=plain_sweeps: references.over_relaxation_sweeps(t, n),
        )
        value = fast / (sweeps * updates) * NANO
        reference = plain / (plain_sweeps * side**2) * NANO
        yield Row(
            f"over-relaxation, L = {side}, {chains} chain{'s' * (chains > 1)}", value, "ns/update",
            "plain Numba loop", reference, reference / value, "<= 1 ns", value <= 1,
        )  # fmt: skip


def heat_bath_rows() -> Iterator[Row]:
    """Heat bath against numpy's von Mises generator."""
    side, chains = 32, 64
    model = XYModel(square(side))
    state = thermal_state(model, chains)
    theta = plain_angles(side)
    fast, plain, _ = paired_seconds(
        lambda: model.sweep(state, BETA, 10, "heat_bath"),
        lambda: references.heat_bath_sweeps(theta, BETA, 200),
    )
    value, reference = fast / (10 * side**2 * chains) * NANO, plain / (200 * side**2) * NANO
    yield Row(
        f"heat bath, L = {side}, {chains} chains", value, "ns/update",
        "plain Numba loop", reference, reference / value,
    )  # fmt: skip


def wolff_rows() -> Iterator[Row]:
    """Wolff clusters per flipped spin."""
    side = 64
    model = XYModel(square(side))
    state = thermal_state(model, 1, 2000)
    theta = plain_angles(side)
    flips: dict[str, int] = {}

    def fast_call():
        flips["fast"] = int(model.sweep(state, BETA, 200, "wolff", width=3).flipped.sum())

    def plain_call():
        flips["plain"] = references.wolff_clusters(theta, BETA, 300)

    values = []
    for _ in range(3):
        fast, plain, _ = paired_seconds(fast_call, plain_call, repeats=1)
        values.append((fast / flips["fast"] * NANO, plain / flips["plain"] * NANO))
    value, reference = np.median(values, axis=0)
    yield Row(
        f"Wolff, L = {side}, T = {TEMPERATURE}", float(value), "ns/flipped spin",
        "plain Numba loop", float(reference), float(reference / value), "<= 40 ns", bool(value <= 40),
    )  # fmt: skip


def measuring_rows() -> Iterator[Row]:
    """What measuring every sweep adds to the sweeps of `xy-bkt`, and to Metropolis alone."""
    side, chains = 32, 200
    model = XYModel(square(side))
    state = thermal_state(model, chains)
    beta, width = np.full(chains, BETA), np.full(chains, WIDTH)

    def single_sweeps(over_relaxation, measure):
        for _ in range(10):
            model.sweep(state, beta, 1, width=width, over_relaxation=over_relaxation)
            if measure:
                model.observables(state)

    for over_relaxation in (4, 0):
        _, _, ratio = paired_seconds(
            lambda r=over_relaxation: single_sweeps(r, False), lambda r=over_relaxation: single_sweeps(r, True)
        )
        recipe = f"Metropolis + {over_relaxation} over-relaxations" if over_relaxation else "Metropolis alone"
        added = 100 * (ratio - 1)
        yield Row(
            f"measuring every sweep, {recipe}, L = {side}, {chains} chains", added, "% added",
            "the sweeps alone", None, ratio, "<= 25 %", added <= 25,
        )  # fmt: skip


def tempering_rows() -> Iterator[Row]:
    """What tempering adds to one long call of the same sweeps, at the sizes of `xy-bkt`."""
    temperatures, chains = np.linspace(0.4, 1.6, 25), 8
    for side, sweeps in ((64, 20), (32, 50), (16, 200)):
        model = XYModel(square(side))
        sampler = Tempering(Metropolis(model, over_relaxation=4), temperatures)
        plain = Metropolis(model, np.tile(1.0 / temperatures, chains), over_relaxation=4)
        tempered, _ = sampler.thermalize(sampler.init(chains, seed=1), 20)
        held, _ = plain.thermalize(plain.init(chains * temperatures.size, seed=1), 20)
        _, _, ratio = paired_seconds(
            lambda p=plain, h=held, n=sweeps: p.step(h, n),
            lambda s=sampler, t=tempered, n=sweeps: s.step(t, n),
            repeats=9,
        )
        added = 100 * (ratio - 1)
        yield Row(
            f"tempering with a swap a sweep, L = {side}, {chains * temperatures.size} replicas", added, "% added",
            "one call of the same sweeps", None, ratio, "<= 3 %", added <= 3,
        )  # fmt: skip


def thread_rows() -> Iterator[Row]:
    """Two threads on one large lattice."""
    side = 1024
    double, single = XYModel(square(side), threads=2), XYModel(square(side))
    double_state, single_state = thermal_state(double, 1, 2), thermal_state(single, 1, 2)
    two, one, ratio = paired_seconds(
        lambda: double.sweep(double_state, BETA, 20, width=WIDTH),
        lambda: single.sweep(single_state, BETA, 20, width=WIDTH),
        clock=wall_seconds,
    )
    scale = NANO / (20 * side**2)
    yield Row(
        f"two threads, Metropolis, L = {side}, 1 chain", two * scale, "ns/update (wall)",
        "one thread", one * scale, ratio, ">= 1.8x", ratio >= 1.8,
    )  # fmt: skip


def observables_rows() -> Iterator[Row]:
    """The fused pass by itself, beside the pass over bonds that serves every graph."""
    from mcmc.landscapes.xy import observe

    side, chains = 32, 64
    model = XYModel(square(side))
    state = thermal_state(model, chains)
    fast = median_seconds(lambda: model.observables(state))
    edges = median_seconds(lambda: observe.observe_edges(state.spins, *model._measured_bonds))
    scale = NANO / (side**2 * chains)
    yield Row(
        f"all observables, L = {side}, {chains} chains", fast * scale, "ns/spin",
        "pass over bonds", edges * scale, edges / fast,
    )  # fmt: skip
