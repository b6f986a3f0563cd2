"""Stochastic learning inspired by belief propagation (SBPI): perceptron steps on hidden integers.

Each weight has an odd hidden integer h_i with |h_i| <= K, and w_i = sign h_i. Patterns are shown one by one, in a new
random order every epoch. With Delta the stability above what is just right, a pattern
- with Delta >= theta changes nothing;
- barely right, 0 < Delta < theta, moves, with probability p_s, h_i += 2 xi_i wherever xi_i agrees with w_i: weights are
  strengthened, none changes;
- wrong moves every h_i += 2 xi_i.
Baldassi, Braunstein, Brunel & Zecchina 2007, PNAS 104, 11079 (arXiv:0707.1295). For Gaussian patterns the hidden
variables are real.

Defaults: tune("sbpi", {"theta": [2], "chance": [.2, .3, .4, .5], "bound": [1, 1.5, 2, 3, inf]}, 1001, alpha, 16, 100,
max_epochs=5000) at alpha = 0.6, 0.65, 0.7, and sweeps with theta = 4 and 8. What counts is theta * p_s, best between
0.5 and 0.7, so theta does not grow with n: theta = 2, which is Delta = 1 alone, with p_s = 0.3, and theta = 4 with p_s
= 0.125 solve 16 of 16 at alpha = 0.7, theta = 8 at most 8, and theta of the order of sqrt(n) with p_s = 0.3 solves
nothing at alpha = 0.5. K does grow as sqrt(n): at alpha = 0.7, p_s = 0.3, K / sqrt(n) = 1, 1.5, 2, 3, infinity solve 0,
4, 16, 15, 13 of 16. Larger p_s is faster and fails earlier: at alpha = 0.7, K = 2 sqrt(n), p_s = 0.2, 0.3, 0.4, 0.5
solve 0, 16, 9, 0 of 16; on 32 others p_s = 0.325, K = 1.75 sqrt(n) solves 31 with the least work for a solution. At n =
3001 and 10001 the best p_s is 0.35 and 0.375. Solved with the defaults, alpha = 0.65, 0.7, 0.72, 0.74: 20, 20, 20, 13
of 20 at n = 1001; 0.65, 0.7, 0.72: 8, 8, 8 of 8 at n = 3001; 0.65, 0.69, 0.7, 0.72: 2, 2, 2, 0 of 2 at n = 10001
(published: up to about 0.69).
"""

from typing import TYPE_CHECKING

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import Stream, philox4x32, stream_word
from perceptron.arguments import checked_number
from perceptron.kernels import lanes
from perceptron.solvers import presentation
from perceptron.solvers.epochs import Epochs
from perceptron.solvers.presentation import count_errors, move, read_out, shuffle, stability
from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

kernel = kernel_tied_to(lanes.__file__, presentation.__file__)

CHOICE_STREAM = int(Stream.SOLVER)


@piece
def strengthen(hidden, entry, bound):
    """h_i += 2 xi_i where xi_i h_i > 0, kept within the bound."""
    number = hidden.dtype.type
    for i in range(np.uint64(hidden.size)):
        h, x = hidden[i], number(entry[i])
        moved = number(h + number(x + x))
        kept = moved if moved < bound else bound
        kept = kept if kept > -bound else number(-bound)
        hidden[i] = kept if (x > 0) == (h > 0) else h


@kernel
def sbpi_epochs(
    entries, rows, hidden, read, order, least, secure, chance, bound, k0, k1,
    first, epochs, best, fewest, errors, mistakes,
):  # fmt: skip
    """Epochs from `first` on, until one ends without errors; returns how many were done.

    entries (p, n) and rows are the patterns as they move `hidden` (n,) and as they are read; `secure` is least + theta
    and `chance` p_s 2^32; `best` keeps the read-out with the `fewest` (1,) errors; `errors` (epochs,) are left at the
    end of an epoch, `mistakes` made along it.
    """
    n = entries.shape[1]
    word = stream_word(CHOICE_STREAM, 0)
    for e in range(epochs):
        epoch = first + e
        shuffle(order, epoch, 0, k0, k1)
        for t in range(order.size):
            mu = order[t]
            delta = stability(rows[mu], read, n)
            if delta >= secure:
                continue
            if delta < least:
                mistakes[e] += 1
                move(hidden, entries[mu], bound)
                read_out(hidden, read)
            else:
                w0, _, _, _ = philox4x32(np.uint32(t), np.uint32(epoch), np.uint32(0), word, k0, k1)
                if np.uint64(w0) < chance:
                    strengthen(hidden, entries[mu], bound)
        errors[e] = count_errors(rows, read, n, least)
        if errors[e] < fewest[0]:
            fewest[0] = errors[e]
            best[:] = read
        if errors[e] == 0:
            return e + 1
    return epochs


def run(
    patterns: "Patterns",
    *,
    seed: int,
    margin: float = 0.0,
    theta: float = 2.0,
    chance: float = 0.325,
    bound: float = 1.75,
    max_epochs: int = 5000,
) -> Solution:
    """SBPI from random weights; work in presentations.

    `theta` is in units of Delta, `chance` is p_s, `bound` is K in units of sqrt(n) (infinity for none). Raises
    ArgumentError for values out of range.
    """
    epochs = Epochs(patterns, margin=margin, seed=seed, max_epochs=max_epochs)
    secure = epochs.least + checked_number("theta", theta, 0.0, 1e6)
    limit = np.uint64(round(checked_number("chance", chance, 0.0, 1.0) * 2.0**32))
    start = epochs.start()[0]
    hidden, most = epochs.hidden(start, bound)
    read = epochs.read(start)

    def advance(first, count, best, fewest, errors, mistakes):
        return sbpi_epochs(
            epochs.entries, epochs.rows, hidden, read, epochs.order, epochs.least, secure, limit, most, *epochs.key,
            first, count, best, fewest, errors, mistakes,
        )  # fmt: skip

    return epochs.search("sbpi", start, advance, ("errors", "mistakes"))
