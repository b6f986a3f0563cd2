"""Plain codes that the engine is measured against: what a careful physicist writes with Numba in an afternoon.

float64 angles, math.cos, numpy.random, one site after another; the same updates and observables, nothing tuned.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True)
def metropolis_sweeps(theta, beta, width, sweeps):
    """Metropolis on an L x L square lattice, angles in place; returns the accepted fraction."""
    side = theta.shape[0]
    accepted = 0
    for _ in range(sweeps):
        for i in range(side):
            for j in range(side):
                old = theta[i, j]
                new = old + width * (2.0 * np.random.random() - 1.0)
                change = 0.0
                for other in (
                    theta[(i + 1) % side, j], theta[(i - 1) % side, j],
                    theta[i, (j + 1) % side], theta[i, (j - 1) % side],
                ):  # fmt: skip
                    change += math.cos(old - other) - math.cos(new - other)
                if change <= 0.0 or np.random.random() < math.exp(-beta * change):
                    theta[i, j] = new
                    accepted += 1
    return accepted / (sweeps * side * side)


@njit(cache=True)
def over_relaxation_sweeps(theta, sweeps):
    """Reflections about the local field, angles in place."""
    side = theta.shape[0]
    for _ in range(sweeps):
        for i in range(side):
            for j in range(side):
                up, down = theta[(i + 1) % side, j], theta[(i - 1) % side, j]
                right, left = theta[i, (j + 1) % side], theta[i, (j - 1) % side]
                hx = math.cos(up) + math.cos(down) + math.cos(right) + math.cos(left)
                hy = math.sin(up) + math.sin(down) + math.sin(right) + math.sin(left)
                theta[i, j] = 2.0 * math.atan2(hy, hx) - theta[i, j]


@njit(cache=True)
def wolff_clusters(theta, beta, clusters):
    """Wolff clusters with a visited array cleared for each; returns the spins flipped."""
    side = theta.shape[0]
    flipped = 0
    stack = np.empty((side * side, 2), np.int64)
    for _ in range(clusters):
        visited = np.zeros((side, side), np.bool_)
        axis = 2.0 * math.pi * np.random.random()
        i, j = np.random.randint(side), np.random.randint(side)
        visited[i, j] = True
        stack[0, 0], stack[0, 1] = i, j
        depth = 1
        while depth > 0:
            depth -= 1
            i, j = stack[depth]
            projection = math.cos(theta[i, j] - axis)
            theta[i, j] = math.pi + 2.0 * axis - theta[i, j]
            flipped += 1
            for di, dj in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                k, m = (i + di) % side, (j + dj) % side
                if not visited[k, m]:
                    x = 2.0 * beta * projection * math.cos(theta[k, m] - axis)
                    if x > 0.0 and np.random.random() < 1.0 - math.exp(-x):
                        visited[k, m] = True
                        stack[depth, 0], stack[depth, 1] = k, m
                        depth += 1
    return flipped


@njit(cache=True)
def heat_bath_sweeps(theta, beta, sweeps):
    """Angles drawn from their conditional von Mises law by numpy's generator."""
    side = theta.shape[0]
    for _ in range(sweeps):
        for i in range(side):
            for j in range(side):
                up, down = theta[(i + 1) % side, j], theta[(i - 1) % side, j]
                right, left = theta[i, (j + 1) % side], theta[i, (j - 1) % side]
                hx = math.cos(up) + math.cos(down) + math.cos(right) + math.cos(left)
                hy = math.sin(up) + math.sin(down) + math.sin(right) + math.sin(left)
                theta[i, j] = np.random.vonmises(math.atan2(hy, hx), beta * math.sqrt(hx * hx + hy * hy))


@njit(cache=True)
def gradient(theta, out):
    """Gradient of the XY energy on an L x L square lattice."""
    side = theta.shape[0]
    for i in range(side):
        for j in range(side):
            out[i, j] = 0.0
            for other in (
                theta[(i + 1) % side, j], theta[(i - 1) % side, j],
                theta[i, (j + 1) % side], theta[i, (j - 1) % side],
            ):  # fmt: skip
                out[i, j] += math.sin(theta[i, j] - other)


def langevin_steps(theta, beta, step, generator, steps):
    """Euler-Maruyama steps with NumPy's normals, angles in place."""
    slope = np.empty_like(theta)
    for _ in range(steps):
        gradient(theta, slope)
        theta += -step * slope + math.sqrt(2.0 * step / beta) * generator.standard_normal(theta.shape)
