"""ComfyUI's package of the same name, as far as the nodes see it."""
