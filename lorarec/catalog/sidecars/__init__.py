"""Readers of the files that other tools keep beside a LoRA, one per writer."""
