"""The domain of a consultation: who is in a room, in which place, and who may change that.

Pure: no clock, IO, tasks or logging. `decide` turns a command into events or a refusal, `evolve` applies an
event, `views` says what follows for the packet gate and for what each person sees. README.md beside this file
holds the rules in prose.
"""
