"""Forwards: media descriptions (`sdp`), transport security (`transport`), the engine behind `api`."""
