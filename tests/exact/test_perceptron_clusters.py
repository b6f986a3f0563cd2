"""Clusters of solutions against plain searches of the graph, and planted ones."""

import numpy as np
import pytest

from mcmc.errors import ArgumentError, MemoryLimitError
from perceptron import enumerate_configurations, random_patterns
from perceptron.clusters import pair_distances, solution_clusters
from perceptron.packing import unpack_signs


def plain_clusters(packed, distance):
    """Labels by breadth-first search over all pairs, numbered by first appearance."""
    near = np.bitwise_count(packed[:, None] ^ packed[None]) <= distance
    labels, next_label = np.full(packed.size, -1), 0
    for start in range(packed.size):
        if labels[start] < 0:
            reached, front = np.zeros(packed.size, bool), near[start]
            while (front & ~reached).any():
                reached |= front
                front = near[reached].any(axis=0)
            labels[reached] = next_label
            next_label += 1
    return labels


def assert_same_partition(found, labels):
    pairs = np.unique(np.stack([found.labels, labels]), axis=1)
    assert pairs.shape[1] == found.count == labels.max() + 1
    sizes = np.bincount(labels)
    assert (found.sizes == np.sort(sizes)[::-1]).all()
    assert (np.bincount(found.labels) == found.sizes).all()
    assert found.isolated_fraction == (sizes == 1).sum() / labels.size


@pytest.mark.parametrize("distance", [1, 2])
@pytest.mark.parametrize("p", [4, 7, 11])
def test_clusters_of_solutions(p, distance):
    solved = enumerate_configurations(random_patterns(15, p=p, seed=3))
    packed = solved.packed_solutions
    assert packed.size > 5
    found = solution_clusters(solved, distance)
    assert found.distance == distance
    assert_same_partition(found, plain_clusters(packed, distance))
    for again in (solution_clusters(packed, distance), solution_clusters(solved.solutions, distance)):
        assert (again.labels == found.labels).all()


@pytest.mark.parametrize("distance", [1, 2])
@pytest.mark.parametrize("n", [10, 64])
def test_clusters_of_any_set_in_any_order(seed, n, distance):
    rng = np.random.default_rng(seed)
    # Few bits vary, so that some are neighbours; the others, the highest among them, are the same everywhere.
    bits = rng.permutation(n)[:10].astype(np.uint64)
    chosen = rng.permutation(2**10)[:150].astype(np.uint64)
    packed = ((chosen[:, None] >> np.arange(10, dtype=np.uint64) & np.uint64(1)) << bits).sum(axis=1, dtype=np.uint64)
    packed |= np.uint64(0) if n == 10 else ~(np.uint64(1) << bits).sum(dtype=np.uint64)
    found = solution_clusters(packed, distance)
    assert_same_partition(found, plain_clusters(packed, distance))
    signs = unpack_signs(packed[:, None], n)
    assert (solution_clusters(signs, distance).labels == found.labels).all()
    # Negative control: without one member of the largest cluster there is another partition.
    fewer = solution_clusters(np.delete(packed, np.argmin(found.labels)), distance)
    assert fewer.sizes.sum() == found.sizes.sum() - 1


def test_clusters_that_are_known():
    # A path of single flips, a pair that begins two flips from its end, and one far away.
    packed = np.array([0b0, 0b1, 0b11, 0b111, 0b11111, 0b111111, 0b111100000000], np.uint64)
    found = solution_clusters(packed)
    assert found.sizes.tolist() == [4, 2, 1]
    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert found.isolated_fraction == 1 / 7
    assert solution_clusters(packed, 2).labels.tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_no_solutions_and_a_single_one():
    nothing = solution_clusters(np.empty(0, np.uint64))
    assert nothing.count == 0
    assert np.isnan(nothing.isolated_fraction)
    assert solution_clusters(np.array([5], np.uint64), 2).isolated_fraction == 1.0
    assert pair_distances(np.array([5], np.uint64), 9).tolist() == [0] * 10


def test_bad_solutions():
    packed = np.arange(4, dtype=np.uint64)
    for distance in (0, 3, True, 1.5):
        with pytest.raises(ArgumentError, match="distance: got"):
            solution_clusters(packed, distance)
    with pytest.raises(ArgumentError, match="some are given twice"):
        solution_clusters(np.array([1, 2, 1], np.uint64))
    with pytest.raises(ArgumentError, match="solutions: got 0; "):
        solution_clusters(np.zeros((2, 5), np.int8))
    with pytest.raises(ArgumentError, match=r"solutions: got shape \(2, 65\)"):
        solution_clusters(np.ones((2, 65), np.int8))
    with pytest.raises(ArgumentError, match="n: got None"):
        pair_distances(packed)
    with pytest.raises(ArgumentError, match=r"n: got 8.5"):
        pair_distances(packed, 8.5)
    with pytest.raises(ArgumentError, match=r"solutions: got 255, which is not below 2\^4"):
        pair_distances(np.array([255, 0], np.uint64), 4)
    assert pair_distances(np.array([2**64 - 1, 0], np.uint64), 64)[64] == 1
    with pytest.raises(ArgumentError, match="solutions: got rows of different lengths"):
        solution_clusters([[1], [1, -1]])
    with pytest.raises(ArgumentError, match="take a random subset"):
        pair_distances(np.arange(10**6, dtype=np.uint64), 20)
    with pytest.raises(ArgumentError, match="solutions: "):
        solution_clusters(enumerate_configurations(random_patterns(9, p=2, seed=1), solutions=False))


def test_more_solutions_than_the_memory_are_refused_before_they_are_sorted():
    many = np.broadcast_to(np.uint64(0), 2**40)
    with pytest.raises(MemoryLimitError, match=f"finding clusters of {2**40} solutions needs about 70 TiB"):
        solution_clusters(many)
