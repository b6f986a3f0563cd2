"""A run that is stopped, killed, extended or disturbed ends with the same numbers as one that was left in peace."""

import os
import random
import re
import signal
import time

import numpy as np
import pytest
from ar1 import expected
from entroscape_command import POINTS, QUICK, entroscape, series, start, wait_until, write_spec

from runs import cli
from runs.status import read_record


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_spec(tmp_path, QUICK)
    return tmp_path


@pytest.fixture
def command(here, capsys):
    """The command in this process: exit code, standard output, standard error."""

    def run(*arguments):
        code = cli.main(list(arguments))
        return code, *capsys.readouterr()

    return run


def assert_undisturbed(folder, points=POINTS):
    for name in points:
        np.testing.assert_array_equal(series(folder, name), expected(float(name.removeprefix("rho-"))))


def draws(folder, name="rho-0"):
    return read_record(folder / "log", name).done


def test_a_signal_checkpoints_and_says_how_to_resume(here, command):
    for number, source in ((signal.SIGINT, "demo.toml"), (signal.SIGTERM, "./demo")):
        options = ("--workers", "2", "--set", "trouble.pause=0.3") if source == "demo.toml" else ()
        before = draws(here / "demo")
        running = start("run", source, *options, cwd=here)
        wait_until(lambda before=before: draws(here / "demo") > before)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 3, said
        assert "resume with: entroscape run ./demo" in said
        assert "Traceback" not in said
        assert "2 stopped" in command("status", "demo")[1]
    hurry(here / "demo")
    assert command("run", "./demo")[0] == 0
    assert_undisturbed(here / "demo")


def hurry(folder):
    """Take the pauses out of a run: they are for the test, and no part of the numbers."""
    spec = folder / "spec.toml"
    spec.write_text(re.sub(r"pause = [\d.]+", "pause = 0.0", spec.read_text()))


def test_stop_after_ends_in_time(command):
    code, _, said = command("run", "demo.toml", "--set", "trouble.pause=1.0", "--stop-after", "2s")
    assert code == 3
    assert "stopped by --stop-after: 0 of 3 points done" in said


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.validate)])
def test_a_run_killed_at_random_times_loses_nothing(here, seed, kills):
    wait = random.Random(seed)
    for _ in range(kills):
        running = start("run", "demo.toml", "--set", "trouble.pause=0.05", cwd=here)
        goal = draws(here / "demo") + wait.randrange(0, 150)
        wait_until(
            lambda goal=goal, running=running: draws(here / "demo") >= min(goal, 400) or running.poll() is not None
        )
        time.sleep(wait.uniform(0.0, 0.05))
        pids = [read_record(here / "demo" / "log", name).pid for name in POINTS]
        running.kill()
        running.communicate()
        wait_until(lambda pids=pids: not any(pid and is_alive(pid) for pid in pids))
    done = entroscape("run", "demo.toml", "--set", "trouble.pause=0.05", cwd=here)
    assert done.returncode == 0, done.stderr
    assert_undisturbed(here / "demo")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_killed_workers_are_retried_and_failing_points_are_named(here, command):
    trouble = (
        *("--set", "grid.rho=[0.0, 0.2, 0.5, 0.9]"),
        *("--set", "trouble.raises=[0.2]"),
        *("--set", 'trouble.deaths={rho-0=1, "rho-0.5"=3}'),
    )
    code, out, said = command("run", "demo.toml", *trouble)
    assert code == 1
    assert "Traceback" not in said
    assert "rho-0.5: failed: its process was killed by SIGKILL (out of memory?), 3 times" in said
    assert "rho-0.2: failed: ValueError: rho 0.2 was told to fail (traceback in" in said
    assert "2 of 4 points failed: rho-0.2, rho-0.5; logs in demo/log" in said
    assert "warning: 2 of 4 points are missing: rho-0.2, rho-0.5" in out
    assert_undisturbed(here / "demo", ["rho-0", "rho-0.9"])
    assert "attempt 2" in (here / "demo" / "log" / "rho-0.log").read_text()
    assert "Traceback" in (here / "demo" / "log" / "rho-0.2.log").read_text()
    assert (here / "demo" / "report.html").is_file()
    assert "4 points: 2 done, 2 failed" in command("status", "demo")[1]

    assert "1 of 4 points failed: rho-0.2" in command("run", "./demo")[2]
    assert_undisturbed(here / "demo")


def test_more_draws_extend_and_anything_else_is_refused(here, command):
    assert command("run", "demo.toml", "--set", "chain.draws=250")[0] == 0
    code, _, said = command("run", "demo.toml", "--set", "grid.rho=[0.0, 0.2, 0.5, 0.9]")
    assert code == 0
    assert "4 points, 0 done, 4 to do" in said
    assert_undisturbed(here / "demo")
    assert command("verify", "demo")[0] == 0

    before = (here / "demo" / "spec.toml").read_bytes()
    code, _, said = command("run", "demo.toml", "--set", "chain.chains=5", "--set", "seed=4")
    assert code == 2
    assert "demo: made with another spec: chain.chains: 4 -> 5; grid.rho: [0.0, 0.2, 0.5, 0.9] -> " in said
    assert "[0.0, 0.5, 0.9] (may only grow); seed: 3 -> 4; choose another folder with -o" in said
    assert len(said.splitlines()) == 1
    assert (here / "demo" / "spec.toml").read_bytes() == before


def test_a_second_run_in_the_folder_is_refused_and_harmless(here, command):
    slow = ("--workers", "2", "--set", "trouble.pause=0.3")
    first = start("run", "demo.toml", *slow, cwd=here)
    wait_until(lambda: draws(here / "demo") > 0)
    code, _, said = command("run", "demo.toml", *slow)
    assert code == 2
    assert f"demo: another run is working here (process {first.pid}" in said
    assert "running; about" in command("status", "demo")[1]
    code, out, _ = command("verify", "demo")
    assert code == 1
    assert "rho-0.9.h5: missing" in out
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert_undisturbed(here / "demo")


def test_the_lock_outlives_a_killed_run_while_its_workers_do(here):
    """Negative control of the lock: a worker that is left alone keeps the folder, its end frees it."""
    import fcntl
    from multiprocessing import get_context

    from runs.pool import _Kept

    path = here / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=hold, args=(theirs, _Kept(descriptor)))
    process.start()
    os.close(descriptor)
    assert ours.recv() == "here"
    other = os.open(path, os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    ours.send("go")
    process.join()
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)


def hold(pipe, kept):
    assert isinstance(kept, int)
    pipe.send("here")
    pipe.recv()
