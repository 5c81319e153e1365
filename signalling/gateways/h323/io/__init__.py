"""The only part of H.323 that knows sockets and the loop."""
