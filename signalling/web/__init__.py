"""The aiohttp shell around the sans-IO protocol: pages, WebSocket and REST."""
