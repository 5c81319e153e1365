"""Other systems: what they are told of rooms, and how they arrange and enter them.

| package | for |
|---|---|
| `webhooks` | signed messages of every event of every room, to the addresses that the operator names |
"""
