"""Clipped perceptron with reinforcement (CP+R): perceptron steps on hidden integers that are strengthened at random.

Each weight has an odd hidden integer h_i with |h_i| <= K, and w_i = sign h_i. Patterns are shown one by one, in a new
random order every epoch: a wrong one moves every h_i += 2 xi_i (the clipped perceptron); after every presentation each
h_i moves away from zero, h_i += 2 sign h_i, with probability p_r, whatever the pattern is (reinforcement, which never
changes a weight). p_r must stay below sqrt(2 / (pi n)), the unit in which it is given here.
When only a few patterns are wrong, reinforcement outruns the steps against them, and the search can stick for ever at
an error or two. It therefore rests in an epoch that follows one with at most calm sqrt(n) mistakes; calm = 0 is the
algorithm as published.
Baldassi 2009, J. Stat. Phys. 136, 902 (arXiv:1211.3024). For Gaussian patterns the hidden variables are real.

Defaults: tune("cpr", {"rate": [.07, .1, .14], "calm": [0, .06, .12, .24]}, 1001, alpha, 16, 100, max_epochs=3000) at
alpha = 0.6, 0.65, 0.7. Rate 0.1 and calm 0.12 solve 16, 16 and 15 of 16, with a median of 41 000, 88 000 and 272 000
presentations; rate 0.07 solves 16, 15, 5, rate 0.14 solves 16, 16, 7; as published, calm = 0, rates 0.07, 0.1, 0.14
solve 16, 15, 5; 13, 7, 4; 4, 1, 0. A finite bound only takes away: at rate 0.07, calm = 0, alpha = 0.65, K = 2 sqrt(n)
solves 3 of 16. With rate 0.1 and calm of 0.09 to 0.1, alpha = 0.6, 0.65, 0.7: 6, 6, 6 of 6 at n = 3001; 0.6, 0.65,
0.69: 2, 2, 1 of 2 at n = 10001.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import Stream, philox4x32, stream_word, uniform64
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
def reinforce(hidden, bound, log_missed, t, epoch, k0, k1):
    """h_i += 2 sign h_i, kept within the bound, for each i with the probability whose complement's log is given.

    The gaps between chosen weights are geometric, so the work goes with the number chosen.
    """
    number = hidden.dtype.type
    site = np.int64(-1)
    draw = np.uint32(0)
    while True:
        w0, w1, w2, w3 = philox4x32(
            np.uint32(t), np.uint32(epoch), np.uint32(0), stream_word(CHOICE_STREAM, draw), k0, k1
        )
        draw = np.uint32(draw + np.uint32(1))
        for half in range(2):
            u = uniform64(w0, w1) if half == 0 else uniform64(w2, w3)
            gap = math.log(u) / log_missed
            if gap >= hidden.size - 1 - site:
                return
            site += 1 + np.int64(gap)
            h = hidden[site]
            if h > 0:
                hidden[site] = min(bound, number(h + number(2)))
            else:
                hidden[site] = max(number(-bound), number(h - number(2)))


@kernel
def cpr_epochs(
    entries, rows, hidden, read, order, least, log_missed, calm, busy, bound, k0, k1,
    first, epochs, best, fewest, errors, mistakes,
):  # fmt: skip
    """Epochs from `first` on, until one ends without errors; returns how many were done.

    entries (p, n) and rows are the patterns as they move `hidden` (n,) and as they are read; `log_missed` is
    log(1 - p_r); `busy` (1,) holds the mistakes of the last epoch, from call to call; `best` keeps the read-out with
    the `fewest` (1,) errors; `errors` (epochs,) are left at the end of an epoch, `mistakes` made along it.
    """
    n = entries.shape[1]
    for e in range(epochs):
        epoch = first + e
        shuffle(order, epoch, 0, k0, k1)
        for t in range(order.size):
            mu = order[t]
            if stability(rows[mu], read, n) < least:
                mistakes[e] += 1
                move(hidden, entries[mu], bound)
                read_out(hidden, read)
            if log_missed < 0 and busy[0] > calm:
                reinforce(hidden, bound, log_missed, t, epoch, k0, k1)
        busy[0] = mistakes[e]
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
    rate: float = 0.1,
    calm: float = 0.12,
    bound: float = math.inf,
    max_epochs: int = 5000,
) -> Solution:
    """CP+R from random weights; work in presentations.

    `rate` is p_r in units of sqrt(2 / (pi n)), `bound` is K in units of sqrt(n) (infinity for none); `calm` is in units
    of sqrt(n). Raises ArgumentError for values out of range.
    """
    epochs = Epochs(patterns, margin=margin, seed=seed, max_epochs=max_epochs)
    chance = min(1.0, checked_number("rate", rate, 0.0, 1e6) * math.sqrt(2 / (math.pi * patterns.n)))
    log_missed = math.log1p(-chance) if chance < 1 else -math.inf
    rest = checked_number("calm", calm, 0.0) * math.sqrt(patterns.n)
    busy = np.array([patterns.p], np.int64)
    start = epochs.start()[0]
    hidden, most = epochs.hidden(start, bound)
    read = epochs.read(start)

    def advance(first, count, best, fewest, errors, mistakes):
        return cpr_epochs(
            epochs.entries, epochs.rows, hidden, read, epochs.order, epochs.least, log_missed, rest, busy, most,
            *epochs.key, first, count, best, fewest, errors, mistakes,
        )  # fmt: skip

    return epochs.search("cpr", start, advance, ("errors", "mistakes"))
