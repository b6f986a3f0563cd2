"""Sweeps on several threads: each takes a share of one colour's rows, and all meet before the next colour.

The kernels release the interpreter lock. Rows of one colour do not touch each other and every row's energy change is
kept apart until all are added in their fixed order, so the result is the same bits for any number of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from threading import Barrier

import numpy as np

from mcmc.landscapes.xy import cpu


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sweep")


def threaded_sweeps(
    threads, plan, rows, colour_pointer, spins, energy, chain, beta, width, first_sweep, sweeps, k0, k1,
    coupling, field, sliced, weighted, renormalise_every, accepted_total, drift,
):  # fmt: skip
    """Same as `cpu.run_sweeps`, on `threads` threads."""
    columns = int(rows.length.max())
    chains = chain.size
    row_delta = np.zeros((rows.start.size, chains))
    position, identity = cpu.lanes(columns, chain)
    accepted = np.zeros((threads, (columns + 1) * chains), dtype=np.int32)

    def close_update(update, sweep, last_of_sweep):
        if update != cpu.OVER_RELAXATION:
            cpu.add_row_changes(row_delta, energy)
        if last_of_sweep and (sweep + 1) % renormalise_every == 0:
            cpu.renormalise(rows, spins, energy, chains, coupling, field, sliced, weighted, drift)
        if last_of_sweep and cpu.update_count_full(sweep - first_sweep):
            for counters in accepted:
                cpu.collect_accepted(counters, columns, chains, accepted_total)

    barrier = Barrier(threads)

    def work(rank):
        scratch = np.empty((5, (columns + 1) * chains), dtype=np.float32)
        try:
            for sweep in range(first_sweep, first_sweep + sweeps):
                for step, update in enumerate(plan):
                    for begin, end in pairwise(colour_pointer):
                        share = begin + (end - begin) * np.arange(rank, rank + 2) // threads
                        cpu.update_rows(
                            update, rows, share[0], share[1], spins, chain, position, identity, beta, width,
                            np.uint32(sweep), k0, k1, coupling, field, sliced, weighted, scratch, accepted[rank],
                            row_delta,
                        )  # fmt: skip
                        barrier.wait()
                    if rank == 0:
                        close_update(update, sweep, step == len(plan) - 1)
                    barrier.wait()
        except BaseException:
            barrier.abort()
            raise

    for job in [_pool(threads).submit(work, rank) for rank in range(threads)]:
        job.result()
    for counters in accepted:
        cpu.collect_accepted(counters, columns, chains, accepted_total)
