"""Converts media in worker processes; makes pictures and tones for demo and tests. See README.md."""
