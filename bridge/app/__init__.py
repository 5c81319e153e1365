"""Use cases: load, decide, record, act, tell.

`service` is the one door through which a room changes, for browsers and, later, for every gateway. What follows
from a room for the packet engine is computed from its state (`planner`, `reconcile`), never kept beside it: acting
again is always safe, and a failed act is repaired by acting again.
"""
