"""Who can reach the WebUI decides whether its tab offers settings that name folders and addresses."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the WebUI was started with."""
    given = SimpleNamespace()
    shared = ModuleType("modules.shared")
    shared.cmd_opts = given  # type: ignore[attr-defined]
    modules = ModuleType("modules")
    modules.shared = shared  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "modules", modules)
    monkeypatch.setitem(sys.modules, "modules.shared", shared)
    monkeypatch.syspath_prepend(str(ROOT))
    return given


@pytest.mark.parametrize(
    ("started", "alone"),
    [
        ({}, True),
        ({"server_name": "127.0.0.1"}, True),
        ({"server_name": None, "listen": False, "share": False, "ngrok": None}, True),
        ({"listen": True}, False),
        ({"server_name": "0.0.0.0"}, False),
        ({"server_name": "192.168.1.4"}, False),
        ({"share": True}, False),
        ({"ngrok": "token"}, False),
    ],
)
def test_only_this_machine(options: SimpleNamespace, started: dict[str, Any], alone: bool) -> None:
    vars(options).update(started)
    assert importlib.import_module("lorarec_webui.host").for_this_machine() is alone
