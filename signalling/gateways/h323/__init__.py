"""H.323 (H.225.0, H.245, RAS): calls and a registration without sockets and clocks; `io` puts asyncio around."""
