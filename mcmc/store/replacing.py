"""Files that appear under their name only when they are whole: temporary name, fsync, rename."""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py

from mcmc.errors import StoreError
from mcmc.store.lock import check_writable
from mcmc.store.ordered_file import OrderedFile
from mcmc.store.schema import unwritable

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
NO_LINKS_HERE = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def temporary_name(path: Path) -> Path:
    """A name in the same folder that nothing else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def remove_temporary_files(folder: os.PathLike | str) -> int:
    """Delete what killed processes left half-written in a folder; call it only while holding the folder's lock.

    Returns how many files were removed.
    """
    stale = [path for path in Path(folder).iterdir() if TEMPORARY.fullmatch(path.name)]
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


@contextmanager
def replacing(path: Path, kept: str) -> Iterator[h5py.File]:
    """An HDF5 file to fill, which takes the place of `path` at the end of the block, durably and at once.

    Any failure leaves the older file as it was; a failed write raises StoreError with `kept` in its message.
    """
    check_writable(path.parent, kept)
    if path.exists():
        check_writable(path, kept)
    temporary = temporary_name(path)
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise unwritable(path, error, kept) from None
    raw = OrderedFile(descriptor)
    try:
        try:
            with raw.open("w") as file:
                yield file
            raw.publish()
            raw.sync()
        except OSError as error:
            raise unwritable(path, raw.failure or error, kept) from None
        finally:
            raw.close()
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise unwritable(path, error, kept) from None
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def appear(temporary: Path, path: Path) -> None:
    """Give a whole file its name, which must be free. Raises StoreError when it is taken."""
    try:
        try:
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in NO_LINKS_HERE:
                raise
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
            os.replace(temporary, path)
        temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise StoreError(f"{path}: exists already; resume it, or choose another path") from None
    except OSError as error:
        raise unwritable(path, error, "nothing was written") from None


def sync_folder(folder: Path) -> None:
    """Make a rename durable, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
