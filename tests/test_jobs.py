"""Long work: watched by many, one run at a time, stopped on request; and how durations are summed up."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.errors import BadFile
from lorarec.jobs import PROBLEMS, Job
from lorarec.timings import KEPT, Timings
from lorarec.types import Progress, ScanProblem, ScanReport

STEP = Progress("scan", 1, 2, 1.0, 1.0)


def settled(job, seconds=5.0):
    """The state after a background run has ended."""
    for _ in range(int(seconds / 0.01)):
        if not job.state.active:
            break
        threading.Event().wait(0.01)
    return job.state


def test_a_run_from_its_expectation_to_its_report():
    job, told = Job("index"), []
    assert job.state.state == "idle" and job.state.change == 0
    assert job.expect() and not job.expect() and job.state.state == "waiting" and job.state.active
    with job.run(told.append) as run:
        assert job.state.state == "running" and job.state.started is not None and job.state.ended is None
        run.progress(STEP)
        assert job.state.progress == STEP and told == [STEP]
        run.report = ScanReport(found=3)
    assert job.state.state == "done" and not job.state.active
    assert job.state.report["found"] == 3 and job.state.ended >= job.state.started


def test_every_change_is_seen_by_its_number():
    job = Job("index")
    seen = [job.state.change]
    with job.run() as run:
        seen.append(job.state.change)
        run.progress(STEP)
        seen.append(job.state.change)
    seen.append(job.state.change)
    assert seen == [0, 1, 2, 3]


def test_cancelling_stops_the_run_at_its_next_step_and_not_the_next_run():
    job = Job("index")
    with job.run() as run:
        assert not run.stop()
        job.cancel()
        assert run.stop()
    assert job.state.state == "cancelled"
    with job.run() as run:
        assert not run.stop()
    assert job.state.state == "done"
    assert job.cancel().state == "done", "what does not run is left as it is"
    with job.run() as run:
        assert not run.stop()


def test_its_end_can_be_waited_for():
    job, go_on = Job("index"), threading.Event()
    assert job.wait(0), "nothing runs"
    job.start(lambda run: go_on.wait(10) and None)
    assert not job.wait(0.05)
    threading.Timer(0.05, go_on.set).start()
    assert job.wait(10) and job.state.state == "done"


def test_what_is_expected_can_be_cancelled_before_it_begins():
    job = Job("index")
    job.expect()
    job.cancel()
    with job.run() as run:
        assert run.stop()
    assert job.state.state == "cancelled"


def test_whoever_started_it_can_stop_it_too():
    with Job("index").run(cancelled=lambda: True) as run:
        assert run.stop()


def test_a_run_that_ended_before_the_wish_to_stop_was_heard_is_done():
    job = Job("index")
    with job.run() as run:
        run.stop()
        job.cancel()
    assert job.state.state == "done"


@pytest.mark.parametrize(
    ("error", "said"),
    [(BadFile("a.safetensors is cut off"), "a.safetensors is cut off"), (KeyError("x"), "KeyError: 'x'")],
)
def test_a_failure_is_told_and_passed_on(error, said):
    job = Job("index")
    with pytest.raises(type(error)), job.run():
        raise error
    assert (job.state.state, job.state.error) == ("failed", said)
    with job.run():
        assert job.state.error == ""


def test_background_work_happens_once_at_a_time():
    job, go, runs = Job("harvest"), threading.Event(), []

    def work(run):
        runs.append(run)
        go.wait(5)
        return ScanReport(found=len(runs))

    assert job.start(work).active
    assert job.start(work).active
    go.set()
    assert settled(job).report["found"] == 1 and len(runs) == 1
    job.start(work)
    assert settled(job).report["found"] == 2


@pytest.mark.parametrize("error", [BadFile("no"), ZeroDivisionError("no")])
def test_background_failures_end_in_the_state(error):
    job = Job("harvest")

    def work(run):
        raise error

    job.start(work)
    assert settled(job).state == "failed" and "no" in job.state.error


def test_reports_are_short_enough_to_be_sent_often():
    job = Job("index")
    with job.run() as run:
        run.report = ScanReport(problems=tuple(ScanProblem(str(n), "broken") for n in range(PROBLEMS + 7)))
    assert len(job.state.report["problems"]) == PROBLEMS and job.state.report["more_problems"] == 7


def test_no_durations_no_percentiles():
    assert Timings().summary() == type(Timings().summary())(0, None, None)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200))
def test_percentiles_are_durations_that_were_measured(values):
    timings = Timings()
    for value in values:
        timings.add(value)
    found = timings.summary()
    assert found.count == len(values) and {found.p50_ms, found.p95_ms} <= set(values)
    assert sum(value <= found.p50_ms for value in values) >= len(values) / 2
    assert sum(value <= found.p95_ms for value in values) >= len(values) * 0.95
    assert sum(value < found.p50_ms for value in values) < len(values) / 2 + 1


def test_only_the_latest_durations_count():
    timings = Timings()
    for value in [1000.0] * KEPT + [1.0] * KEPT:
        timings.add(value)
    assert (timings.summary().count, timings.summary().p95_ms) == (2 * KEPT, 1.0)
