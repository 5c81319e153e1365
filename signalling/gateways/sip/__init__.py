"""SIP (RFC 3261): a user agent without sockets or clocks, and the thin shell of asyncio around it in `io`."""
