"""One run in a folder; the lock ends with its process."""

import os
import signal
import subprocess
import sys

import pytest
from series_samples import create

from mcmc.errors import StoreError
from mcmc.store.lock import LOCK_NAME, FolderLock, file_holder, folder_holder

HOLDER = """
import sys
from mcmc.store.lock import FolderLock
with FolderLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_second_run_is_refused_and_told_who_holds_it(tmp_path, holder):
    said = rf"{tmp_path}: another run is working here \(process {holder.pid} on \S+, since \S+\); wait for it, stop it"
    with pytest.raises(StoreError, match=said):
        FolderLock(tmp_path).acquire()
    assert folder_holder(tmp_path).startswith(f"process {holder.pid} on ")


@pytest.mark.parametrize("end", ["kill", "finish"])
def test_lock_ends_with_its_process(tmp_path, holder, end):
    if end == "kill":
        holder.send_signal(signal.SIGKILL)
    else:
        holder.stdin.close()
    holder.wait()
    assert folder_holder(tmp_path) is None
    with FolderLock(tmp_path):
        assert folder_holder(tmp_path).startswith(f"process {os.getpid()} on ")
        with pytest.raises(StoreError, match=f"process {os.getpid()}"):
            FolderLock(tmp_path).acquire()
    assert folder_holder(tmp_path) is None
    assert (tmp_path / LOCK_NAME).exists()


def test_lock_is_taken_and_given_back_twice(tmp_path):
    lock = FolderLock(tmp_path)
    assert lock.acquire() is lock.acquire()
    lock.release()
    lock.release()
    FolderLock(tmp_path).acquire().release()


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match="nowhere: its folder does not exist"):
        FolderLock(tmp_path / "nowhere").acquire()
    assert folder_holder(tmp_path / "nowhere") is None


def test_holder_of_a_file_is_named(tmp_path):
    path = tmp_path / "a.h5"
    with create(path):
        assert file_holder(path).startswith(f"process {os.getpid()} (")
    assert file_holder(path) is None
    assert file_holder(tmp_path / "nowhere") is None


def test_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    import errno
    import fcntl

    def unsupported(descriptor, operation):
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    create(tmp_path / "a.h5").close()
    FolderLock(tmp_path).acquire().release()
    assert folder_holder(tmp_path) is None
