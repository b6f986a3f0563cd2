"""Every write that reaches the disk, recorded in order or made to fail at will."""

import errno
import os


class Disk:
    """Stands for the module `os` in mcmc.store.ordered_file."""

    def __init__(self, fail_at=None, error=errno.ENOSPC):
        self.events = []
        self.fail_at, self.error = fail_at, error

    def __getattr__(self, name):
        return getattr(os, name)

    def pwrite(self, descriptor, data, offset):
        self._count(("write", offset, bytes(data)))
        return os.pwrite(descriptor, data, offset)

    def ftruncate(self, descriptor, size):
        if self.fail_at is None or size > os.fstat(descriptor).st_size:
            self._count(("size", size, None))
        return os.ftruncate(descriptor, size)

    def committed(self, draws):
        self.events.append(("committed", draws, None))

    def _count(self, event):
        self.events.append(event)
        if self.fail_at is not None and len(self.events) > self.fail_at:
            raise OSError(self.error, os.strerror(self.error))


def states(image, events):
    """Content of the file after each event, the same bytearray changed on, with the draws committed by then."""
    image, committed = bytearray(image), 0
    for kind, place, data in events:
        if kind == "committed":
            committed = place
            continue
        if kind == "write":
            image.extend(bytes(max(0, place + len(data) - len(image))))
            image[place : place + len(data)] = data
        else:
            image.extend(bytes(max(0, place - len(image))))
            del image[place:]
        yield image, committed
