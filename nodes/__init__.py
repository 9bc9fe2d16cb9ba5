"""ComfyUI adapter: node classes and what they need of the host."""
