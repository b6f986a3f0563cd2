"""The sweep at which an energy stopped being finite, found after the event: a state kept from before is run again.

Samplers take the energy of all data once a call, which may be many sweeps: to look after every sweep would cost more
than the sweeps. The same bits come out of calls of any length, so that halving the stretch finds the sweep.
"""

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

KEPT_BYTES = 2**26
"""Of a state: copies of a larger one would be felt."""
KEEP_SECONDS = 1.0


class Retracer:
    """A copy of the state, not much older than a second, and the way back to where energies stopped being finite."""

    def __init__(self, sampler: Any):
        self.sampler = sampler
        self._state: Any = None
        self._burning = False
        self._time = -np.inf

    def keep(self, state: Any, burning: bool) -> bool:
        """Offer a state of finite energy; whether one is kept, which takes arrays of NumPy, and few enough of them."""
        now = time.monotonic()
        if self._state is None or burning != self._burning or now - self._time >= KEEP_SECONDS:
            small = _bytes(state) <= KEPT_BYTES
            self._state = copy.deepcopy(state) if small else None
            self._burning, self._time = burning, now
        return self._state is not None

    def back_to(self, before: int, after: int) -> tuple[Any, Any] | None:
        """States of the last sweep with finite energies and of the next, `before` <= last < `after`.

        None where no state is kept, or the run does not repeat itself.
        """
        if self._state is None:
            return None
        advance: Callable[[Any, int], Any] = self.sampler.thermalize if self._burning else self.sampler.step
        last = copy.deepcopy(self._state)
        last, _ = advance(last, before - int(last.sweep))
        low, high = before, after
        while high - low > 1:
            middle = (low + high) // 2
            trial, _ = advance(copy.deepcopy(last), middle - low)
            if self._finite(trial):
                last, low = trial, middle
            else:
                high = middle
        lost, _ = advance(copy.deepcopy(last), 1)
        return (last, lost) if self._finite(last) and not self._finite(lost) else None

    def _finite(self, state):
        return bool(np.isfinite(self.sampler.energy(state)).all())


def _bytes(state: Any) -> float:
    """Bytes of all arrays of a state; infinity for what is neither NumPy's nor a plain number."""
    if isinstance(state, (np.ndarray, np.generic)):
        return float(state.nbytes)
    if isinstance(state, Mapping):
        return sum((_bytes(part) for part in state.values()), 0.0)
    if isinstance(state, (tuple, list)):
        return sum((_bytes(part) for part in state), 0.0)
    return 0.0 if state is None or isinstance(state, (bool, int, float, str)) else np.inf
