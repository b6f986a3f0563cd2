"""Exact enumeration: nanoseconds per configuration against a plain Gray-code loop, and clusters of solutions."""

from collections.abc import Iterator

import numpy as np
from numba import njit

from perceptron.clusters import solution_clusters
from perceptron.enumeration import enumerate_configurations
from perceptron.patterns import random_patterns
from runs.benchmarks.timing import Row, median_seconds, paired_seconds, wall_seconds

N, P = 29, 16
PLAIN_WEIGHTS = 21
NANO = 1e9


@njit(cache=True)
def gray_code_histogram(patterns):
    """Configurations by errors, (p + 1,): one flip after another, all stabilities (int16) kept up to date."""
    p, n = patterns.shape
    columns = patterns.T.copy().astype(np.int16)
    stability = np.zeros(p, np.int16)
    for i in range(n):
        stability -= columns[i]
    spins = -np.ones(n, np.int16)
    histogram = np.zeros(p + 1, np.int64)
    for c in range(1, 2**n + 1):
        errors = 0
        for mu in range(p):
            errors += stability[mu] < 0
        histogram[errors] += 1
        i = 0
        while c >> i & 1 == 0:
            i += 1
        if i < n:
            spins[i] = -spins[i]
            step = np.int16(2 * spins[i])
            for mu in range(p):
                stability[mu] += step * columns[i, mu]
    return histogram


def counting_rows() -> Iterator[Row]:
    """All configurations of N = 29 on one thread: solutions alone, the histogram, the hinge, by distance."""
    instance, plain = random_patterns(N, p=P, seed=1), random_patterns(PLAIN_WEIGHTS, p=P, seed=1)
    found, reference = enumerate_configurations(instance, threads=1), np.ones(N, np.int8)

    def count(**said):
        return lambda: enumerate_configurations(instance, threads=1, **said)

    cases = (
        ("solutions counted", count(histogram=False, solutions=False), 0.4),
        ("histogram of errors", count(solutions=False), 0.8),
        ("histogram and solutions listed", count(), None),
        ("errors by distance", lambda: found.by_distance(reference, threads=1), None),
        ("histogram of the hinge", count(energy="hinge"), None),
    )
    for name, call, most in cases:
        fast, slow, _ = paired_seconds(call, lambda: gray_code_histogram(plain.patterns))
        value, beside = fast / 2**N * NANO, slow / 2**plain.n * NANO
        yield Row(
            f"{name}, N = {N}, P = {P}", value, "ns/configuration", "plain Gray-code loop", beside, beside / value,
            "" if most is None else f"<= {most} ns", None if most is None else value <= most,
        )  # fmt: skip


def gaussian_rows() -> Iterator[Row]:
    """Gaussian patterns, whose sums over weights are all different."""
    instance = random_patterns(25, p=P, seed=1, kind="gaussian")
    value = median_seconds(lambda: enumerate_configurations(instance, threads=1)) / 2**25 * NANO
    yield Row(f"histogram of errors, Gaussian patterns, N = 25, P = {P}", value, "ns/configuration")


def thread_rows() -> Iterator[Row]:
    """Two threads."""
    instance = random_patterns(33, p=P, seed=1)
    two, one, ratio = paired_seconds(
        lambda: enumerate_configurations(instance, solutions=False, threads=2),
        lambda: enumerate_configurations(instance, solutions=False, threads=1),
        clock=wall_seconds,
    )
    yield Row(
        f"two threads, histogram of errors, N = 33, P = {P}", two, "s (wall)", "one thread", one, ratio, ">= 1.8x",
        ratio >= 1.8,
    )  # fmt: skip


def cluster_rows() -> Iterator[Row]:
    """Clusters of the solutions of N = 29, P = 9."""
    solutions = enumerate_configurations(random_patterns(N, p=9, seed=1)).packed_solutions
    for distance in (1, 2):
        seconds = median_seconds(lambda d=distance: solution_clusters(solutions, d), repeats=3)
        yield Row(
            f"clusters at distance {distance} of {solutions.size} solutions, N = {N}", seconds / solutions.size * 1e6,
            "us/solution",
        )  # fmt: skip


def enumeration_rows() -> Iterator[Row]:
    """Everything here."""
    yield from counting_rows()
    yield from gaussian_rows()
    yield from thread_rows()
    yield from cluster_rows()
