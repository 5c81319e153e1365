"""H.245 of one call, without clock, socket or chance of its own, and what it means as SDP."""
