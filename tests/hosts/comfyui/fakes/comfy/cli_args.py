"""The options ComfyUI was started with."""

from types import SimpleNamespace

args = SimpleNamespace(multi_user=False)
