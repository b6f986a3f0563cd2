"""A barrier for threads inside compiled code: an atomic counter and a short spin.

Python's own barrier costs some 80 microseconds, a tenth of a colour's update of a million spins. A waiting thread
offers its core to others now and then, so that more threads than cores still make progress.
"""

import os
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from mcmc.landscapes.xy.compiled import kernel

SPINS_BEFORE_YIELD = 2000
ARRIVED, GENERATION = 0, 8
# One counter a cache line, so that arriving threads do not disturb the waiting ones.
WORDS = 16

_sched_yield: Any = types.ExternalFunction("sched_yield", types.int32())


def new_barrier() -> np.ndarray:
    """State shared by the threads of one barrier, (WORDS,) int64."""
    return np.zeros(WORDS, dtype=np.int64)


def _atomic_add_typed(typing_context, array, index, value):
    """array[index] += value as one operation; returns the old value."""

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.atomic_rmw("add", pointer, arguments[2], ordering="seq_cst")

    return types.int64(array, types.int64, types.int64), codegen


def _atomic_load_typed(typing_context, array, index):
    """array[index], read anew each time."""

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        return builder.load_atomic(pointer, ordering="seq_cst", align=8)

    return types.int64(array, types.int64), codegen


# Compiled code sees the functions without their typing context.
_atomic_add: Any = intrinsic(_atomic_add_typed)
_atomic_load: Any = intrinsic(_atomic_load_typed)


def _pointer(context, builder, array_type, array, index):
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index])


def _give_way():
    """Let another thread have the core."""


@overload(_give_way)
def _give_way_compiled():
    if os.name == "posix":
        return lambda: _sched_yield()
    return lambda: None


@kernel
def wait(barrier, threads):
    """Return when all `threads` threads have called it."""
    generation = _atomic_load(barrier, GENERATION)
    if _atomic_add(barrier, ARRIVED, 1) == threads - 1:
        _atomic_add(barrier, ARRIVED, -threads)
        _atomic_add(barrier, GENERATION, 1)
        return
    spins = 0
    while _atomic_load(barrier, GENERATION) == generation:
        spins += 1
        if spins % SPINS_BEFORE_YIELD == 0:
            _give_way()
