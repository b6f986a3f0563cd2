"""SAGA: x <- x - eta [mean over the batch of (g_k(x) - T_k) + mean of T], then T_k takes g_k(x) for k in the batch.

T holds for every sample the gradient it had when it was last looked at, at first those at the start. The mean over
batches is the gradient at x; the variance goes to 0 at a minimum, where x settles at a constant step size. Defazio,
Bach & Lacoste-Julien 2014, arXiv:1407.0202, there with batches of one sample; with a larger batch that has a sample
twice (replacement=True), the table takes it once. g_k is the gradient of the energy on a batch of sample k alone,
weight decay included, so that all chains and all samples of their batches go into one call.
"""

from typing import NamedTuple

import numpy as np

from mcmc.landscape import chain_ids
from mcmc.memory import require_memory
from mcmc.samplers.landscape_calls import gradient_at
from mcmc.samplers.update_rules import saga_gradient
from mcmc.samplers.variance_reduction import VarianceReduced

CALL_BYTES = 2**21
"""About how many bytes of weights go into one call: copies of x for each sample should stay in the cache."""


class SAGAState(NamedTuple):
    """State of the chains."""

    x: np.ndarray
    """(chains, dim) float64."""
    energy: np.ndarray
    """(chains,) float64: energy of all data at x."""
    beta: np.ndarray
    """(chains,) float64: infinity, no noise is added."""
    step_size: np.ndarray
    """(chains,) float64: eta."""
    sweep: np.ndarray
    """() int64: steps done so far."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""
    table: np.ndarray
    """(chains, n, dim) float64: T, of the n samples that a chain sees."""
    table_mean: np.ndarray
    """(chains, dim) float64: mean of T over the samples, carried along."""


class SAGAInfo(NamedTuple):
    """What happened during a call."""

    gradient_norm: np.ndarray
    """(chains,) float64: |mean of (g_k - T_k) + mean of T| before the last step; NaN when there was none."""


class SAGA(VarianceReduced):
    """SAGA, on any landscape with data: the table has chains x samples x dim numbers of 8 bytes.

    Raises LandscapeError for a landscape without data, ArgumentError for arguments out of range, MemoryLimitError in
    `init` when the table does not fit.
    """

    info = SAGAInfo
    _places: np.ndarray | None = None

    def init(self, chains, seed) -> SAGAState:
        """Start; `chains` is a count or chain ids, `seed` an integer in [0, 2^64). The first step fills the table."""
        self._require_room(chain_ids(chains).size)
        fresh = self._fresh(chains, seed)
        count, dim = fresh["x"].shape
        total = int(self.batches.data_size or 1)
        return SAGAState(**fresh, table=np.zeros((count, total, dim)), table_mean=np.zeros((count, dim)))

    def sample_gradients(self, sweep: int) -> int:
        """Gradients of single samples that a chain has taken by `sweep`: a batch a sweep, all data at the start."""
        return sweep * self.gradient_samples + (int(self.batches.data_size or 1) if sweep else 0)

    def _require_room(self, chains: int) -> None:
        """Raises MemoryLimitError."""
        total, dim = int(self.batches.data_size or 1), self.landscape.dim
        # The gradients of a batch, one row a sample, come on top.
        require_memory(
            8.0 * chains * dim * (total + self.gradient_samples),
            f"SAGA's table of {chains} x {total} x {dim} gradients (chains x samples x dim)",
            "take fewer chains or samples, or SVRG, which keeps one gradient a chain",
        )

    def _direction(self, state, sweep):
        if sweep == 0:
            own, total = self.own_samples(state), state.table.shape[1]
            every = np.broadcast_to(np.arange(total), state.table.shape[:2]) if own is None else own
            self._fill(state.table, state.x, every)
            state.table_mean[:] = state.table.mean(axis=1)
        batch = self.batches.indices(sweep, state.chain, int(state.seed))
        assert batch is not None
        fresh = np.empty((*batch.shape, state.x.shape[1]))
        self._fill(fresh, state.x, batch)
        found = np.empty_like(state.x)
        saga_gradient(found, fresh, state.table, state.table_mean, self._rows(state, batch))
        return found

    def _fill(self, out, x, batch):
        """Gradients of the samples `batch` (chains, b) to out (chains, b, dim): each sample as a chain of its own."""
        dim = x.shape[1]
        rows, samples = out.reshape(-1, dim), batch.reshape(-1, 1)
        lanes = np.repeat(np.arange(len(x)), batch.shape[1])
        some = max(1, CALL_BYTES // (8 * dim))
        for begin in range(0, len(rows), some):
            part = slice(begin, begin + some)
            rows[part] = gradient_at(self.landscape, x[lanes[part]], samples[part])

    def _rows(self, state, batch):
        """Rows of the table that belong to the samples of a batch."""
        samples = self.batches.samples
        if samples is None:
            return batch
        if self._places is None:
            places = np.zeros((len(samples), self.landscape.data_size or 1), np.int64)
            np.put_along_axis(places, samples, np.arange(samples.shape[1])[None, :], axis=1)
            self._places = places
        return np.take_along_axis(self._places[state.chain % np.uint32(len(samples))], batch, axis=1)
