"""A file under HDF5 whose every state on disk is whole, whenever the process is killed.

HDF5 flushes its metadata by address, so a parent of the chunk index can reach the disk before the child it points to;
a kill in between loses committed rows. Here HDF5 writes through a Python file object instead. Bytes beyond the part of
the file that is already published are unreferenced and go straight to disk. Bytes inside it are held back, and
`publish` writes them after the new ones: the superblock, the index from its root to its leaves, headers and heaps,
the entries of groups. Each such write stays inside one page, which the kernel copies as a whole, and carries only
bytes that changed.
"""

import atexit
import errno
import os
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

PAGE = 4096
# An index node (2-4 KiB up to four dimensions) must not straddle a page; smaller blocks change 8 bytes at a time.
ALIGNED_FROM = 2048
TREE = b"TREE"
CHUNKS = 1
# The tree and the entries of a group point to names in a heap, which must be there first.
GROUP_ENTRIES = b"SNOD"
# Bytes per dataset; whole chunks beyond it go straight to the file.
CHUNK_CACHE = 1 << 20
OPENED: "weakref.WeakSet[OrderedFile]" = weakref.WeakSet()


class OrderedFile:
    """The file object HDF5 writes to. After the first failed write nothing more reaches the disk."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor
        self.published = os.fstat(descriptor).st_size
        self.size = self.published
        self.held: dict[int, bytearray] = {}
        self.failure: OSError | None = None
        self._file: h5py.File | None = None
        self._position = 0
        OPENED.add(self)

    def open(self, mode: str) -> h5py.File:
        """The HDF5 file on top, mode "w" (new content) or "r+"; default libver, no SWMR."""
        self._file = h5py.File(
            self, mode, alignment_threshold=ALIGNED_FROM, alignment_interval=PAGE, rdcc_nbytes=CHUNK_CACHE
        )
        return self._file

    def close(self) -> None:
        """Close HDF5 and the descriptor; what was not published is dropped."""
        # HDF5 may write while it closes, even later from the garbage collector: none of it may reach the disk.
        self.failure = self.failure or OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self._file is not None:
            with suppress(Exception):
                self._file.close()
            self._file = None
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to an absolute offset, or relative to the position or the end."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """Current offset in bytes."""
        return self._position

    def read(self, count: int) -> bytes:
        """Bytes at the position, held ones included; beyond the end they are zero, as HDF5 expects."""
        start, stop = self._position, self._position + count
        content = bytearray(self._on_disk(start, count).ljust(count, b"\0"))
        for offset, block in self.held.items():
            low, high = max(start, offset), min(stop, offset + len(block))
            if low < high:
                content[low - start : high - start] = block[low - offset : high - offset]
        self._position = stop
        return bytes(content)

    def readinto(self, buffer: Any) -> int:
        """As `read`, into a writable buffer."""
        view = memoryview(buffer).cast("B")
        view[:] = self.read(len(view))
        return len(view)

    def write(self, data: Any) -> int:
        """Hold back what lies in the published part, write the rest at once."""
        view = memoryview(data).cast("B")
        start, stop = self._position, self._position + len(view)
        inside = max(0, min(stop, self.published) - start)
        if inside:
            self._hold(start, view[:inside])
        if inside < len(view) and self.failure is None:
            try:
                self._write_at(start + inside, view[inside:])
            except OSError as error:
                self.failure = error
                self._give_back()
        self.size = max(self.size, stop)
        self._position = stop
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Remember the end HDF5 wants; `publish` applies it."""
        self.size = self._position if size is None else int(size)
        return self.size

    def flush(self) -> None:
        """Nothing: what HDF5 flushes reaches the disk by `publish`."""

    def publish(self) -> None:
        """Bring the held bytes to disk in a safe order. Raises the OSError of this or an earlier write."""
        if self.failure is not None:
            raise self.failure
        try:
            # The superblock states the end of the file, which must exist before the superblock says so.
            if self.size > os.fstat(self.descriptor).st_size:
                os.ftruncate(self.descriptor, self.size)
            for offset, page in self._safe_writes():
                self._write_at(offset, page)
            if self.size < os.fstat(self.descriptor).st_size:
                os.ftruncate(self.descriptor, self.size)
        except OSError as error:
            self.failure = error
            raise
        self.held.clear()
        self.published = self.size

    def sync(self) -> None:
        """Ask the kernel to bring what was published to the medium. Raises OSError."""
        os.fsync(self.descriptor)

    def _safe_writes(self) -> Iterator[tuple[int, memoryview]]:
        for offset, block in sorted(self.held.items(), key=_rank):
            old = self._on_disk(offset, len(block)).ljust(len(block), b"\0")
            # From the last page to the first: a node's new entry lands before the count that includes it.
            for low in reversed(range(offset - offset % PAGE, offset + len(block), PAGE)):
                first, last = max(low, offset) - offset, min(low + PAGE, offset + len(block)) - offset
                new = np.frombuffer(block, np.uint8, last - first, first)
                changed = np.flatnonzero(new != np.frombuffer(old, np.uint8, last - first, first))
                if changed.size:
                    yield offset + first + int(changed[0]), new[changed[0] : changed[-1] + 1].data

    def _hold(self, start: int, view: memoryview) -> None:
        block, stop = bytearray(view), start + len(view)
        for offset in [o for o, b in self.held.items() if o < stop and start < o + len(b)]:
            older = self.held.pop(offset)
            low, high = min(start, offset), max(stop, offset + len(older))
            union = bytearray(high - low)
            union[offset - low : offset - low + len(older)] = older
            union[start - low : start - low + len(block)] = block
            block, start, stop = union, low, high
        self.held[start] = block

    def _on_disk(self, offset: int, count: int) -> bytes:
        pieces = []
        while count > 0:
            piece = os.pread(self.descriptor, count, offset)
            if not piece:
                break
            pieces.append(piece)
            offset, count = offset + len(piece), count - len(piece)
        return b"".join(pieces)

    def _write_at(self, offset: int, view: memoryview) -> None:
        while view:
            done = os.pwrite(self.descriptor, view, offset)
            offset, view = offset + done, view[done:]

    def _give_back(self) -> None:
        if os.fstat(self.descriptor).st_size > self.published:
            os.ftruncate(self.descriptor, self.published)


def _rank(item: tuple[int, bytearray]) -> tuple[int, int, int]:
    offset, block = item
    if offset == 0:
        return (0, 0, 0)
    if block[:4] == TREE and block[4] == CHUNKS:
        return (1, -block[5], offset)
    if block[:4] in (TREE, GROUP_ENTRIES):
        return (3, 0, offset)
    return (2, 0, offset)


@atexit.register
def _close_all() -> None:
    # HDF5 closes its files after Python has ended, when a file object can no longer be called.
    for opened in list(OPENED):
        opened.close()
