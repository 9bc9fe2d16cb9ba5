"""Turns and memory of answers: the newest question of a client is computed, none that is outdated, none twice."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorarec.api.newest import SILENCE, Turns
from lorarec.api.wire import Refused
from lorarec.recent import Recent


class Askers:
    """Asks from threads of their own; what is computed lasts until `go` is set."""

    def __init__(self, turns):
        self.turns, self.go = turns, threading.Event()
        self.computed, self.outdated = [], []
        self.threads = []

    def ask(self, name, client, number=None):
        """Ask, and wait until the question is either computed or in the queue."""
        question = self.turns.ask(client, number)
        entered = threading.Event()

        def body():
            try:
                entered.set()
                with self.turns.turn(question):
                    self.computed.append(name)
                    self.go.wait(10)
            except Refused as error:
                assert (error.status, error.code) == (409, "outdated")
                self.outdated.append(name)

        thread = threading.Thread(target=body)
        thread.start()
        self.threads.append(thread)
        entered.wait(5)
        time.sleep(0.03)

    def end(self):
        self.go.set()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def test_an_outdated_question_is_dropped_before_it_is_computed():
    askers = Askers(Turns(1))
    askers.ask("a1", "anna")
    askers.ask("b1", "bert")
    askers.ask("b2", "bert")
    askers.ask("b3", "bert")
    assert askers.computed == ["a1"] and askers.outdated == ["b1", "b2"], "they do not wait for the queue to say so"
    askers.end()
    assert askers.computed == ["a1", "b3"] and askers.turns.dropped == 2


def test_what_is_being_computed_is_finished():
    askers = Askers(Turns(1))
    askers.ask("a1", "anna")
    askers.ask("a2", "anna")
    askers.end()
    assert askers.computed == ["a1", "a2"] and askers.outdated == []


def test_clients_do_not_outdate_each_other_and_come_in_their_order():
    askers = Askers(Turns(1))
    for name in ("a", "b", "c", "d"):
        askers.ask(name, name)
    askers.ask("nobody", "")
    askers.ask("nobody again", "")
    askers.end()
    assert askers.computed == ["a", "b", "c", "d", "nobody", "nobody again"]


def test_as_many_are_computed_at_once_as_there_is_room_for():
    askers = Askers(Turns(2))
    for name in ("a", "b", "c"):
        askers.ask(name, name)
    assert askers.computed == ["a", "b"]
    askers.end()
    assert askers.computed == ["a", "b", "c"]


def test_a_question_that_was_overtaken_on_its_way_is_dropped_at_once():
    turns = Turns(1)
    turns.ask("anna", 7)
    with pytest.raises(Refused) as refused:
        turns.ask("anna", 6)
    assert refused.value.code == "outdated" and turns.dropped == 1
    turns.ask("anna", 7)  # sent again
    turns.ask("anna", 8)
    turns.ask("bert", 1)


def test_after_a_silence_a_client_may_count_anew():
    now = [0.0]
    turns = Turns(1, lambda: now[0])
    turns.ask("anna", 7)
    now[0] += SILENCE - 1
    with pytest.raises(Refused):
        turns.ask("anna", 1)
    now[0] += 1
    turns.ask("anna", 1)


def test_a_failed_computation_gives_its_place_back():
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.turn(turns.ask("")):
            raise ZeroDivisionError


def test_too_many_waiting_are_sent_away(monkeypatch):
    monkeypatch.setattr("lorarec.api.newest.WAITING", 1)
    askers = Askers(Turns(1))
    askers.ask("a", "a")
    askers.ask("b", "b")
    with pytest.raises(Refused) as refused, askers.turns.turn(askers.turns.ask("c")):
        pass
    assert (refused.value.status, refused.value.code) == (503, "busy")
    askers.end()
    assert askers.computed == ["a", "b"]


def test_clients_of_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr("lorarec.api.newest.CLIENTS", 2)
    turns = Turns(1)
    for client in ("a", "b", "c"):
        turns.ask(client, 9)
    turns.ask("a", 1)  # as if it were new
    with pytest.raises(Refused):
        turns.ask("c", 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=30))
def test_no_question_passes_after_a_newer_one_of_its_client(asked):
    turns = Turns(1)
    newest = {}
    for client, number in asked:
        try:
            turns.ask(client, number)
        except Refused:
            assert number < newest[client]
        else:
            assert number >= newest.get(client, 0)
            newest[client] = number


def test_answers_are_kept_by_what_was_asked_last():
    recent = Recent(2)
    assert recent.get("a") is None
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("b"), recent.get("a"), recent.get("c")) == (None, 1, 3)
    assert (recent.hits, recent.misses, len(recent)) == (3, 2, 2)
