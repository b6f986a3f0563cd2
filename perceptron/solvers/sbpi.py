"""Stochastic learning inspired by belief propagation (SBPI): perceptron steps on hidden integers.

Each weight has an odd hidden integer h_i with |h_i| <= K, and w_i = sign h_i. Patterns are shown one by one, in a new
random order every epoch. With Delta the stability above what is just right, a pattern
- with Delta >= theta changes nothing;
- barely right, 0 < Delta < theta, moves, with probability p_s, h_i += 2 xi_i wherever xi_i agrees with w_i: weights are
  strengthened, none changes;
- wrong moves every h_i += 2 xi_i.
Baldassi, Braunstein, Brunel & Zecchina 2007, PNAS 104, 11079 (arXiv:0707.1295). For Gaussian patterns the hidden
variables are real.
"""

from typing import TYPE_CHECKING

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import Stream, philox4x32, stream_word
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
