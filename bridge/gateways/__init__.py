"""Gateways: how legs that are no browsers come into a room. One folder each, independent of one another."""
