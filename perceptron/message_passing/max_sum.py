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
from perceptron.arguments import checked_count, checked_number, require_patterns, require_reachable
from perceptron.message_passing.search import Search, search
from perceptron.message_passing.update import random_fields, zero_messages
from perceptron.patterns import Patterns

kernel = kernel_tied_to()

FLUSH = 32
"""Rows whose fields are summed in the messages' own precision before they go to double precision."""


@piece
def select(values, count, rank):
    """Order values[:count] so that values[rank] has that rank, with none larger before it. Hoare 1961, CACM 4, 321."""
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break


@piece
def two_costs(costs, count, flips, impossible):
    """The flips-th and the next smallest of costs[:count]; 0 for the 0-th, `impossible` beyond the last."""
    below, above = 0.0, impossible
    if flips < count:
        select(costs, count, flips)
        above = costs[flips]
    for k in range(min(flips, count)):
        below = max(below, costs[k])
    return below, above


@kernel
def max_sum_sweep(entries, messages, field, total, least, damping, scale):
    """One parallel sweep of messages and fields, both times `scale`; entries (p, n) int8, field and total (n,).

    Updates `messages` (p, n) and `total`, which are in the new unit then.
    """
    p, n = messages.shape
    number = messages.dtype.type
    keep, nothing = number(1.0 - damping), number(0.0)
    unit, some = number(scale), np.zeros(n, messages.dtype)
    whole = (field * scale).astype(messages.dtype)
    along, costs = np.empty(n, messages.dtype), np.empty(n + 1, messages.dtype)
    total[:] = 0.0
    for mu in range(p):
        row, sent = entries[mu], messages[mu]
        for i in range(n):
            sent[i] = unit * sent[i]
            along[i] = number(row[i]) * (whole[i] - sent[i])
        wrong = np.uint64(0)
        for i in range(n):
            # Stored in any case and counted where negative: no branch to mispredict.
            costs[wrong] = -along[i]
            wrong += np.uint64(along[i] < nothing)
        count = np.int64(wrong)
        flips = (least - (n - 2 * count)) // 2
        low, high = nothing, nothing
        if flips >= 0:
            # Where no choice of the others is enough, the message outweighs them all.
            below, above = two_costs(costs, count, flips, 2.0 * costs[:count].sum() + 1.0)
            low, high = number(below), number(above)
        for i in range(n):
            size = low if along[i] <= -high and along[i] < nothing else high
            f = sent[i] + keep * (number(row[i]) * size - sent[i])
            sent[i] = f
            some[i] += f
        if mu % FLUSH == FLUSH - 1 or mu == p - 1:
            for i in range(n):
                total[i] += some[i]
                some[i] = 0.0


class MaxSumUpdate:
    """Messages (p, n) of max-sum, and how a sweep changes them."""

    def __init__(self, patterns: Patterns, margin: float, damping: float):
        require_patterns(patterns)
        if patterns.kind != "binary":
            raise ArgumentError("max-sum: entries +-1 are needed, flips of which move a stability by 2")
        self.least = int(require_reachable(patterns, margin))
        self.entries, self.damping = patterns.patterns, damping
        self.messages = zero_messages(patterns, np.dtype(np.float32))
        self.total = np.zeros(patterns.n)
        self.scale = 1.0

    def sweep(self, field: np.ndarray) -> None:
        """New messages from the whole fields (n,); sets `total` (n,) in a unit `scale` times finer.

        Fields of max-sum may grow or decay from sweep to sweep without end: they are measured by their mean size.
        """
        size = float(np.abs(field).mean())
        self.scale = 1.0 / size if size > 0.0 else 1.0
        max_sum_sweep(self.entries, self.messages, field, self.total, self.least, self.damping, self.scale)


def max_sum(
    patterns: Patterns,
    *,
    seed: int = 0,
    margin: float = 0.0,
    rate: float = 0.002,
    max_sweeps: int = 2000,
    damping: float = 0.0,
) -> Search:
    """Sweep with rho = 1 - (1 - rate)^t from random fields until their signs get all patterns right.

    Fields have no scale of their own: only their ratios matter. Raises ArgumentError for real entries and values out
    of range, MemoryLimitError for messages that do not fit.
    """
    checked_number("rate", rate, 0.0, 0.5, "a rate from 0 to 0.5 per sweep is needed")
    checked_number("damping", damping, 0.0, 0.999, "a number from 0 to 0.999 is needed, the weight of the old messages")
    rhos = (1.0 - (1.0 - rate) ** t for t in range(checked_count("max_sweeps", max_sweeps)))
    update = MaxSumUpdate(patterns, margin, damping)
    return search(
        update, patterns, margin, random_fields(patterns.n, seed, 1.0), ({"rho": rho} for rho in rhos),
        lambda fields, before, stage: fields + stage["rho"] * update.scale * before, frozen=0.0,
    )  # fmt: skip
