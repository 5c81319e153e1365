"""How media get from everybody to everybody.

`planner` says who is in which slot, `serving` whether that comes as it is, is converted, mixed or composed, and
why, `asking` what pages are asked to send, `sending` what they do send, `racks` where what is wanted of
converters is made, `jobs` what each is told, and `converters` keeps workers and their legs in line with that.
`bridge.app.reconcile` calls them in this order, and is the only one that opens gates.
"""
