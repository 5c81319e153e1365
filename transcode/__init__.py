"""Converts media. Today: pictures and tones for demo and tests, and their codecs; see README.md."""
