"""How far a run is, how long it takes yet, and when it is to stop."""

import os
import signal

import pytest

from mcmc.errors import ArgumentError
from runs import progress, status
from runs.execute import StopRequest, parse_duration
from runs.status import DONE, MISSING, RUNNING, Record


def record(name, state, done, began_with=0, seconds=10.0):
    return Record(name, state, done, 100, began_with, started=1000.0, updated=1000.0 + seconds)


def test_the_time_left_follows_the_rates_and_the_costs():
    records = {"a": record("a", DONE, 100), "b": record("b", RUNNING, 50), "c": Record("c", MISSING, 0, 100)}
    # a did 1 unit of work in 10 s, b half of its 2 units: 0.1 a second each; 1 + 2 units are left for 2 workers.
    assert status.time_left(records, {"a": 1.0, "b": 2.0, "c": 2.0}, 2) == pytest.approx(15.0)
    assert status.time_left({"c": records["c"]}, {"c": 1.0}, 2) is None


def test_draws_of_former_attempts_do_not_count_in_the_rate():
    assert record("a", RUNNING, 60, began_with=50).seconds_left() == pytest.approx(40.0)
    assert record("a", RUNNING, 50, began_with=50).seconds_left() is None


def test_records_are_replaced_whole_and_anything_unreadable_is_missing(tmp_path):
    status.write_record(tmp_path, record("a", RUNNING, 5))
    assert status.read_record(tmp_path, "a").done == 5
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    (tmp_path / "b.json").write_text('{"name": "b", "sta')
    assert status.read_record(tmp_path, "b") == Record("b")
    (tmp_path / "c.json").write_text("[1]")
    assert status.read_record(tmp_path, "c") == Record("c")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "unknown"), (34.6, "35 s"), (720, "12 min"), (12000, "3 h 20 min")]
)
def test_durations_are_shown_as_people_say_them(seconds, text):
    assert status.show_time(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("55m", 3300), ("90s", 90), ("1h30m", 5400), ("0.5h", 1800), ("2d", 172800)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["55", "m", "5 m", "-5m", "1h30", "later"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ArgumentError, match="needs a time such as"):
        parse_duration(text)


def test_without_a_terminal_there_is_a_line_per_interval_and_per_end(capsys):
    costs = {"a": 1.0, "b": 1.0}
    with progress.Lines(costs, workers=1, interval=0.0) as lines:
        lines.update({"a": record("a", DONE, 100), "b": record("b", RUNNING, 0)})
        lines.update({"a": record("a", DONE, 100), "b": record("b", RUNNING, 50)})
        lines.update({"a": record("a", DONE, 100), "b": record("b", DONE, 100)})
    said = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said[1] == "2 points: 1 done, 1 running; 75.0 %, about 10 s left"
    assert "b: done" in said
    assert "a: done" not in said


def test_a_signal_asks_to_stop_and_the_second_ctrl_c_ends_it(capsys):
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        assert stop.reason == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "SIGTERM: finishing the chunks in hand" in capsys.readouterr().err


def test_a_deadline_asks_to_stop():
    assert StopRequest(0.0)()
    assert not StopRequest(1000.0)()
