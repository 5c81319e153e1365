"""Use cases: load, decide, record, act, tell.

`service` is the one door through which a room changes, for browsers and, later, for every gateway. What follows
from a room for the packet engine is computed from its state (`planner`, `reconcile`), never kept beside it: acting
again is always safe, and a failed act is repaired by acting again.

How media get from everybody to everybody: `planner` says who is in which slot, `serving` whether that comes as it
is, is converted, mixed or composed, and why, `racks` where what is wanted of converters is made, `jobs` what each
is told, and `converters` keeps workers and their legs in line with that. `reconcile` calls them in this order, and
is the only one that opens gates: those of people who may send, and of converters, which are fed by them alone.
"""
