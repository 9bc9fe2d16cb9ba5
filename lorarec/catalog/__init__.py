"""LoRA files -> records: scanning, parsing, merging, keeping."""
