"""`lorarec serve`: a process of its own, asked over the network and stopped by a signal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest


def url_of(process):
    line = process.stdout.readline().decode().strip()
    assert line.startswith("http://127.0.0.1:"), line or process.stderr.read().decode()
    return line


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.read()


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_answers_and_ends_quietly(collection, spawn, end):
    process = spawn("serve", "--port", 0, *collection.flags)
    try:
        url = url_of(process)
        assert get(url)
        assert json.loads(get(f"{url}lorarec/v1/index"))["loras"] == 60
        process.send_signal(end)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and out == b""
    assert b"stopping" in err and b"Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_the_token_may_come_from_the_environment(collection, spawn):
    process = spawn("serve", "--port", 0, *collection.flags, LORAREC_TOKEN="correct horse battery")
    try:
        url = url_of(process)
        with pytest.raises(urllib.request.HTTPError) as refused:
            get(f"{url}lorarec/v1/health")
        assert refused.value.code == 401
        assert (
            json.loads(get(f"{url}lorarec/v1/health", Authorization="Bearer correct horse battery"))["status"] == "ok"
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_name_of_a_proxy_can_be_allowed(collection, spawn):
    process = spawn("serve", "--port", 0, "--allow-host", "loras.example", *collection.flags)
    try:
        url = url_of(process)
        assert json.loads(get(f"{url}lorarec/v1/health", Host="loras.example"))["status"] == "ok"
        with pytest.raises(urllib.request.HTTPError) as refused:
            get(f"{url}lorarec/v1/health", Host="other.example")
        assert refused.value.code == 403
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "nas.local"])
def test_other_machines_are_let_in_with_a_token_only(collection, call, host):
    done = call("serve", "--host", host, *collection.flags)
    assert done.code == 2 and "--token" in done.err and host in done.err


@pytest.mark.parametrize("token", ["short", "ümläut" * 5, "line\nbreak" * 5])
def test_a_token_is_long_and_plain(collection, call, token):
    done = call("serve", "--token", token, *collection.flags)
    assert done.code == 2 and "16 characters" in done.err


@pytest.mark.parametrize("port", ["-1", "65536", "http", "1.5", "٣"])
def test_no_port(collection, call, port):
    done = call("serve", "--port", port, *collection.flags)
    assert done.code == 2


def test_a_port_in_use_is_named(collection, call):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = call("serve", "--port", port, *collection.flags)
    assert done.code == 2 and str(port) in done.err and "--port" in done.err


def test_help_names_its_options():
    done = subprocess.run(
        [sys.executable, "-m", "lorarec", "serve", "--help"], capture_output=True, text=True, check=True, env=os.environ
    )
    for option in ("--host", "--port", "--token", "--allow-host", "LORAREC_TOKEN"):
        assert option in done.stdout
