"""The lock that every generation and model load holds."""

import collections
import threading


class FIFOLock:
    """Its `acquire` takes no timeout, as A1111's."""

    def __init__(self):
        self._lock = threading.Lock()
        self._inner = threading.Lock()
        self._waiting = collections.deque()

    def acquire(self, blocking=True):
        with self._inner:
            if self._lock.acquire(False):
                return True
            if not blocking:
                return False
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()
        return self._lock.acquire()

    def release(self):
        with self._inner:
            if self._waiting:
                self._waiting.popleft().set()
            self._lock.release()

    __enter__ = acquire

    def __exit__(self, *_):
        self.release()


queue_lock = FIFOLock()
