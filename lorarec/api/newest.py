"""The newest prompt wins: an outdated question is dropped before it is computed.

While somebody types, questions come faster than they are worth answering. Each client's newest one is computed, a few
at a time and in the order they came; one that waits while its client asks anew is dropped.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .wire import Refused

CLIENTS = 1024  # whose newest question is remembered
SILENCE = 30.0  # seconds after which a client's numbers may begin anew
WAITING = 256  # questions that may wait; more than this many clients type at once


class _Question:
    def __init__(self, number: int, at: float) -> None:
        self.number = number
        self.at = at
        self.outdated = False


class Turns:
    """Lets questions through, at most ``width`` at a time, first come first served. Safe from many threads."""

    def __init__(self, width: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = 0  # outdated questions that were not computed
        self._free = width
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: deque[_Question] = deque()
        self._newest: OrderedDict[str, _Question] = OrderedDict()  # by client

    def ask(self, client: str, number: int | None = None) -> _Question:
        """Take note of a question at its arrival; older ones of the same client are outdated from now on.

        Args:
            client: who asks; "" = unknown, whose questions are never outdated.
            number: grows from one question of this client to the next, for connections overtake each other;
                None: the order of arrival.

        Raises:
            Refused: a newer one of the same client came before it.
        """
        now = self._clock()
        with self._changed:
            before = self._newest.get(client)
            if before is None or not client:
                question = _Question(number or 0, now)
            elif number is not None and number < before.number and now - before.at < SILENCE:
                self.dropped += 1
                raise _outdated()
            else:
                question = _Question(before.number + 1 if number is None else number, now)
                before.outdated = True
            if client:
                self._newest[client] = question
                self._newest.move_to_end(client)
            while len(self._newest) > CLIENTS:
                self._newest.popitem(last=False)
            self._changed.notify_all()
        return question

    @contextmanager
    def turn(self, question: _Question) -> Iterator[None]:
        """Wait until a question may be computed, which happens in the block.

        Raises:
            Refused: it became outdated meanwhile, or too many wait.
        """
        with self._changed:
            if len(self._waiting) >= WAITING:
                raise Refused(503, "busy", "too many prompts wait to be answered", headers={"Retry-After": "1"})
            self._waiting.append(question)
            try:
                while not question.outdated and (self._free == 0 or self._waiting[0] is not question):
                    self._changed.wait()
            finally:
                self._waiting.remove(question)
                self._changed.notify_all()
            if question.outdated:
                self.dropped += 1
                raise _outdated()
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


def _outdated() -> Refused:
    return Refused(409, "outdated", "a newer prompt of the same client came meanwhile; that one is answered")
