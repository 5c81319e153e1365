"""Doctors on duty: who is on a rota, which rooms wait for one of them, and how one takes such a room.

`rotas` says who may, `queue` what they are told of a room, `presence` who of them is there, `desk` does it.
"""
