"""Prompt text -> clean text, comma chunks and terms."""
