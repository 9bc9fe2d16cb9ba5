"""Models in memory: opened when first lent, locked while lent, unloaded when idle or when room is needed.

Knows nothing of what a model does. A `Head` says how to open one; whatever it is good for, its memory counts against
the one budget.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from .. import machine
from ..errors import NotReady
from ..graphics import out_of_memory

RESERVE = 512 << 20  # bytes of main memory left to everybody else
_EXPLAINED = 4  # times its weights, or that part of them, that a model can take
_SLACK = 64 << 20

Timer = Callable[[float, Callable[[], None]], threading.Timer]


class Head(Struct, frozen=True, kw_only=True):
    """A model that can be lent, and how to get it."""

    name: str
    open: Callable[[], Any]  # quickly, or raises `NotReady` if `prepare` must run first
    size: int  # bytes of its weights: what is expected until it was measured
    prepare: Callable[[], None] = lambda: None  # makes what `open` needs; may take long
    standing: Callable[[], bool] = lambda: False  # whether it is in use all the time: lesser ones do not push it out
    device: str = "cpu"
    precision: str = "float32"


class Resident(Struct, frozen=True, kw_only=True):
    """A model as `statistics` shows it."""

    name: str
    device: str
    precision: str
    loaded: bool
    bytes: int  # measured when it was loaded; 0 = it never was
    lent: int  # to how many at the moment
    since: float | None  # seconds that it has been loaded; None: it is not
    idle: float | None  # seconds since it was last given back; None: lent, or not loaded
    unloaded: str  # why it was unloaded the last time, "" if never


class Held:
    """A loaded model; changed under the lock of its `Loans`."""

    def __init__(self, head: Head, model: Any, size: int, now: float) -> None:
        self.head, self.model, self.bytes = head, model, size
        self.lent = 0
        self.since = self.used = now
        self.leaving = ""  # why it goes when its last borrower gives it back


class Loans:
    """The table of heads and what is loaded of them. Safe from many threads."""

    def __init__(
        self,
        budget: int,
        idle_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        timer: Timer = threading.Timer,
        available: Callable[[], int | None] = machine.available_bytes,
        resident: Callable[[], int | None] = machine.resident_bytes,
    ) -> None:
        """Start without any model.

        Args:
            budget: bytes of main memory for all models together.
            idle_seconds: a model that nobody borrowed for so long is unloaded; 0: never.
            clock: seconds, rising.
            timer: makes a one-shot timer; no thread runs while there is nothing to wait for.
            available: bytes that the system could still give, None: it does not tell.
            resident: bytes of this process in main memory.
        """
        self.budget = budget
        self._idle = idle_seconds
        self._clock, self._make_timer = clock, timer
        self._available, self._resident = available, resident
        self._heads: dict[str, Head] = {}
        self._held: dict[str, Held] = {}
        self._loading: dict[str, str] = {}  # name -> why it goes as soon as it is given back, "" if it need not
        self._measured: dict[str, int] = {}
        self._gone: dict[str, str] = {}  # name -> why it was unloaded last
        self._changed = threading.Condition()
        self._one_by_one = threading.Lock()  # two models that load at once cannot be measured
        self._timer: threading.Timer | None = None
        self._closed = False

    def register(self, head: Head) -> None:
        """Make a model known; one of the same name is replaced, and unloaded as soon as nobody has it."""
        with self._changed:
            known = head.name in self._heads
            self._heads[head.name] = head
        if known:
            self.unload(head.name, "replaced", timeout=0)

    def __contains__(self, name: str) -> bool:
        """Whether there is a head of this name."""
        return name in self._heads

    @contextmanager
    def lend(self, name: str, *, patient: bool = False) -> Iterator[Any]:
        """Lend a model, loading it now if need be; while it is lent it stays.

        Args:
            name: of a registered head.
            patient: prepare it now if that must be done first, however long it takes.

        Raises:
            KeyError: no such head.
            NotReady: memory is short, or it must be prepared first.
            MissingPart: nothing installed can run it.
            BadFile: it is damaged.
        """
        try:
            held = self._take(name)
        except NotReady:
            if not patient:
                raise
            self._heads[name].prepare()
            held = self._take(name)
        try:
            yield held.model
        finally:
            self._return(held)

    def expected(self, name: str) -> int:
        """Bytes that a model takes: measured if it was loaded before, else those of its weights."""
        with self._changed:
            return self._measured.get(name, self._heads[name].size)

    def fits(self, names: set[str], slack: float = 1.0) -> bool:
        """Whether these models could be in memory together, with everything else unloaded."""
        with self._changed:
            sizes = {name: self._measured.get(name, self._heads[name].size) for name in names}
            held = sum(held.bytes for held in self._held.values())
        need = slack * sum(sizes.values())
        spare = self._available()
        return need <= self.budget and (spare is None or need + RESERVE <= spare + held)

    def unload(self, name: str = "", why: str = "asked to", timeout: float = 10.0) -> int:
        """Unload a model, or all; those that are lent when they come back, for which this waits at most ``timeout``.

        One that is being loaded now is lent to whoever waits for it, and goes after that.

        Returns:
            Bytes freed meanwhile.
        """
        freed = 0
        with self._changed:
            for loading in self._loading:
                if loading == name or not name:
                    self._loading[loading] = why
            wanted = [held for held in self._held.values() if not name or held.head.name == name]
            for held in wanted:
                held.leaving = why
                if not held.lent:
                    self._drop(held, why)
            deadline = time.monotonic() + timeout
            while any(self._held.get(held.head.name) is held for held in wanted):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    break
            freed = sum(held.bytes for held in wanted if self._held.get(held.head.name) is not held)
        machine.give_back()
        return freed

    def unload_idle(self) -> None:
        """Unload what nobody borrowed for long; the timer calls this."""
        with self._changed:
            self._timer = None
            dropped = [held for held in self._held.values() if not held.lent and self._left(held) <= 0]
            for held in dropped:
                self._drop(held, f"idle for {self._idle / 60:g} minutes")
            self._arm()
        if dropped:
            del held, dropped  # they would keep the models
            machine.give_back()

    def residents(self) -> tuple[Resident, ...]:
        """All heads and how they stand."""
        with self._changed:
            now = self._clock()
            return tuple(self._resident_of(head, self._held.get(head.name), now) for head in self._heads.values())

    def close(self) -> None:
        """Unload everything that is not lent, and the rest when it comes back; nothing is lent any more."""
        with self._changed:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        self.unload(why="closed", timeout=0)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _take(self, name: str) -> Held:
        head = self._heads[name]
        with self._changed:
            while True:
                if self._closed:
                    raise NotReady("lorarec is closing")
                held = self._held.get(name)
                if held is not None:
                    held.lent += 1
                    return held
                if name not in self._loading:
                    break
                self._changed.wait()
            self._loading[name] = ""
        made: Held | None = None
        try:
            with self._one_by_one:
                self._make_room(head)
                made = self._load(head)
        finally:
            with self._changed:
                leaving = self._loading.pop(name)
                if made is not None:
                    made.lent, made.leaving = 1, leaving
                    self._held[name] = made
                    self._measured[name] = made.bytes
                self._changed.notify_all()
        return made

    def _load(self, head: Head) -> Held:
        before = self._resident()
        try:
            model = head.open()
        except Exception as error:  # each backend has its own way to say so
            if not out_of_memory(error):
                raise
            model = None  # not in the handler: the traceback holds what was loaded by then
        if model is None:
            machine.give_back()
            raise NotReady(f"memory ran out while {head.name} was loaded; close other programs")
        after = self._resident()
        grown = (after or 0) - (before or 0)
        # Another thread of the host may have loaded or freed gigabytes meanwhile: what no model of this size can have
        # taken was not it. Less than its weights it can take: they are mapped, and words never used stay on disk.
        believed = head.size / _EXPLAINED <= grown <= _EXPLAINED * head.size + _SLACK
        return Held(head, model, grown if believed else head.size, self._clock())

    def _make_room(self, head: Head) -> None:
        """Unload what was borrowed least recently until a model fits. Raises `NotReady` if it cannot."""
        while True:
            with self._changed:
                need = self._measured.get(head.name, head.size)
                total = need + sum(held.bytes for held in self._held.values())
                spare = self._available()
                short = spare is not None and spare < need + RESERVE
                if total <= self.budget and not short:
                    return
                idle = [held for held in self._held.values() if not held.lent and not held.head.standing()]
                if not idle:
                    raise NotReady(_refusal(head, need, self.budget, spare if short else None))
                self._drop(min(idle, key=lambda held: held.used), f"room for {head.name}")
                del idle
            machine.give_back()

    def _return(self, held: Held) -> None:
        with self._changed:
            held.lent -= 1
            held.used = self._clock()
            if not held.lent:
                if held.leaving:
                    self._drop(held, held.leaving)
                self._arm()
            self._changed.notify_all()

    def _drop(self, held: Held, why: str) -> None:
        if self._held.get(held.head.name) is held:
            del self._held[held.head.name]
            self._gone[held.head.name] = why
            held.model = None
            self._changed.notify_all()

    def _left(self, held: Held) -> float:
        """Seconds until a model counts as idle."""
        return held.used + self._idle - self._clock()

    def _arm(self) -> None:
        """Have the timer look when the next model may be idle."""
        idle = [self._left(held) for held in self._held.values() if not held.lent]
        if self._timer is None and self._idle > 0 and idle and not self._closed and not sys.is_finalizing():
            self._timer = self._make_timer(max(0.05, min(idle)), self.unload_idle)
            self._timer.daemon = True
            self._timer.start()

    def _resident_of(self, head: Head, held: Held | None, now: float) -> Resident:
        return Resident(
            name=head.name,
            device=head.device,
            precision=head.precision,
            loaded=held is not None,
            bytes=held.bytes if held else self._measured.get(head.name, 0),
            lent=held.lent if held else 0,
            since=round(now - held.since, 1) if held else None,
            idle=round(now - held.used, 1) if held and not held.lent else None,
            unloaded=self._gone.get(head.name, ""),
        )


def _refusal(head: Head, need: int, budget: int, spare: int | None) -> str:
    wanted = f"{head.name} needs {need / 1e6:.0f} MB"
    if spare is not None:
        return f"{wanted} and the system has {spare / 1e6:.0f} MB left; close other programs"
    return f"{wanted} within the {budget / 1e6:.0f} MB for all models; raise the setting memory_mb"
