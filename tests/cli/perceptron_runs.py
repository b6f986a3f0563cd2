"""Small run files of the perceptron experiments, and brute force over all configurations as their oracle."""

import itertools

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

ENUMERATION = {
    "experiment": "perceptron-enumeration",
    "seed": 5,
    "grid": {"n": [7, 9], "alpha": [0.3, 0.6, 1.0], "instances": 12},
}
EQUILIBRIUM = {
    "experiment": "perceptron-equilibrium",
    "seed": 5,
    "sampler": {"thermalization": 100, "sweeps": 2000, "thin": 2, "chains": 4},
    "grid": {"n": [9, 11], "alpha": [0.5, 0.8], "beta": [0.0, 0.5, 1.0, 1.5, 2.0], "instances": 2},
}


def all_weights(n):
    """Every configuration, (2^n, n)."""
    return np.array(list(itertools.product((1, -1), repeat=n)))


def energies(instance, weights):
    """Wrong patterns of each configuration, straight from the definition."""
    return (weights @ instance.patterns.T.astype(np.int64) < 0).sum(axis=1)


def clusters(solutions, distance):
    """Sizes of the clusters, descending, from the full matrix of distances."""
    apart = (solutions.shape[1] - solutions @ solutions.T) // 2
    count, label = connected_components(csr_matrix(apart <= distance), directed=False)
    return np.sort(np.bincount(label, minlength=count))[::-1]
