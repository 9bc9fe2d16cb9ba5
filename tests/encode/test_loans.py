"""Lending by models whose sizes are stated, a clock that a test turns, and memory that it fills."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from lorarec.encode.loans import RESERVE, Head, Loans
from lorarec.errors import NotReady

MB = 1_000_000


class Model:
    def __init__(self, name: str) -> None:
        self.name = name


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Timers:
    """Timers that go off when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, delay: float, action: Callable[[], None]) -> Any:
        entry = (delay, action)

        class Timer:
            daemon = False

            def start(timer) -> None:
                assert timer.daemon, "a timer must not keep the host from ending"
                self.waiting.append(entry)

            def cancel(timer) -> None:
                if entry in self.waiting:
                    self.waiting.remove(entry)

        return Timer()

    def go_off(self) -> float:
        delay, action = self.waiting.pop()
        action()
        return delay


class World:
    """Loans with models of stated sizes; ``spare`` is what the system has left."""

    def __init__(self, budget: int = 1000, idle: float = 60.0) -> None:
        self.clock, self.timers = Clock(), Timers()
        self.opened: list[str] = []
        self.spare = 10_000 * MB
        self.used = 0
        self.loans = Loans(
            budget * MB,
            idle,
            clock=self.clock,
            timer=self.timers,
            available=lambda: self.spare,
            resident=lambda: self.used,
        )

    def add(self, name: str, size: int, grows: int | None = None, **more: Any) -> None:
        def opened() -> Model:
            self.opened.append(name)
            self.used += (size if grows is None else grows) * MB
            return Model(name)

        self.loans.register(Head(name=name, open=opened, size=size * MB, **more))

    def loaded(self) -> set[str]:
        return {one.name for one in self.loans.residents() if one.loaded}

    def one(self, name: str) -> Any:
        return next(one for one in self.loans.residents() if one.name == name)


def test_a_model_is_loaded_when_first_lent_and_shared() -> None:
    world = World()
    world.add("a", 100)
    assert world.loaded() == set() and world.one("a").bytes == 0
    with world.loans.lend("a") as first, world.loans.lend("a") as second:
        assert first is second and world.opened == ["a"]
        assert world.one("a").lent == 2 and world.one("a").idle is None
    world.clock.now += 5
    assert world.one("a").lent == 0 and world.one("a").idle == 5 and world.one("a").since == 5


def test_the_least_recently_used_makes_room() -> None:
    world = World(budget=250)
    for name in "abc":
        world.add(name, 100)
    for name in "ab":
        with world.loans.lend(name):
            world.clock.now += 1
    with world.loans.lend("a"):
        world.clock.now += 1
    with world.loans.lend("c"):
        pass
    assert world.loaded() == {"a", "c"} and world.one("b").unloaded == "room for c"
    with world.loans.lend("b"):  # it comes back when it is needed
        assert world.loaded() == {"b", "c"}


def test_what_is_lent_stays_and_whoever_asks_is_told_why_not() -> None:
    world = World(budget=150)
    world.add("a", 100)
    world.add("b", 100)
    with world.loans.lend("a") as model:
        with pytest.raises(NotReady, match=r"b needs 100 MB within the 150 MB.*memory_mb"), world.loans.lend("b"):
            pass
        assert model.name == "a" and world.loaded() == {"a"}
    with world.loans.lend("b"):
        assert world.loaded() == {"b"}


def test_what_the_whole_machine_lacks_is_not_taken() -> None:
    world = World()
    world.add("a", 100)
    world.add("b", 100)
    with world.loans.lend("a"):
        pass
    world.spare = RESERVE + 99 * MB
    with pytest.raises(NotReady, match="the system has"), world.loans.lend("b"):
        pass
    assert world.loaded() == set(), "idle ones were given back first"
    world.spare = RESERVE + 101 * MB
    with world.loans.lend("b"):
        assert world.loaded() == {"b"}


def test_models_in_use_all_the_time_are_not_pushed_out_by_each_other() -> None:
    world = World(budget=150)
    world.add("a", 100, standing=lambda: True)
    world.add("b", 100, standing=lambda: True)
    with world.loans.lend("a"):
        pass
    with pytest.raises(NotReady), world.loans.lend("b"):
        pass
    assert world.loaded() == {"a"}


