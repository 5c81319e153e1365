"""What the outside of the use cases may raise, and they have an answer to."""


class Overtaken(Exception):  # noqa: N818 - an outcome, named for what happened
    """Raised by the store when another bridge on the same records has changed the room meanwhile."""
