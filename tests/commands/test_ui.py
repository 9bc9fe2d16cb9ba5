"""`lorarec ui` before and after Gradio: who may see it, what it says without Gradio, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "0.0.0.0"], "choose a user and a password"),
        (["--host", "0.0.0.0", "--auth", "me:short"], "at least 8 characters"),
        (["--auth", ":long enough"], "--auth is USER:PASSWORD"),
        (["--loras", "no/such/folder"], "is no folder"),
        (["--port", "70000"], "is no port"),
    ],
)
def test_wrong_usage_is_one_sentence(call, arguments, sentence, monkeypatch):
    monkeypatch.delenv("LORAREC_AUTH", raising=False)
    done = call("ui", *arguments)
    assert done.code == 2 and sentence in done.err and "Traceback" not in done.err


def test_without_gradio_it_says_what_to_install(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    before = dict(os.environ)
    try:
        done = call("ui", "--port", "0")
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert done.code == 1 and "pip install gradio" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_it_asks_for_the_password_and_ends_quietly(collection):
    hosts = os.environ.get("LORAREC_TEST_HOSTS")
    python = Path(hosts or "", "gradio4", "bin", "python")
    if not hosts or not python.exists():
        pytest.skip("LORAREC_TEST_HOSTS has no gradio4")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [str(python), "-m", "lorarec", "ui", "--host", "0.0.0.0", "--port", port, *collection.flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LORAREC_AUTH": "me:correct horse", "GRADIO_SHARE": "True"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline().strip().endswith(f":{port}/")
        url = f"http://127.0.0.1:{port}/"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}config", timeout=10)
        assert refused.value.code == 401
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        form = urllib.parse.urlencode({"username": "me", "password": "correct horse"}).encode()
        opener.open(f"{url}login", form, timeout=10)
        config = opener.open(f"{url}config", timeout=10).read().decode()
        assert "lorarec_recommend_prompt" in config
        assert "lorarec_settings_loras" not in config, "beyond this machine its folders are not offered"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and out == "" and "stopping" in err and "Traceback" not in err
