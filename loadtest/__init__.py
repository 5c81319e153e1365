"""Pretends: synthetic participants for demo, tests and load; see the README beside this."""
