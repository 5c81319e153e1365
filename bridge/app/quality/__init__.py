"""How good each line is, from the engine's figures and pages' own, and who is told.

`figures` reads a snapshot, with `round_trips` for how far each is away, `lines` puts together what it says of a
person, `mos` and `verdict` judge it, `trial_verdict` does so of a test before entry, `hints` says what pages
themselves see, `ration` how often who is told how much, `strain` when a telephone would do better, and `watch`
looks once a second.
"""
