"""Every event of every room, told to the addresses that the operator names; README.md says how to receive it.

`payload`, `signing` and `retry` are pure; `deliver` alone has a clock and a way out. The rows that wait are
written with the events themselves (`bridge.store.outbox`).
"""
