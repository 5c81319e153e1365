"""Rooms for appointments: what an appointment book wants, and what its people are told.

`booking` is what is kept of an appointment, `wishes` reads a resource, `views` writes one, all pure; `desk` has
the rooms changed.
"""
