"""Candidates -> suggestions: signals, learned blend, versions, diversity, strength, reasons."""
