"""The newest request wins, stopping works, progress arrives at home, and closing never hangs."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from home import Home

from vitviz.core.progress import Cancelled, Progress
from vitviz.session.work.jobs import _QUIET, InlineJobs, Job, Jobs


class Gate:
    """Work that waits inside until it is let go."""

    def __init__(self, result: Any = None) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()
        self.result = result

    def __call__(self, progress: Progress) -> Any:
        self.entered.set()
        assert self.opened.wait(10)
        progress(1, 1)
        return self.result


@pytest.fixture
def home() -> Home:
    return Home()


@pytest.fixture
def jobs(home: Home) -> Iterator[Jobs]:
    jobs = Jobs(home.deliver)
    yield jobs
    jobs.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("vitviz-")]


def fail(error: Exception) -> None:
    raise AssertionError("no failure was expected") from error


def submit(jobs: Jobs, key: str, work: Callable[[Progress], Any], **options: Any) -> Job:
    options = {"lane": "run", "done": print, "failed": fail} | options
    return jobs.submit(key, work, **options)


def test_results_come_home(jobs: Jobs, home: Home) -> None:
    got: list[Any] = []
    submit(
        jobs,
        "a",
        lambda _: threading.current_thread().name,
        done=lambda name: got.extend([name, threading.current_thread()]),
    )
    home.until(lambda: got)
    assert got == ["vitviz-run", threading.current_thread()]
    assert jobs.current == ()


def test_failures_come_home(jobs: Jobs, home: Home) -> None:
    errors: list[Exception] = []
    job = submit(jobs, "a", lambda _: 1 / 0, failed=errors.append)
    home.until(lambda: errors)
    assert isinstance(errors[0], ZeroDivisionError)
    assert job.state == "failed"


def test_a_running_job_gives_way_to_a_newer_one_of_its_key(jobs: Jobs, home: Home) -> None:
    old, got = Gate("old"), []
    first = submit(jobs, "a", old, done=got.append)
    assert old.entered.wait(10)
    submit(jobs, "a", lambda _: "new", done=got.append)
    assert first.state == "stopped"
    old.opened.set()
    home.until(lambda: got)
    assert got == ["new"]


def test_waiting_jobs_of_one_key_become_one(jobs: Jobs, home: Home) -> None:
    gate, other, ran, got = Gate(), Gate(), [], []
    for key, each in (("gate", gate), ("other", other)):
        submit(jobs, key, each, lane="draw")
        assert each.entered.wait(10)
    for number in range(1000):
        submit(jobs, "a", lambda _, n=number: ran.append(n) or n, lane="draw", done=got.append)
    submit(jobs, "b", lambda _: ran.append("b") or "b", lane="draw", done=got.append)
    submit(jobs, "a", lambda _: ran.append("last") or "last", lane="draw", done=got.append)
    gate.opened.set()
    home.until(lambda: len(got) == 2)
    assert ran == got == ["last", "b"], "a key keeps its turn"
    other.opened.set()


def test_a_slow_view_holds_up_no_other_and_its_own_results_come_in_order(
    jobs: Jobs, home: Home
) -> None:
    slow, got = Gate("first"), []
    submit(jobs, "slow", slow, lane="draw", done=got.append)
    assert slow.entered.wait(10)
    submit(jobs, "slow", lambda _: "second", lane="draw", done=got.append)
    submit(jobs, "quick", lambda _: "quick", lane="draw", done=got.append)
    home.until(lambda: got == ["quick"])
    slow.opened.set()
    home.until(lambda: len(got) == 3)
    assert got == ["quick", "first", "second"]


def test_a_running_drawing_is_shown_although_a_newer_one_waits(jobs: Jobs, home: Home) -> None:
    old, got = Gate("old"), []
    submit(jobs, "a", old, lane="draw", done=got.append)
    assert old.entered.wait(10)
    submit(jobs, "a", lambda _: "new", lane="draw", done=got.append)
    old.opened.set()
    home.until(lambda: len(got) == 2)
    assert got == ["old", "new"]


def test_lanes_do_not_wait_for_each_other(jobs: Jobs, home: Home) -> None:
    long, got = Gate(), []
    submit(jobs, "model", long)
    assert long.entered.wait(10)
    submit(jobs, "view", lambda _: 1, lane="draw", done=got.append)
    submit(jobs, "file", lambda _: 2, lane="read", done=got.append)
    home.until(lambda: len(got) == 2)
    long.opened.set()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("", "reading a.png"),
        ("reading a.png: layer 2", "reading a.png: layer 2"),
        ("loading model b", "reading a.png: loading model b"),
    ],
)
def test_a_job_says_what_it_is_for_once(what: str, words: str) -> None:
    assert Job("a", "run", "reading a.png", what=what).words == words


def test_stopping_ends_a_job_at_its_next_report(jobs: Jobs, home: Home) -> None:
    gate, after, ended = Gate(), [], []
    jobs.ended.connect(ended.append)
    job = submit(jobs, "a", gate, label="long work", done=after.append)
    assert gate.entered.wait(10)
    job.stop()
    job.stop()
    assert (job.state, ended, jobs.current) == ("stopped", [job], ())
    gate.opened.set()
    submit(jobs, "b", lambda _: "next", done=after.append)
    home.until(lambda: after)
    assert after == ["next"]
    assert ended == [job]


def test_stopping_a_waiting_job_means_it_never_runs(jobs: Jobs, home: Home) -> None:
    gate, ran = Gate(), []
    submit(jobs, "gate", gate, done=ran.append)
    assert gate.entered.wait(10)
    submit(jobs, "a", ran.append).stop()
    jobs.cancel("no such key")
    gate.opened.set()
    home.until(lambda: ran)
    assert ran == [None]


def test_a_result_that_arrives_after_the_stop_is_not_delivered(jobs: Jobs, home: Home) -> None:
    got, finished = [], threading.Event()
    job = submit(jobs, "a", lambda _: "result", done=got.append)
    submit(jobs, "b", lambda _: finished.set())
    assert finished.wait(10)
    job.stop()
    home.open_all()
    assert got == []
    assert job.state == "stopped"


def test_progress_is_told_at_home_and_not_too_often(jobs: Jobs, home: Home) -> None:
    told: list[tuple[float, str, float | None]] = []
    jobs.progressed.connect(lambda job: told.append((job.done, job.what, job.share)))
    done: list[Any] = []

    def work(progress: Progress) -> None:
        progress(0, 4, "loading")
        for layer in range(10_000):
            progress(layer, 10_000, f"layer {layer} of 10000")

    started = time.monotonic()
    submit(jobs, "a", work, label="work", done=done.append)
    home.until(lambda: done == [None])
    assert 2 <= len(told) <= 3 + 20 * (time.monotonic() - started)
    assert all(share is not None and 0 <= share <= 1 for _, _, share in told)


def test_drawing_announces_nothing(jobs: Jobs, home: Home) -> None:
    heard: list[Job] = []
    for signal in (jobs.started, jobs.progressed, jobs.ended):
        signal.connect(heard.append)
    done: list[Any] = []
    submit(jobs, "a", lambda progress: progress(1, 2), lane="draw", done=done.append)
    home.until(lambda: done)
    assert heard == []


def test_everything_announced_has_a_beginning_and_an_end(jobs: Jobs, home: Home) -> None:
    heard: list[tuple[str, str]] = []
    jobs.started.connect(lambda job: heard.append((job.label, "started")))
    jobs.ended.connect(lambda job: heard.append((job.label, job.state)))

    def give_up(_: Progress) -> None:
        raise Cancelled

    submit(jobs, "a", lambda _: 1, label="good")
    submit(jobs, "b", lambda _: 1 / 0, label="bad", failed=lambda _: None)
    submit(jobs, "c", give_up, label="gave up")
    home.until(lambda: len(heard) == 6)
    assert sorted(heard) == [
        ("bad", "failed"),
        ("bad", "started"),
        ("gave up", "started"),
        ("gave up", "stopped"),
        ("good", "done"),
        ("good", "started"),
    ]


def test_a_lane_survives_any_error(jobs: Jobs, home: Home) -> None:
    got: list[Any] = []

    def exit_from_a_library(_: Progress) -> None:
        raise SystemExit(3)

    submit(jobs, "a", exit_from_a_library, failed=got.append)
    submit(jobs, "b", lambda _: "alive", done=got.append)
    home.until(lambda: len(got) == 2)
    assert got[1] == "alive"
    assert "SystemExit" in str(got[0])


def test_a_waiting_lane_holds_on_to_nothing(jobs: Jobs, home: Home) -> None:
    class Large:
        pass

    seen: list[weakref.ref[Large]] = []

    def work(_: Progress) -> Large:
        large = Large()
        seen.append(weakref.ref(large))
        return large

    submit(jobs, "a", work, done=lambda _: None)
    after: list[Any] = []
    submit(jobs, "b", lambda _: None, done=after.append)
    home.until(lambda: after)
    gc.collect()
    assert seen[0]() is None


def test_closing_leaves_deaf_work_behind_and_delivers_nothing(home: Home) -> None:
    jobs, gate, got = Jobs(home.deliver), Gate(), []
    submit(jobs, "a", gate, done=got.append)
    assert gate.entered.wait(10)
    jobs.close(timeout=0.05)
    assert not gate.opened.is_set(), "closing did not wait for it"
    gate.opened.set()
    jobs.close()
    home.open_all()
    assert got == []
    assert submit(jobs, "b", lambda _: 1).state == "stopped"


def test_inline_jobs_are_done_when_submit_returns() -> None:
    jobs, got = InlineJobs(), []
    job = submit(jobs, "a", lambda _: 5, done=got.append, label="five")
    assert (got, job.state, jobs.current) == ([5], "done", ())
    submit(jobs, "b", lambda _: 1 / 0, failed=got.append)
    assert isinstance(got[1], ZeroDivisionError)
    jobs.close()


@pytest.mark.parametrize(("patience", "announced"), [(0, True), (3600, False)])
def test_a_quiet_job_is_announced_only_when_it_takes_long(monkeypatch, patience, announced):
    monkeypatch.setattr("vitviz.session.work.jobs._PATIENCE", patience)
    jobs, heard = InlineJobs(), []
    jobs.started.connect(lambda job: heard.append(f"started {job.label}"))
    jobs.progressed.connect(lambda job: heard.append(f"{job.done} of {job.total}"))
    jobs.ended.connect(lambda job: heard.append("ended"))
    jobs.submit(
        "key",
        lambda progress: progress(1, 4),
        lane="draw",
        done=lambda _: heard.append("done"),
        failed=heard.append,
        label="drawing",
        quiet=True,
    )
    wanted = ["started drawing", "1 of 4", "ended"] if announced else []
    assert heard == [*wanted, "done"]


def test_what_is_made_ahead_waits_until_its_key_has_been_quiet(jobs, home, monkeypatch) -> None:
    """A task that is replaced, or stopped, before then never begins."""
    monkeypatch.setitem(_QUIET, "ahead", 0.05)
    began: list[str] = []
    submit(jobs, "a", lambda _: began.append("first"), lane="ahead")
    newer = submit(jobs, "a", lambda _: began.append("second"), lane="ahead")
    other = submit(jobs, "b", lambda _: began.append("other"), lane="ahead")
    jobs.stop(other)
    asked = time.monotonic()
    home.until(lambda: newer.state == "done")
    assert began == ["second"]
    assert time.monotonic() - asked >= 0.03
