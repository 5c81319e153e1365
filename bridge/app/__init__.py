"""Use cases: load, decide, record, act, tell.

`service` is the one door through which a room changes, for browsers and for every gateway. What follows from a
room for the packet engine is computed from its state (`reconcile`), never kept beside it: acting again is always
safe, and a failed act is repaired by acting again. `reconcile` is the only one that opens gates: those of people
who may send, of converters, which are fed by them alone, and of who waits by call, in a lobby where nobody else
is.

What has a folder of its own: `feeds` (who gets what, converted or not), `calls` (who comes by call), `announcing`
(what they are told), `quality` (how good the lines are).
"""
