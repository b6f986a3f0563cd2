"""Locks that end with the process that holds them: one run in a folder, one writer of a file."""

import errno
import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType

from mcmc.errors import StoreError
from mcmc.store.provenance import now
from mcmc.store.schema import unwritable

LOCK_NAME = ".entroscape.lock"
# Some network file systems have no flock; a run there goes unprotected rather than not at all.
NO_LOCKS_HERE = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


def lock_descriptor(descriptor: int) -> bool:
    """Take the exclusive lock HDF5 itself uses; False when someone else holds it."""
    if os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() in ("FALSE", "0"):
        return True
    return _flock(descriptor)


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno not in NO_LOCKS_HERE:
            raise
    return True


def file_holder(path: os.PathLike | str) -> str | None:
    """Who holds a lock on a file, as 'process 123 (python)'; None when nobody does or it cannot be known."""
    try:
        status = os.stat(path)
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    for fields in (line.split() for line in lines):
        if len(fields) > 5 and place in fields and fields[1] == "FLOCK":
            pid = fields[fields.index(place) - 1]
            try:
                return f"process {pid} ({Path(f'/proc/{pid}/comm').read_text().strip()})"
            except OSError:
                return f"process {pid}"
    return None


class FolderLock:
    """Exclusive use of a run folder, as a context manager; a killed process gives it back by itself.

    Raises StoreError, naming process and host of the holder, when another run works in the folder, and when the
    folder is missing or read-only.
    """

    def __init__(self, folder: os.PathLike | str):
        self.folder = Path(folder)
        self._descriptor: int | None = None

    def acquire(self) -> "FolderLock":
        """Take the lock or raise; holding it already is not an error."""
        if self._descriptor is not None:
            return self
        check_writable(self.folder, "nothing was written")
        path = self.folder / LOCK_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(path, error, "nothing was written") from None
        try:
            free = _flock(descriptor)
            if not free:
                said = os.pread(descriptor, 256, 0).decode(errors="replace").strip()
                raise StoreError(
                    f"{self.folder}: another run is working here ({said or 'it has just started'}); "
                    "wait for it, stop it, or choose another folder"
                )
            holder = f"process {os.getpid()} on {socket.gethostname()}, since {now()}\n".encode()
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder, 0)
        except OSError as error:
            os.close(descriptor)
            raise unwritable(path, error, "nothing was written") from None
        except StoreError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def fileno(self) -> int:
        """The file descriptor of the lock; a process that inherits it keeps the folder locked while it lives."""
        if self._descriptor is None:
            raise StoreError(f"{self.folder}: its lock is not held")
        return self._descriptor

    def release(self) -> None:
        """Give the lock back; the lock file stays, since removing it would race with the next holder."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "FolderLock":
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def folder_holder(folder: os.PathLike | str) -> str | None:
    """Who works in a run folder, as 'process 123 on host, since ...'; None when nobody does."""
    try:
        descriptor = os.open(Path(folder) / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            return None
        return os.pread(descriptor, 256, 0).decode(errors="replace").strip() or "a process that has just started"
    finally:
        os.close(descriptor)
    return None


def check_writable(path: Path, kept: str) -> None:
    """Raise StoreError for a file or folder whose permissions forbid writing, also to an administrator."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise unwritable(path, error, kept) from None
    if not mode & 0o222 or not os.access(path, os.W_OK):
        raise unwritable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)), kept)
