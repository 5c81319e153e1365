"""The home of gateway plugins: one folder each, such as `sip/` or `h323/`, none of which imports another.

A gateway speaks a room system's or a telephone network's own protocol and turns what it hears into the same
acts that a browser's messages stand for: a SIP INVITE or an H.323 Setup becomes a knock on the door of a
room, and the doctor admits it like anyone else. Gateways are found by the entry-point group
`brotjeneste.gateways`, so that one can be installed, left out or replaced without a change here.

`interface` is all that a gateway and the bridge know of each other, and all that a plugin of somebody else's may
import from here; `conformance` has the tests that each has to pass.
"""
