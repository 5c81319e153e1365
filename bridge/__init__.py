"""Decides: rooms and admission, use cases, storage, access and operation.

The only package that knows signalling, media and transcode.
"""
