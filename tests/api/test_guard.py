"""Who may ask: a table of hosts, origins and methods, the token, and the bounds on rates and sizes."""

from __future__ import annotations

import msgspec
import pytest

from lorarec.api.guard import Bearer, Guard, Hosts, is_loopback
from lorarec.api.wire import Refused, Request

LOOPBACK = Hosts(["127.0.0.1"])


def request(method="GET", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method=method, path="/lorarec/v1/loras", headers={"host": "127.0.0.1:8188", **named}, peer="1.2.3.4")


def refused(guard, asked):
    """The status that a request is refused with; 0 if it is not."""
    try:
        guard.check(asked)
    except Refused as error:
        return error.status
    return 0


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:8188", "localhost", "localhost:8188", "LOCALHOST:1", "[::1]", "[::1]:8188"),
        *("127.0.0.2:80", "localhost.:8188"),
    ],
)
def test_this_machine_is_reached_by_its_own_names(host):
    assert refused(Guard(LOOPBACK), request(host=host)) == 0


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8188", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost"),
        *(
            "192.168.1.5:8188",
            "10.0.0.1",
            "[2001:db8::1]:8188",
            "0.0.0.0:8188",
            "",
            " ",
            "localhost:port",
            "a@localhost",
        ),
        *("localhost/", "localhost?x", "localhost#x", "//localhost", "localhost, evil.example", "127.1", "0x7f.0.0.1"),
        *("localhost:99999", "[::1", "\x00", "ｌｏｃａｌｈｏｓｔ.evil"),
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(host):
    assert refused(Guard(LOOPBACK), request(host=host)) == 403


@pytest.mark.parametrize(
    ("peer", "headers", "trusted"),
    [
        *(("127.0.0.1", {"host": host}, True) for host in ("127.0.0.1:8188", "localhost:8188", "[::1]:8188")),
        ("::1", {"host": "localhost."}, True),
        ("192.168.1.5", {"host": "localhost:8188"}, False),
        ("", {"host": "localhost:8188"}, False),
        # A proxy on this machine: it hands on the name it was asked by, or says that it handed something on.
        ("127.0.0.1", {"host": "192.168.1.2:8188"}, False),
        *(
            ("127.0.0.1", {"host": "localhost:8188", name: value}, False)
            for name, value in {
                **{"forwarded": "for=192.0.2.60", "via": "1.1 proxy", "x_forwarded_for": "192.0.2.60"},
                **{"x_forwarded_proto": "https", "x_real_ip": "192.0.2.60"},
            }.items()
        ),
    ],
)
def test_only_who_asks_on_this_machine_itself_is_trusted(peer, headers, trusted):
    asked = msgspec.structs.replace(request(**headers), peer=peer)
    assert Guard(Hosts(["0.0.0.0"])).trusts(asked) is trusted
    assert Guard(Hosts(["0.0.0.0"]), Bearer("secret-token")).trusts(asked), "who got so far has the token"
    assert Guard(Hosts(["0.0.0.0"])).trusts(msgspec.structs.replace(asked, logged_in=True))


def test_behind_a_proxy_with_a_name_nobody_is_of_this_machine():
    """Some hand on neither the name nor a header, as nginx does unless it is told to."""
    asked = msgspec.structs.replace(request(host="127.0.0.1:8188"), peer="127.0.0.1")
    assert not Guard(Hosts(["127.0.0.1"], ["comfy.example.org"])).trusts(asked)


@pytest.mark.parametrize(
    ("bound", "host", "expected"),
    [
        ("0.0.0.0", "192.168.1.5:8188", 0),
        ("0.0.0.0", "[2001:db8::1]", 0),
        ("::", "10.0.0.7", 0),
        ("0.0.0.0", "evil.example", 403),
        ("192.168.1.5", "192.168.1.5:8188", 0),
        ("192.168.1.5", "192.168.1.6:8188", 403),
        ("192.168.1.5", "localhost", 0),
        ("nas.local", "NAS.local:8188", 0),
    ],
)
def test_a_door_answers_to_what_it_is_bound_to(bound, host, expected):
    assert refused(Guard(Hosts([bound])), request(host=host)) == expected


