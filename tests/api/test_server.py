"""The real server on a free port, spoken to through sockets: what clients do, also rude ones."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time

import pytest

from lorarec.api import connection as connection_module
from lorarec.api.guard import Bearer, Guard, Hosts
from lorarec.api.server import Server
from lorarec.api.wire import MAX_BODY, PREFIX
from waiting import wait_for

JSON = {"Content-Type": "application/json"}


class Running:
    """A server at work."""

    def __init__(self, api):
        self.server = Server(api, "127.0.0.1", 0)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def say(self, text):
        """Send raw bytes, and read until the server hangs up or says no more."""
        with self.socket() as raw:
            raw.sendall(text)
            raw.settimeout(3)
            return heard(raw)

    def close(self):
        self.server.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


def heard(raw):
    """Everything that comes until the end, or until nothing comes any more."""
    parts = []
    try:
        while part := raw.recv(65536):
            parts.append(part)
    except TimeoutError:
        pass
    return b"".join(parts)


@pytest.fixture
def running(client):
    running = Running(client.api)
    yield running
    running.close()


def ask(connection, method="GET", path="/health", body=None, headers=None):
    connection.request(method, PREFIX + path, body, {**(JSON if body is not None else {}), **(headers or {})})
    answer = connection.getresponse()
    return answer, answer.read()


# What clients do


def test_one_connection_answers_many_requests(running):
    connection = running.connect()
    for _ in range(3):
        answer, body = ask(connection)
        assert (answer.status, answer.version, json.loads(body)["name"]) == (200, 11, "lorarec")
        assert answer.headers["Connection"] == "keep-alive"
    local = connection.sock.getsockname()
    answer, body = ask(connection, "POST", "/suggestions", json.dumps({"prompt": "a knight ⚔"}))
    assert answer.status == 200 and json.loads(body)["suggestions"] and connection.sock.getsockname() == local
    answer, _ = ask(connection, "GET", "/nothing")
    assert answer.status == 404
    answer, body = ask(connection)
    assert answer.status == 200 and connection.sock.getsockname() == local, "an error ends no connection"


def test_the_page_names_the_document(running):
    connection = running.connect()
    connection.request("GET", "/")
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    assert f"{PREFIX}/openapi.json" in text
    answer, body = ask(connection, path="/openapi.json")
    assert json.loads(body)["openapi"] == "3.1.0"


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/lorarec", "/lorarec/v1", "/lorarec/v1x/health", "/../etc/passwd", "//x"]
)
def test_there_is_nothing_else(running, path):
    connection = running.connect()
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 404 and json.loads(answer.read())["error"]["code"] == "not_found"


def test_head_has_the_length_and_no_body(running):
    connection = running.connect()
    length = len(ask(connection)[1])
    answer, body = ask(connection, "HEAD")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", str(length))
    assert ask(connection)[0].status == 200


def test_requests_in_a_row_without_waiting(running):
    one = f"GET {PREFIX}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    assert running.say(one * 4).count(b"HTTP/1.1 200 OK") == 4


def test_an_old_client_is_answered_once(running):
    said = running.say(f"GET {PREFIX}/health HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 200") and b"Connection: close" in said


def test_a_preview_and_its_304(running, client):
    connection = running.connect()
    path = f"/loras/{client.id('moon_priestess')}/preview"
    answer, body = ask(connection, path=path)
    assert answer.status == 200 and body.startswith(b"\x89PNG")
    answer, body = ask(connection, path=path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (answer.status, body) == (304, b"")
    assert ask(connection)[0].status == 200


def test_an_export_comes_in_chunks_and_the_connection_goes_on(running, client, made):
    for seed in range(5):
        client.recommender.memory.record_generation(made("a" * 50_000 + str(seed), "red_knight", seed=seed))
    connection = running.connect()
    answer, body = ask(connection, path="/history/export")
    assert answer.headers["Transfer-Encoding"] == "chunked" and len(body) > 250_000
    assert len([row for row in map(json.loads, body.splitlines()) if row["kind"] == "generation"]) == 5
    assert ask(connection)[0].status == 200


def test_events_come_as_they_happen(running, client):
    with running.socket() as raw:
        raw.sendall(f"GET {PREFIX}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        raw.settimeout(10)
        said = b""
        while said.count(b"event: job") < 2:
            said += raw.recv(65536)
        assert b"text/event-stream" in said and b"Content-Length" not in said
        client.recommender.refresh()
        while b'"found":6' not in said:
            said += raw.recv(65536)
    wait_for(lambda: client.api.context.streams._value == 16, why="the place of a listener who hung up is free again")


# Who may ask, at the real thing


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "localhost", "Origin": "http://localhost"}, 200),
        ({}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/settings", "/loras"])
def test_foreign_pages_and_names_are_refused(running, headers, status, path):
    answer, _ = ask(running.connect(), path=path, headers=headers)
    assert answer.status == status and not any(name.lower().startswith("access-control") for name in answer.headers)


def test_a_plain_form_changes_nothing(running, client):
    body = json.dumps({"everything": True})
    answer, _ = ask(running.connect(), "POST", "/history/delete", body, {"Content-Type": "text/plain"})
    assert answer.status == 415


def test_a_token_is_asked_for(client, start, mini_library):
    guarded = start(mini_library, guard=Guard(Hosts(["127.0.0.1"]), Bearer("correct horse battery")))
    running = Running(guarded.api)
    try:
        connection = running.connect()
        for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 401)):
            answer, body = ask(connection, headers=headers)
            assert answer.status == status and json.loads(body)["error"]["code"] == "unauthorised"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert ask(connection, headers={"Authorization": "Bearer correct horse battery"})[0].status == 200
    finally:
        running.close()


# Rude clients


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(running):
    connection = running.connect()
    answer, body = ask(connection, "POST", "/suggestions", b'{"prompt": "' + b"a" * MAX_BODY + b'"}')
    assert (answer.status, json.loads(body)["error"]["code"]) == (413, "too_large")
    said = running.say(
        f"POST {PREFIX}/suggestions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {10**15}\r\nExpect: 100-continue\r\n\r\n".encode()
    )
    assert said.startswith(b"HTTP/1.1 413") and b"100 Continue" not in said


def test_a_client_that_asks_whether_to_go_on_may(running):
    with running.socket() as raw:
        body = b'{"prompt": "a"}'
        raw.sendall(
            f"POST {PREFIX}/suggestions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 100 Continue")
        raw.sendall(body)
        assert raw.recv(100).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET {} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
        ("GET {} HTTP/1.1\r\n", 403),  # no Host
        ("POST {} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n", 411),
        ("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n", 400),
        ("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: five\r\n", 400),
        ("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + "9" * 30 + "\r\n", 400),
        ("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ٣\r\n", 400),
        ("GET {} HTTP/9.9\r\nHost: localhost\r\n", 505),
        ("GET {} NONSENSE\r\nHost: localhost\r\n", 400),
        ("BREW {} HTTP/1.1\r\nHost: localhost\r\n", 501),
        ("GET http://[::1/ HTTP/1.1\r\nHost: localhost\r\n", 400),
        ("GET {}?" + "a&" * 1500 + " HTTP/1.1\r\nHost: localhost\r\n", 400),
        ("GET {}?" + "a" * 70_000 + " HTTP/1.1\r\nHost: localhost\r\n", 414),
        ("GET {} HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 70_000 + "\r\n", 431),
        ("GET {} HTTP/1.1\r\nHost: localhost\r\n" + "X: a\r\n" * 150, 431),
    ],
)
def test_what_is_no_proper_http_is_refused_in_our_shape(running, head, status):
    said = running.say((head.replace("{}", f"{PREFIX}/health") + "\r\n").encode())
    top, _, body = said.partition(b"\r\n\r\n")
    assert top.startswith(f"HTTP/1.1 {status} ".encode()), top
    assert b"Connection: close" in top or status == 403
    assert json.loads(body)["error"]["code"]


def test_nonsense_ends_the_connection(running):
    for nonsense in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
    ):
        running.say(nonsense)
    assert ask(running.connect())[0].status == 200


def test_slow_clients_lose_their_connection_and_hold_up_nobody(running, monkeypatch):
    monkeypatch.setattr(connection_module, "READ_SECONDS", 0.5)
    monkeypatch.setattr(connection_module, "IDLE_SECONDS", 0.5)
    head = f"POST {PREFIX}/suggestions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    starts = [b"", b"G", head[:30], head, head + b'Content-Length: 100\r\n\r\n{"prompt"']
    slow = [running.socket() for _ in starts]
    for raw, text in zip(slow, starts, strict=True):
        raw.sendall(text)
    begun = time.monotonic()
    ended = set()
    while len(ended) < len(slow) and time.monotonic() - begun < 10:
        for raw in set(slow) - ended:
            try:
                raw.sendall(b"x")  # a byte now and then keeps nobody alive
                raw.settimeout(0.05)
                if not raw.recv(1000):
                    ended.add(raw)
            except TimeoutError:
                continue
            except OSError:
                ended.add(raw)
        assert ask(running.connect())[0].status == 200
    assert len(ended) == len(slow) and time.monotonic() - begun < 5
    for raw in slow:
        raw.close()


def test_a_client_that_does_not_read_is_given_up(running, monkeypatch, client, made):
    monkeypatch.setattr(connection_module, "WRITE_SECONDS", 0.3)
    for seed in range(30):
        client.recommender.memory.record_generation(made("a" * 200_000 + str(seed), "red_knight", seed=seed))
    with running.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.sendall(f"GET {PREFIX}/history/export HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_for(lambda: running.server._busy, why="it is being answered")
        wait_for(lambda: running.server._busy == 0)


def test_clients_that_vanish_leave_nothing_behind(running):
    for text in (b"", b"GET", f"POST {PREFIX}/suggestions HTTP/1.1\r\nContent-Length: 50\r\n\r\n{{".encode()):
        raw = running.socket()
        raw.sendall(text)
        raw.close()
    wait_for(lambda: (running.server._busy, running.server._idle) == (0, {}))


def test_a_new_connection_takes_the_place_of_an_idle_one(client, monkeypatch):
    monkeypatch.setattr("lorarec.api.server.CONNECTIONS", 3)
    running = Running(client.api)
    try:
        idle = [running.connect() for _ in range(3)]
        for connection in idle:
            assert ask(connection)[0].status == 200
        more = running.connect()
        assert ask(more)[0].status == 200
        with pytest.raises((http.client.HTTPException, OSError)):
            ask(idle[0])
            ask(idle[0])
    finally:
        running.close()


def test_where_no_connection_is_idle_a_new_one_is_sent_away(client, monkeypatch):
    monkeypatch.setattr("lorarec.api.server.CONNECTIONS", 2)
    monkeypatch.setattr("lorarec.api.server.LINGER_SECONDS", 0.1)
    running = Running(client.api)
    try:
        listeners = [running.socket() for _ in range(2)]
        for raw in listeners:
            raw.sendall(f"GET {PREFIX}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert raw.recv(1000)
        assert ask(running.connect())[0].status == 503
        for raw in listeners:
            raw.close()
    finally:
        running.close()


# Many at once


def test_many_clients_who_type_get_their_newest_answer(running, client):
    """Twenty clients, each asking anew before the answer is there: the last question of each is answered."""
    failed, last, dropped = [], {}, []

    def body_of(name, number):
        return json.dumps({"prompt": f"a knight {name} {number}", "client": f"c{name}", "number": number})

    def ask_one(name, number):
        try:
            answer, body = ask(running.connect(), "POST", "/suggestions", body_of(name, number))
            if answer.status == 200:
                last[name] = max(last.get(name, -1), number)
            elif json.loads(body)["error"]["code"] == "outdated":
                dropped.append((name, number))
            else:
                failed.append(body)
        except Exception as error:
            failed.append(error)

    threads = []
    for number in range(4):
        for name in range(20):
            threads.append(threading.Thread(target=ask_one, args=(name, number)))
            threads[-1].start()
    for thread in threads:
        thread.join(60)
    assert failed == [] and last == dict.fromkeys(range(20), 3)
    assert client.get("/statistics")["suggestions"]["dropped"] == len(dropped)


# The end


def test_what_is_being_answered_is_finished(client, monkeypatch):
    running = Running(client.api)
    entered, recommend = threading.Event(), client.recommender.recommend

    def slow(query, top=None):
        entered.set()
        time.sleep(0.5)
        return recommend(query, top)

    monkeypatch.setattr(client.recommender, "recommend", slow)
    answers = []
    idle = running.connect()
    ask(idle)
    with running.socket() as listener:
        listener.sendall(f"GET {PREFIX}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        thread = threading.Thread(
            target=lambda: answers.append(ask(running.connect(), "POST", "/suggestions", '{"prompt": "a"}'))
        )
        thread.start()
        assert entered.wait(10)
        begun = time.monotonic()
        running.close()
        assert time.monotonic() - begun < 4
        thread.join(10)
        listener.settimeout(5)
        heard(listener)
    [(answer, body)] = answers
    assert answer.status == 200 and answer.headers["Connection"] == "close" and json.loads(body)["suggestions"]
    with pytest.raises(OSError):
        running.socket()


def test_a_second_server_cannot_take_the_same_port(running, client):
    with pytest.raises(OSError):
        Server(client.api, "127.0.0.1", running.port)


def test_ipv6(client):
    try:
        server = Server(client.api, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    assert server.url.startswith("http://[::1]:")
    server.server_close()