def test_sizes_are_measured_unless_somebody_else_took_the_memory() -> None:
    world = World()
    world.add("a", 100, grows=130)
    world.add("b", 100, grows=7000)  # the host loaded a checkpoint at that moment
    world.add("c", 100, grows=-50)
    world.add("d", 100, grows=60)  # mapped weights of which not all are touched
    for name, size in (("a", 130), ("b", 100), ("c", 100), ("d", 60)):
        with world.loans.lend(name):
            assert world.one(name).bytes == size * MB
        world.loans.unload()
        assert world.loans.expected(name) == size * MB, "what was measured is remembered"


def test_idle_models_go_when_the_timer_says_so_and_no_thread_runs_meanwhile() -> None:
    world = World(idle=60)
    world.add("a", 100)
    world.add("b", 100)
    with world.loans.lend("a"):
        assert world.timers.waiting == [], "nothing to wait for while it is lent"
    assert len(world.timers.waiting) == 1
    world.clock.now += 40
    with world.loans.lend("b"):
        pass
    world.clock.now += 21
    assert world.timers.go_off() == 60
    assert world.loaded() == {"b"} and world.one("a").unloaded == "idle for 1 minutes"
    world.clock.now += 40
    assert world.timers.go_off() == pytest.approx(39), "just when the other one will have been idle for a minute"
    assert world.loaded() == set() and world.timers.waiting == []


def test_a_model_used_in_time_stays() -> None:
    world = World(idle=60)
    world.add("a", 100)
    with world.loans.lend("a"):
        pass
    world.clock.now += 59
    with world.loans.lend("a"):
        pass
    world.clock.now += 2
    world.timers.go_off()
    assert world.loaded() == {"a"} and len(world.timers.waiting) == 1


def test_what_is_lent_is_never_idle() -> None:
    world = World(idle=60)
    world.add("a", 100)
    world.add("b", 100)
    with world.loans.lend("a") as model:
        with world.loans.lend("b"):
            pass
        world.clock.now += 61
        world.timers.go_off()
        assert world.loaded() == {"a"}
        with world.loans.lend("a") as again:
            assert again is model


def test_no_idle_time_means_never() -> None:
    world = World(idle=0)
    world.add("a", 100)
    with world.loans.lend("a"):
        pass
    assert world.timers.waiting == []


def test_unloading_waits_for_what_is_lent() -> None:
    world = World()
    world.add("a", 100)
    world.add("b", 50)
    with world.loans.lend("b"):
        pass
    held, let_go, freed = threading.Event(), threading.Event(), []

    def borrow() -> None:
        with world.loans.lend("a"):
            held.set()
            let_go.wait(10)

    borrower = threading.Thread(target=borrow)
    borrower.start()
    held.wait(10)
    assert world.loans.unload(timeout=0) == 50 * MB and world.loaded() == {"a"}
    unloader = threading.Thread(target=lambda: freed.append(world.loans.unload("a")))
    unloader.start()
    let_go.set()
    borrower.join(10)
    unloader.join(10)
    assert freed == [100 * MB] and world.loaded() == set() and world.one("a").unloaded == "asked to"


def test_many_at_once_open_each_model_once() -> None:
    world = World()
    for name in "abc":
        world.add(name, 100)
    wrong: list[str] = []
    start = threading.Barrier(24)

    def work(number: int) -> None:
        start.wait()
        for turn in range(50):
            name = "abc"[(number + turn) % 3]
            with world.loans.lend(name) as model:
                if model is None or model.name != name:
                    wrong.append(name)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong and sorted(world.opened) == ["a", "b", "c"]
    assert all(one.lent == 0 for one in world.loans.residents())


