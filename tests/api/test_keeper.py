"""The one recommender of a program: when it is opened, opened anew and closed."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from lorarec.api.keeper import Keeper
from lorarec.errors import StorageError
from lorarec.jobs import Job


class Fake:
    """A recommender that is only opened, scanned with and closed."""

    def __init__(self) -> None:
        self.indexing = Job("index")
        self.scans = 0
        self.closed = threading.Event()

    def start_refresh(self) -> None:
        self.scans += 1

    def close(self) -> None:
        self.closed.set()


def test_it_is_opened_when_first_needed_and_once() -> None:
    opened: list[Fake] = []

    def opener() -> Any:
        time.sleep(0.05)
        opened.append(Fake())
        return opened[-1]

    keeper = Keeper(opener, scan=True)
    assert keeper.opened is None
    keeper.reopen()
    assert not opened, "nobody needed one yet"
    threads = [threading.Thread(target=keeper.get) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1 and keeper.get() is keeper.opened is opened[0] and opened[0].scans == 1
    keeper.close()
    assert opened[0].closed.is_set() and keeper.opened is None


@pytest.mark.parametrize("scan", [True, False])
def test_another_takes_over_and_the_one_before_is_closed(scan: bool) -> None:
    told: list[object] = []
    keeper = Keeper(Fake, scan=scan, reopened=lambda: told.append(keeper.opened))  # type: ignore[arg-type, return-value]
    before: Any = keeper.get()
    keeper.reopen()
    after: Any = keeper.get()
    assert after is not before and told == [after] and after.scans == int(scan)
    assert before.closed.wait(5) and not after.closed.is_set()


def test_a_scan_that_is_cut_off_begins_anew() -> None:
    keeper = Keeper(Fake)  # type: ignore[arg-type]
    before: Any = keeper.get()
    with before.indexing.run() as run:
        keeper.reopen()
        assert run.stop(), "two must not index at once"
    after: Any = keeper.get()
    assert after.scans == 1


def test_if_none_can_be_opened_the_one_before_stays() -> None:
    first: list[Any] = [Fake()]

    def opener() -> Any:
        if not first:
            raise StorageError("the disk is full")
        return first.pop()

    keeper = Keeper(opener)
    before: Any = keeper.get()
    with pytest.raises(StorageError):
        keeper.reopen()
    assert keeper.get() is before and not before.closed.is_set()


def test_what_is_lent_is_closed_when_it_comes_back() -> None:
    keeper = Keeper(Fake)  # type: ignore[arg-type]
    with keeper.lent() as lent:
        before: Any = lent
        keeper.reopen()
        assert keeper.get() is not before and not before.closed.wait(0.1)
    assert before.closed.wait(5)


def test_the_end_of_the_program_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lorarec.api.keeper.GRACE_SECONDS", 0.05)
    keeper = Keeper(Fake)  # type: ignore[arg-type]
    with keeper.lent() as lent:
        before: Any = lent
        keeper.close()
        assert before.closed.is_set()
