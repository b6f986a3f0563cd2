"""How compiled loops are kept on disk, and when a copy there is out of date.

Numba keeps machine code beside the file of a function and looks at that file alone; loops often have scalar physics
and random numbers of other files compiled into them. A kernel is therefore tied to all the sources it names: after an
edit of any of them no old physics can run.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

from mcmc import random


@cache
def _stamp(sources: tuple[str, ...]) -> bytes:
    """Hash of the random numbers and of every source named, a folder standing for all Python files in it."""
    files = [Path(random.__file__)]
    for source in map(Path, sources):
        files += sorted(source.glob("*.py")) if source.is_dir() else [source]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.digest()


def kernel_tied_to(*sources: str | Path) -> Callable[[Callable], Any]:
    """Decorator: compiled with a cache on disk, C division, and the interpreter lock released.

    `sources` are the files and folders, beside the function's own file and `mcmc/random.py`, whose code is compiled
    into it.
    """

    def decorate(function: Callable) -> Any:
        return tied(njit(cache=True, nogil=True, error_model="numpy")(function), *sources)

    return decorate


def tied(compiled: Any, *sources: str | Path) -> Any:
    """The compiled function itself, its cache on disk out of date once one of `sources` was edited."""
    index = compiled._cache._cache_file
    named = tuple(str(source) for source in sources)
    # Stamps of Numba for the CPU and for CUDA differ in type.
    index._source_stamp = hashlib.sha256(repr(index._source_stamp).encode() + _stamp(named)).digest()
    return compiled


# Inlined pieces of a loop: a call would count references of every array it is handed.
piece: Any = njit(forceinline=True, nogil=True, error_model="numpy")

# Inlined before types are inferred: for pieces of loops so short that even the references would be felt.
seamless: Any = njit(inline="always", nogil=True, error_model="numpy")
