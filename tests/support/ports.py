"""TCP ports for servers that have to know theirs before they listen."""

import random
import socket
from contextlib import ExitStack

# Below the kernel's ephemeral range (net.ipv4.ip_local_port_range begins at 32768): neither a connection nor a
# server on port 0 takes one of these between the look and the use, and two test processes hardly ever choose the
# same.
_FIRST, _LAST = 10_240, 32_767
_CHANCE = random.SystemRandom()


def free_ports(number: int) -> list[int]:
    """Ports on which nobody listens, all different."""
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < number:
            probe = stack.enter_context(socket.socket())
            port = _CHANCE.randint(_FIRST, _LAST)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        return found
