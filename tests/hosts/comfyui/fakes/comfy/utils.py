"""Loading a file gives its bytes; every load is counted."""

from pathlib import Path

loads = []


def load_torch_file(path, safe_load=False):
    assert safe_load, "LoRA files must never be unpickled"
    loads.append(Path(path).name)
    return Path(path).read_bytes()
