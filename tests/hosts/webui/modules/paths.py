"""Where the host lies. `webui.py` fills it in."""

import os
from pathlib import Path

script_path = str(Path.cwd())  # hosts are started in their own folder
data_path = script_path


def as_sdnext():
    """SD.Next's output folders are relative to a base folder."""
    global resolve_output_path

    def resolve_output_path(base_path, specific_path):
        if not specific_path:
            return base_path or ""
        alone = Path(specific_path).is_absolute() or not base_path
        return specific_path if alone else os.path.join(base_path, specific_path)
