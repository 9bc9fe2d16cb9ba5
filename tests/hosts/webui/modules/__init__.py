"""As much of a WebUI's `modules` as our adapter asks for, with its traps; see tests/hosts/webui/webui.py."""
