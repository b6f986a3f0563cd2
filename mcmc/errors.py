"""What can be wrong with an input, a file or a run: each error says where, what is allowed, and what to do."""


class EntroscapeError(Exception):
    """Base of every error that a user can mend; the message is one line, ready to print."""


class ArgumentError(EntroscapeError, ValueError):
    """An argument or array is outside what the function takes."""


class LandscapeError(EntroscapeError, ValueError):
    """A landscape cannot be built from these values, or cannot serve the update that was asked of it."""


class SpecError(EntroscapeError, ValueError):
    """A run file has faults; `faults` lists every one, each with its path, value and what is allowed."""

    def __init__(self, source: str, faults: list[str]):
        self.source = source
        self.faults = list(faults)
        super().__init__(f"{source}: " + "; ".join(self.faults))


class StoreError(EntroscapeError):
    """A file or folder cannot be read, written or resumed; nothing in it was changed."""


class DeviceError(EntroscapeError):
    """The requested processor is not there; the message gives the install command."""


class NonFiniteEnergyError(EntroscapeError):
    """An energy became infinite or NaN; the message names sweep, chain and the checkpoint to resume from."""


class MemoryLimitError(EntroscapeError):
    """A run would need more memory than the machine has."""


class ConvergenceWarning(UserWarning):
    """A number was returned, but the chain or the iteration behind it has not converged; says by how much."""
