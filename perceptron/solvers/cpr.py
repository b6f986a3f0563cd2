"""Clipped perceptron with reinforcement (CP+R): perceptron steps on hidden integers that are strengthened at random.

Each weight has an odd hidden integer h_i with |h_i| <= K, and w_i = sign h_i. Patterns are shown one by one, in a new
random order every epoch: a wrong one moves every h_i += 2 xi_i (the clipped perceptron); after every presentation each
h_i moves away from zero, h_i += 2 sign h_i, with probability p_r, whatever the pattern is (reinforcement, which never
changes a weight). p_r must stay below sqrt(2 / (pi n)), the unit in which it is given here.
Baldassi 2009, J. Stat. Phys. 136, 902 (arXiv:1211.3024). For Gaussian patterns the hidden variables are real.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import Stream, philox4x32, stream_word, uniform64
from perceptron.kernels import lanes
from perceptron.solvers import presentation
from perceptron.solvers.arguments import checked_number
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
    entries, rows, hidden, read, order, least, log_missed, bound, k0, k1, first, epochs, best, fewest, errors, mistakes
):
    """Epochs from `first` on, until one ends without errors; returns how many were done.

    entries (p, n) and rows are the patterns as they move `hidden` (n,) and as they are read; `log_missed` is
    log(1 - p_r); `best` keeps the read-out with the `fewest` (1,) errors; `errors` (epochs,) are left at the end of an
    epoch, `mistakes` made along it.
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
            if log_missed < 0:
                reinforce(hidden, bound, log_missed, t, epoch, k0, k1)
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
    rate: float = 0.07,
    bound: float = math.inf,
    max_epochs: int = 5000,
) -> Solution:
    """CP+R from random weights; work in presentations.

    `rate` is p_r in units of sqrt(2 / (pi n)), `bound` is K in units of sqrt(n) (infinity for none). Raises
    ArgumentError for values out of range.
    """
    epochs = Epochs(patterns, margin=margin, seed=seed, max_epochs=max_epochs)
    chance = min(1.0, checked_number("rate", rate, 0.0, 1e6) * math.sqrt(2 / (math.pi * patterns.n)))
    log_missed = math.log1p(-chance) if chance < 1 else -math.inf
    start = epochs.start()[0]
    hidden, most = epochs.hidden(start, bound)
    read = epochs.read(start)

    def advance(first, count, best, fewest, errors, mistakes):
        return cpr_epochs(
            epochs.entries, epochs.rows, hidden, read, epochs.order, epochs.least, log_missed, most, *epochs.key,
            first, count, best, fewest, errors, mistakes,
        )  # fmt: skip

    return epochs.search("cpr", start, advance, ("errors", "mistakes"))
