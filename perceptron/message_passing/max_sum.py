"""Reinforced max-sum: the zero-temperature limit of belief propagation with its constraints kept hard.

Let psi_j = H_j - f_(mu j) be the field on weight j without pattern mu, each weight preferring its sign. A pattern whose
preferred stability is D asks for K = (least - D)/2 flips; it takes the cheapest weights that now point the wrong way,
of costs |psi_(1)| <= |psi_(2)| <= ... What it gains when weight i points along xi_i is, in fields,
f_(mu i) = xi_i |psi_(K + 1)|, but xi_i |psi_(K)| for a wrong-pointing weight beyond the K cheapest; psi_(0) = 0, and
nothing is sent where K < 0. Exact messages in O(N) per pattern. The fields remember themselves as in reinforced belief
propagation. Baldassi & Braunstein 2015, arXiv:1505.05401.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.errors import ArgumentError
from perceptron.message_passing.search import Search, search
from perceptron.message_passing.update import checked_count, checked_number, random_fields, zero_messages
from perceptron.patterns import Patterns

kernel = kernel_tied_to()


@piece
def two_costs(costs, count, flips, impossible):
    """The flips-th and the next smallest of costs[:count]; 0 for the 0-th, `impossible` beyond the last."""
    if flips >= count:
        return costs[:count].max() if count > 0 else 0.0, impossible
    if flips == 0:
        return 0.0, costs[:count].min()
    parted = np.partition(costs[:count], flips)
    return parted[:flips].max(), parted[flips]


@kernel
def max_sum_sweep(entries, messages, field, total, least, damping):
    """One parallel sweep; entries (p, n) int8, messages (p, n), field and total (n,), all but `field` updated."""
    p, n = messages.shape
    along, costs = np.empty(n), np.empty(n)
    total[:] = 0.0
    for mu in range(p):
        row, sent = entries[mu], messages[mu]
        wrong, sum_of_costs = 0, 0.0
        for i in range(n):
            along[i] = row[i] * (field[i] - sent[i])
            if along[i] < 0.0:
                costs[wrong] = -along[i]
                wrong += 1
                sum_of_costs += costs[wrong - 1]
        flips = (least - (n - 2 * wrong)) // 2
        low, high = 0.0, 0.0
        if flips >= 0:
            # Where no choice of the others is enough, the message outweighs them all.
            low, high = two_costs(costs, wrong, flips, 2.0 * sum_of_costs + 1.0)
        for i in range(n):
            beyond = along[i] < 0.0 and -along[i] >= high
            sent[i] += (1.0 - damping) * (row[i] * (low if beyond else high) - sent[i])
            total[i] += sent[i]


class MaxSumUpdate:
    """Messages (p, n) of max-sum, and how a sweep changes them."""

    def __init__(self, patterns: Patterns, margin: float, damping: float):
        if patterns.kind != "binary":
            raise ArgumentError("max-sum: entries +-1 are needed, flips of which move a stability by 2")
        self.least = int(patterns.least_stability(margin))
        if self.least > patterns.n:
            raise ArgumentError(f"margin: got {margin!r}; no weights reach it, lower it")
        self.entries, self.damping = patterns.patterns, damping
        self.messages = zero_messages(patterns, np.dtype(np.float32))
        self.total = np.zeros(patterns.n)

    def sweep(self, field: np.ndarray) -> None:
        """New messages from the whole fields (n,); sets `total` (n,)."""
        max_sum_sweep(self.entries, self.messages, field, self.total, self.least, self.damping)


def max_sum(
    patterns: Patterns,
    *,
    seed: int = 0,
    margin: float = 0.0,
    rate: float = 0.005,
    max_sweeps: int = 1000,
    damping: float = 0.0,
) -> Search:
    """Sweep with rho = 1 - (1 - rate)^t from random fields until their signs get all patterns right.

    Fields have no scale of their own: only their ratios matter. Raises ArgumentError for real entries and values out
    of range, MemoryLimitError for messages that do not fit.
    """
    checked_number("rate", rate, 0.0, 0.5, "a rate from 0 to 0.5 per sweep is needed")
    checked_number("damping", damping, 0.0, 0.999, "a number from 0 to 0.999 is needed, the weight of the old messages")
    rhos = (1.0 - (1.0 - rate) ** t for t in range(checked_count("max_sweeps", max_sweeps)))
    return search(
        MaxSumUpdate(patterns, margin, damping), patterns, margin, random_fields(patterns.n, seed, 1.0),
        ({"rho": rho} for rho in rhos), lambda fields, before, stage: fields + stage["rho"] * before,
        frozen=0.0,
    )  # fmt: skip
