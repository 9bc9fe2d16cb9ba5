"""ComfyUI's graphs: what ran (the API graph in ``prompt``) and what was saved (``workflow``) -> a generation."""
