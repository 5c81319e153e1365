"""Adapters: one way to put the same robots on our bridge and on others, for comparisons side by side."""
