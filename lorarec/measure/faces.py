"""Many clients of one server, each typing: how long answers take, and which questions a newer one overtook."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from msgspec import Struct, field

TIMEOUT = 30.0  # seconds


class Load(Struct):
    """What clients met."""

    answered: list[float] = field(default_factory=list)  # milliseconds of each answer
    outdated: int = 0  # questions that a newer one of the same client overtook
    errors: list[str] = field(default_factory=list)

    def add(self, status: int, code: str, milliseconds: float) -> None:
        """Count one reply."""
        if status == 200:
            self.answered.append(milliseconds)
        elif code == "outdated":
            self.outdated += 1
        else:
            self.errors.append(f"{status} {code}")


class Asker:
    """One client of a server: one connection, one name, questions that are counted."""

    def __init__(self, url: str, name: str) -> None:
        """``url`` as `lorarec serve` prints it."""
        place = urlsplit(url)
        self._at = (place.hostname or "", place.port or 80)
        self._name = name
        self._lock = threading.Lock()
        self._number = 0
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, prompt: str, load: Load, *, alone: bool = False) -> int:
        """Ask for suggestions; ``alone``: over a connection of its own, beside others of this client. Its number."""
        with self._lock:
            self._number = number = self._number + 1
        body = {"prompt": prompt, "client": self._name, "number": number, "top": 6}
        connection = self._connection
        if alone or connection is None:
            connection = http.client.HTTPConnection(*self._at, timeout=TIMEOUT)
            if not alone:
                self._connection = connection
        begun = time.perf_counter()
        try:
            connection.request(
                "POST", "/lorarec/v1/suggestions", json.dumps(body), {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            data = answer.read()
            taken = (time.perf_counter() - begun) * 1000
            load.add(answer.status, "" if answer.status == 200 else json.loads(data)["error"]["code"], taken)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            load.errors.append(repr(error))
            connection.close()
            self._connection = None
        if alone:
            connection.close()
        return number

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()


def one_user(url: str, prompts: Sequence[str], pause: float) -> Load:
    """One client asks one prompt after another, with a pause in seconds between them."""
    load, asker = Load(), Asker(url, "alone")
    for prompt in prompts:
        asker.ask(prompt, load)
        time.sleep(pause)
    asker.close()
    return load


def many_users(url: str, prompts: Sequence[str], clients: int, seconds: float, every: float) -> Load:
    """Clients that ask a new prompt every so many seconds, each beginning at its own moment."""
    loads = [Load() for _ in range(clients)]
    starts = random.Random(0)
    begun = time.monotonic()

    def client(number: int, start: float) -> None:
        asker = Asker(url, f"user-{number}")
        turn = 0
        while (at := begun + start + turn * every) < begun + seconds:
            time.sleep(max(0.0, at - time.monotonic()))
            asker.ask(prompts[(turn * clients + number) % len(prompts)], loads[number])
            turn += 1
        asker.close()

    _together([partial(client, number, starts.uniform(0, every)) for number in range(clients)])
    return _sum(loads)


def typing(url: str, prompts: Sequence[str], clients: int, keys: int) -> tuple[Load, int]:
    """Clients that ask several prompts at once, as typing faster than answers come does.

    Returns:
        What they met, and how many of the newest questions were answered.
    """
    loads: list[dict[int, Load]] = [{} for _ in range(clients)]  # by the questions' numbers

    def client(number: int) -> None:
        asker = Asker(url, f"typist-{number}")

        def key(turn: int) -> None:
            time.sleep(turn * 0.004)
            load = Load()
            loads[number][asker.ask(prompts[(number * keys + turn) % len(prompts)], load, alone=True)] = load

        _together([partial(key, turn) for turn in range(keys)])

    _together([partial(client, number) for number in range(clients)])
    newest = sum(bool(each[max(each)].answered) for each in loads)
    return _sum([load for each in loads for load in each.values()]), newest


def _together(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _sum(loads: Sequence[Load]) -> Load:
    return Load(
        [taken for load in loads for taken in load.answered],
        sum(load.outdated for load in loads),
        [error for load in loads for error in load.errors],
    )
