"""How the XY loops are compiled, and when a compiled copy on disk is out of date.

Numba keeps machine code beside the file of a function and looks at that file alone; these loops have the scalar
physics and the random numbers of other files compiled into them. Their cache is therefore tied to all those sources:
after an edit of `physics.py` no old physics can run.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit

from mcmc import random


@cache
def source_stamp() -> bytes:
    """Hash of every source file that ends up in the compiled loops."""
    files = [Path(random.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.digest()


def kernel(function: Callable) -> Any:
    """Compiled function with a cache on disk, C division, and the interpreter lock released."""
    compiled: Any = njit(cache=True, nogil=True, error_model="numpy")(function)
    index = compiled._cache._cache_file
    index._source_stamp = hashlib.sha256(index._source_stamp + source_stamp()).digest()
    return compiled


# Inlined pieces of a row update: a call would count references of every array it is handed.
piece: Any = njit(forceinline=True, nogil=True, error_model="numpy")
