"""Sweeps on several threads: each takes a share of one colour's rows, and all meet before the next colour.

The kernels release the interpreter lock. Rows of one colour do not touch each other and every row's energy change is
kept apart until all are added in their fixed order, so the result is the same bits for any number of threads.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import Lock

import numpy as np

from mcmc.landscapes.xy import cpu
from mcmc.landscapes.xy.barrier import new_barrier, wait
from mcmc.landscapes.xy.compiled import kernel

# All threads of a sweep must run at once: two sweeps sharing the pool would wait for each other.
_one_sweep_at_a_time = Lock()


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sweep")


@kernel
def run_share(
    rank, threads, barrier, plan, rows, colour_pointer, spins, energy, chain, beta, width, first_sweep, sweeps, k0, k1,
    coupling, field, sliced, weighted, renormalise_every, accepted_total, drift, changes,
):  # fmt: skip
    """One thread's part of `cpu.run_sweeps`; thread 0 also does what is done once an update."""
    chains = chain.size
    columns = rows.length.max()
    work = np.empty((5, (columns + 1) * chains), np.float32)
    accepted = np.zeros((columns + 1) * chains, np.int32)
    position, identity = cpu.lanes(columns, chain)
    beta, width = cpu.tiled(beta, columns), cpu.tiled(width, columns)
    for sweep in range(first_sweep, first_sweep + sweeps):
        for update in plan:
            for colour in range(colour_pointer.size - 1):
                begin, count = colour_pointer[colour], colour_pointer[colour + 1] - colour_pointer[colour]
                first, last = begin + count * rank // threads, begin + count * (rank + 1) // threads
                cpu.update_rows(
                    update, rows, first, last, spins, chain, position, identity, beta, width, np.uint32(sweep),
                    k0, k1, coupling, field, sliced, weighted, work, accepted, changes,
                )  # fmt: skip
                wait(barrier, threads)
            if rank == 0 and update != cpu.OVER_RELAXATION:
                cpu.add_row_changes(changes, energy)
            if update != cpu.OVER_RELAXATION:
                wait(barrier, threads)
        if (sweep + 1) % renormalise_every == 0:
            if rank == 0:
                cpu.renormalise(rows, spins, energy, chains, coupling, field, sliced, weighted, drift)
            wait(barrier, threads)
        if cpu.update_count_full(sweep - first_sweep):
            cpu.collect_accepted(accepted, columns, chains, accepted_total[rank])
    cpu.collect_accepted(accepted, columns, chains, accepted_total[rank])


def threaded_sweeps(
    threads, plan, rows, colour_pointer, spins, energy, chain, beta, width, first_sweep, sweeps, k0, k1,
    coupling, field, sliced, weighted, renormalise_every, accepted_total, drift,
):  # fmt: skip
    """Same as `cpu.run_sweeps`, on `threads` threads."""
    changes = np.zeros((rows.start.size, chain.size))
    accepted = np.zeros((threads, chain.size), dtype=np.int64)
    barrier = new_barrier()

    def share(rank):
        run_share(
            rank, threads, barrier, plan, rows, colour_pointer, spins, energy, chain, beta, width, first_sweep, sweeps,
            k0, k1, coupling, field, sliced, weighted, renormalise_every, accepted, drift, changes,
        )  # fmt: skip

    with _one_sweep_at_a_time:
        for job in [_pool(threads).submit(share, rank) for rank in range(threads)]:
            job.result()
    accepted_total += accepted.sum(axis=0)