def test_this_machines_own_name_counts_where_every_address_is_listened_on(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Workshop.lan")
    everywhere = Guard(Hosts(["0.0.0.0"]))
    assert (
        refused(everywhere, request(host="workshop.lan:8188"))
        == refused(everywhere, request(host="workshop.local"))
        == 0
    )
    assert refused(Guard(LOOPBACK), request(host="workshop.lan:8188")) == 403


def test_further_names_come_from_the_environment_and_the_door(monkeypatch):
    monkeypatch.setenv("LORAREC_HOSTS", " Comfy.example.org , nas:8443,")
    guard = Guard(Hosts(["127.0.0.1"], ["other.example"]))
    for host in ("comfy.example.org", "comfy.example.org:443", "nas:8188", "other.example"):
        assert refused(guard, request(host=host)) == 0
    assert refused(guard, request(host="example.org")) == 403
    # A proxy that puts its own address for the Host still passes the page's Origin on.
    assert refused(guard, request(host="127.0.0.1:8188", origin="https://comfy.example.org")) == 0


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 0),
        ({"origin": "http://127.0.0.1:8188"}, 0),
        ({"origin": "https://127.0.0.1:8188"}, 0),  # a proxy before it speaks TLS
        ({"origin": "http://127.0.0.1:8188", "sec_fetch_site": "same-origin"}, 0),
        ({"sec_fetch_site": "none"}, 0),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),  # another program of this machine
        ({"origin": "http://localhost:8188"}, 403),
        ({"origin": "http://127.0.0.1"}, 403),
        ({"origin": "chrome-extension://127.0.0.1:8188"}, 403),
        ({"origin": "file://"}, 403),
        ({"origin": "http://127.0.0.1:8188@evil.example"}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"origin": "http://127.0.0.1:8188", "sec_fetch_site": "cross-site"}, 403),
    ],
)
def test_pages_of_other_sites_are_refused(method, headers, expected):
    assert refused(Guard(LOOPBACK), request(method, content_type="application/json", **headers)) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("application/json", 0),
        ("Application/JSON; charset=utf-8", 0),
        ("", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=application/json", 415),
        ("text/plain; application/json", 415),
        ("application/json-patch+json", 415),
    ],
)
def test_changes_are_sent_as_json_which_no_form_can(sent, expected):
    assert refused(Guard(LOOPBACK), request("POST", content_type=sent)) == expected
    assert refused(Guard(LOOPBACK), request("DELETE", content_type=sent)) == expected
    assert refused(Guard(LOOPBACK), request("GET", content_type=sent)) == 0


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Bearer correct horse battery", 0),
        ("Bearer correct horse batter", 401),
        ("Bearer correct horse battery ", 401),
        ("Bearer ", 401),
        ("bearer correct horse battery", 401),
        ("Basic Y29ycmVjdA==", 401),
        ("Bearer \udcff", 401),
        ("", 401),
    ],
)
def test_the_token_is_needed_whole(sent, expected):
    guard = Guard(LOOPBACK, Bearer("correct horse battery"))
    assert refused(guard, request(authorization=sent)) == expected
    if expected:
        with pytest.raises(Refused) as error:
            guard.check(request(authorization=sent))
        assert error.value.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_foreign_page_learns_nothing_of_the_token():
    assert refused(Guard(LOOPBACK, Bearer("x" * 20)), request(origin="http://evil.example")) == 403


def test_a_door_decides_itself_who_is_logged_in():
    guard = Guard(LOOPBACK, lambda asked: asked.headers.get("cookie") == "access-token=abc")
    assert refused(guard, request(cookie="access-token=abc")) == 0 and refused(guard, request()) == 401


def test_a_body_that_was_too_large_to_read_is_refused():
    asked = Request(
        method="POST", path="/", headers={"host": "localhost", "content-type": "application/json"}, body=None
    )
    assert refused(Guard(LOOPBACK), asked) == 413


def test_each_address_has_an_allowance_that_grows_back():
    now = [0.0]
    guard = Guard(LOOPBACK, rate=2.0, burst=4.0, clock=lambda: now[0])
    assert [refused(guard, request()) for _ in range(6)] == [0, 0, 0, 0, 429, 429]
    other = Request(method="GET", path="/", headers={"host": "localhost"}, peer="5.6.7.8")
    assert refused(guard, other) == 0
    now[0] += 1.0
    assert [refused(guard, request()) for _ in range(3)] == [0, 0, 429]
    now[0] += 1000.0
    assert [refused(guard, request()) for _ in range(5)] == [0, 0, 0, 0, 429]


def test_guessing_a_token_is_slowed_down_too():
    guard = Guard(LOOPBACK, Bearer("x" * 20), rate=0.001, burst=2)
    assert [refused(guard, request(authorization="Bearer y")) for _ in range(3)] == [401, 401, 429]


def test_addresses_of_long_ago_are_forgotten():
    guard = Guard(LOOPBACK, clock=lambda: 0.0)
    for number in range(3000):
        guard.check(Request(method="GET", path="/", headers={"host": "localhost"}, peer=str(number)))
    assert len(guard._left) <= 1024


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.5", False),
        ("nas", False),
    ],
)
def test_what_is_reachable_from_this_machine_only(address, expected):
    assert is_loopback(address) is expected
