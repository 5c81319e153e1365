"""Who comes by a call: the `Host` of gateways, in terms of rooms, legs and commands.

`gateways` keeps them running, `callers` is the door of one, `visitor` one call from its PIN to its end, `called`
one that the host has begun, `desk` what all of them share. `reception`, `keys`, `holding` and `presenting` are
their pure parts, `call_media` their legs.
"""
