"""The XY model in a few lines of NumPy: what the compiled passes are held to. Neighbours are rolls of the lattice."""

import numpy as np

STEPS = {
    "ring": [(1,)],
    "square": [(1, 0), (0, 1)],
    "triangular": [(1, 0), (0, 1), (1, -1)],
    "cubic": [(1, 0, 0), (0, 1, 0), (0, 0, 1)],
}
HEIGHT = np.sqrt(3.0) / 2.0
VECTORS = {
    "ring": [(1.0,)],
    "square": [(1.0, 0.0), (0.0, 1.0)],
    "triangular": [(1.0, 0.0), (0.5, HEIGHT), (0.5, -HEIGHT)],
    "cubic": [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)],
}
EPSILON = 2.0**-24
"""Rounding unit of float32."""


def moved(theta, step):
    """Value at the site one step away, on the torus; theta has the shape of the lattice."""
    return np.roll(theta, [-s for s in step], axis=tuple(range(theta.ndim)))


def wrapped(difference):
    """To [-pi, pi)."""
    return (difference + np.pi) % (2.0 * np.pi) - np.pi


def vortices(name, theta):
    """Plaquettes of vorticity +-1, from differences wrapped one by one."""
    right, up = moved(theta, (1, 0)), moved(theta, (0, 1))
    across = moved(theta, (1, 1))
    loops = {"square": [[theta, right, across, up]], "triangular": [[theta, right, up], [right, across, up]]}[name]
    count = 0
    for corners in loops:
        turn = sum(wrapped(corners[(k + 1) % len(corners)] - corners[k]) for k in range(len(corners)))
        count += np.count_nonzero(np.rint(turn / (2.0 * np.pi)))
    return count


def observables(name, theta, coupling=1.0, field=0.0):
    """All observables of one periodic configuration; theta has the shape of the lattice."""
    differences = [theta - moved(theta, step) for step in STEPS[name]]
    cosine = np.array([np.cos(d).sum() for d in differences])
    sine = np.array([np.sin(d).sum() for d in differences])
    vectors = np.array(VECTORS[name])
    wave = np.exp(2j * np.pi * np.arange(theta.shape[0]) / theta.shape[0])
    wave = wave.reshape(-1, *[1] * (theta.ndim - 1))
    found = {
        "energy": -coupling * cosine.sum() - field * np.cos(theta).sum(),
        "magnetization_x": np.cos(theta).sum(),
        "magnetization_y": np.sin(theta).sum(),
        "nearest_neighbour_correlation": cosine.sum() / (theta.size * len(differences)),
        "structure_factor_kmin": sum(abs((f(theta) * wave).sum()) ** 2 for f in (np.cos, np.sin)) / theta.size,
    }
    for d in range(vectors.shape[1]):
        found[f"helicity_cosine_{'xyz'[d]}"] = coupling * (cosine * vectors[:, d] ** 2).sum()
        found[f"helicity_sine_{'xyz'[d]}"] = coupling * (sine * vectors[:, d]).sum()
    if name in ("square", "triangular"):
        found["vortices"] = vortices(name, theta)
    return found


def clock_angles(rng, shape, hours=1001):
    """Random angles on an odd clock: no two differ by pi, where the vorticity of a plaquette is not defined."""
    return 2.0 * np.pi / hours * rng.integers(hours, size=shape)


def random_angles(rng, chains, sites):
    return rng.uniform(-np.pi, np.pi, (chains, sites))