def test_many_at_once_with_unloading_and_little_room() -> None:
    world = World(budget=250)
    for name in "abc":
        world.add(name, 100)
    wrong: list[str] = []
    done = threading.Event()

    def borrow(number: int) -> None:
        for turn in range(60):
            name = "abc"[(number + turn) % 3]
            try:
                with world.loans.lend(name) as model:
                    if model.name != name:
                        wrong.append(name)
            except NotReady:
                continue

    def unload() -> None:
        while not done.is_set():
            world.loans.unload(timeout=0.01)

    threads = [threading.Thread(target=borrow, args=(n,)) for n in range(8)]
    unloader = threading.Thread(target=unload)
    for thread in [*threads, unloader]:
        thread.start()
    for thread in threads:
        thread.join(30)
    done.set()
    unloader.join(30)
    assert not wrong and not any(thread.is_alive() for thread in [*threads, unloader])
    assert all(one.lent == 0 for one in world.loans.residents())


def test_a_model_that_cannot_be_opened_is_tried_again_by_the_next() -> None:
    world = World()
    fails = [True]

    def opened() -> Model:
        if fails.pop() if fails else False:
            raise OSError("no disk")
        return Model("a")

    world.loans.register(Head(name="a", open=opened, size=1))
    with pytest.raises(OSError), world.loans.lend("a"):
        pass
    with world.loans.lend("a") as model:
        assert model.name == "a"


def test_memory_that_runs_out_while_loading_is_said_and_costs_nothing() -> None:
    world = World()
    errors: list[Exception] = [MemoryError(), RuntimeError("[enforce fail] bad_alloc"), OSError("no disk")]
    world.loans.register(Head(name="a", open=lambda: (_ for _ in ()).throw(errors.pop(0)) if errors else 1, size=1))
    for expected in (NotReady, NotReady, OSError):
        with pytest.raises(expected), world.loans.lend("a"):
            pass
    with world.loans.lend("a") as model:
        assert model == 1


@pytest.mark.parametrize("how", ["unload", "replace", "close"])
def test_what_is_being_loaded_does_not_escape(how: str) -> None:
    world = World()
    world.add("b", 100)
    loading, go_on = threading.Event(), threading.Event()

    def opened() -> Model:
        loading.set()
        assert go_on.wait(30)
        return Model("old")

    world.loans.register(Head(name="a", open=opened, size=1))
    got: list[str] = []

    def borrow() -> None:
        with world.loans.lend("a") as model:
            got.append(model.name)

    thread = threading.Thread(target=borrow)
    thread.start()
    assert loading.wait(30)
    if how == "unload":
        world.loans.unload(timeout=0)
    elif how == "close":
        world.loans.close()
    else:
        world.add("a", 100)
    go_on.set()
    thread.join(30)
    assert got == ["old"], "who asked has it"
    assert world.loaded() == set() and world.one("a").unloaded
    if how != "close":
        with world.loans.lend("a" if how == "replace" else "b"):
            pass
        assert len(world.loaded()) == 1 and len(world.opened) == 1, "what is lent later stays"


def test_what_must_be_prepared_is_prepared_for_the_patient_only() -> None:
    world = World()
    made: list[str] = []

    def opened() -> Model:
        if not made:
            raise NotReady("a is being prepared")
        return Model("a")

    world.loans.register(Head(name="a", open=opened, size=1, prepare=lambda: made.append("file")))
    with pytest.raises(NotReady, match="prepared"), world.loans.lend("a"):
        pass
    with world.loans.lend("a", patient=True) as model:
        assert model.name == "a" and made == ["file"]


def test_a_closed_table_lends_nothing_and_keeps_nothing() -> None:
    world = World()
    world.add("a", 100)
    with world.loans.lend("a"):
        world.loans.close()
        assert world.loaded() == {"a"}
    assert world.loaded() == set() and world.timers.waiting == []
    with pytest.raises(NotReady, match="closing"), world.loans.lend("a"):
        pass


def test_fitting_counts_what_could_be_unloaded() -> None:
    world = World(budget=250)
    world.add("a", 100)
    world.add("b", 200)
    with world.loans.lend("b"):
        pass
    assert world.loans.fits({"a"}) and world.loans.fits({"b"}) and not world.loans.fits({"a", "b"})
    assert world.loans.fits({"b"}, 1.25) and not world.loans.fits({"b"}, 1.3)
    world.spare = RESERVE - 100 * MB
    assert world.loans.fits({"a"}) and not world.loans.fits({"b"})
