"""Every message of the browser protocol and every REST body, with their limits. `PROTOCOL.md` is its prose.

Unknown fields are refused, so that a misspelt field is a clear error and never a silently ignored wish.
Fields that may be null may also be left out, `pin.participant` excepted.

`words` are what the others are made of; `client`, `server` and `rest` what is said; `coding` reads and writes it.
Everybody else imports this package alone: `from signalling import messages as m`.
"""

from signalling.messages.client import *  # noqa: F403 - the names of the protocol are those of its parts
from signalling.messages.coding import *  # noqa: F403
from signalling.messages.records import *  # noqa: F403
from signalling.messages.rest import *  # noqa: F403
from signalling.messages.server import *  # noqa: F403
from signalling.messages.words import *  # noqa: F403
