"""Single-flip kernels of the binary perceptron: nanoseconds per proposal against a plain int16 loop."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from perceptron import BinaryPerceptron, random_patterns
from runs.benchmarks.perceptron_references import int16_sweeps
from runs.benchmarks.timing import Row, paired_seconds, wall_seconds

ALPHA = 0.5
COLD = 4.0
HOT = 1e-9
"""All but one in a million accepted; at 0 itself Metropolis takes half, so as not to go back and forth."""

NANO = 1e9


def cold_state(model: BinaryPerceptron, beta: float, sweeps: int = 600):
    """One configuration annealed to `beta`, so that acceptance and boundary are those of a real run."""
    state = model.init(1, seed=1)
    model.sweep_schedule(state, np.linspace(0.2, beta, sweeps))
    return state


def metropolis_rows() -> Iterator[Row]:
    """A proposal in the cold, where nearly all are refused."""
    for n, most, least in ((1001, 8.0, 12.0), (10001, 30.0, 20.0)):
        model = BinaryPerceptron(random_patterns(n, p=round(ALPHA * n), seed=1))
        state = cold_state(model, COLD, 600 if n < 5000 else 60)
        sweeps = 3_000_000 // n
        entries = np.ascontiguousarray(model.patterns.patterns.T.astype(np.int16))
        weights = model.weights(state)[0].astype(np.int16)
        stability = model.patterns.stabilities(weights.astype(np.int8)).astype(np.int16)
        plain_sweeps = max(1, 100_000 // n)
        fast, plain, _ = paired_seconds(
            lambda m=model, s=state, k=sweeps: m.sweep(s, COLD, k),
            lambda e=entries, w=weights, d=stability, k=plain_sweeps: int16_sweeps(e, w, d, COLD, k, np.uint32(1)),
        )
        value, reference = fast / (sweeps * n) * NANO, plain / (plain_sweeps * n) * NANO
        yield Row(
            f"Metropolis, errors, N = {n}, alpha = {ALPHA}, cold", value, "ns/proposal", "plain int16 loop", reference,
            reference / value, f"<= {most:g} ns, >= {least:g}x", value <= most and reference >= least * value,
        )  # fmt: skip


def accepted_rows() -> Iterator[Row]:
    """What an accepted flip costs on top of a refused one: all accepted in the heat against almost none."""
    for n in (1001, 10001):
        model = BinaryPerceptron(random_patterns(n, p=round(ALPHA * n), seed=1))
        hot, cold = model.init(1, seed=1), cold_state(model, COLD, 600 if n < 5000 else 60)
        sweeps = 1_000_000 // n
        every, none, _ = paired_seconds(
            lambda m=model, s=hot, k=sweeps: m.sweep(s, HOT, k), lambda m=model, s=cold, k=sweeps: m.sweep(s, COLD, k)
        )
        value = (every - none) / (sweeps * n * model.patterns.p) * NANO
        yield Row(f"Accepted flip, N = {n}", value, "ns/pattern", target="<= 0.1 ns", met=value <= 0.1)


def rejection_free_rows() -> Iterator[Row]:
    """A flip without rejections against the Metropolis sweeps that make one, where about 1 % are accepted."""
    for n, alpha, beta in ((1001, 0.5, 1.5), (1001, 0.3, 2.2), (10001, 0.5, 0.9)):
        model = BinaryPerceptron(random_patterns(n, p=round(alpha * n), seed=1))
        state = cold_state(model, beta, 6000 if n < 5000 else 400)
        spare = state._replace(**{name: value.copy() for name, value in state._asdict().items()})
        sweeps = 1_000_000 // n
        flips: dict[str, list[int]] = {"rejection_free": [], "metropolis": []}

        def run(update, m=model, b=beta, k=sweeps, kept=flips, which=(state, spare)):
            info = m.sweep(which[update == "metropolis"], b, k, update)
            kept[update].append(int(info.flipped.sum()))

        free, plain, _ = paired_seconds(lambda: run("rejection_free"), lambda: run("metropolis"))
        each = {name: max(1.0, float(np.median(values[1:]))) for name, values in flips.items()}
        value, reference = free / each["rejection_free"] * NANO, plain / each["metropolis"] * NANO
        seen = each["metropolis"] / (sweeps * n)
        yield Row(
            f"Rejection-free, N = {n}, alpha = {alpha}, acceptance {100 * seen:.2g} %", value, "ns/flip",
            "Metropolis", reference, reference / value, ">= 5x", reference >= 5 * value,
        )  # fmt: skip


def thread_rows() -> Iterator[Row]:
    """Many instances on two threads."""
    models = [BinaryPerceptron(random_patterns(1001, p=round(ALPHA * 1001), seed=seed)) for seed in range(16)]
    states = [model.init(4, seed=1) for model in models]

    def run(threads):
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda pair: pair[0].sweep(pair[1], 1.0, 100), zip(models, states, strict=True)))

    two, one, ratio = paired_seconds(lambda: run(2), lambda: run(1), clock=wall_seconds)
    yield Row(
        "16 instances, N = 1001, two threads", two * 1e3, "ms", "one thread", one * 1e3, ratio, ">= 1.8x", ratio >= 1.8
    )
