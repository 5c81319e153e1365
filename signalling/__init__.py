"""Speaks: the browser protocol, the web server and the gateways. It decides nothing and imports no sibling.

Start with `PROTOCOL.md`; then `messages` (what goes over the wire), `session` (what may be said when) and
`ports` (what this package needs from the one that decides).
"""
