"""Whether a job can be done at all: asked by the pool before it tells a worker, and by the worker again."""

from __future__ import annotations

from typing import Final

from transcode.errors import BadJob
from transcode.jobs import MOST_TILES, Compose, Job, Mix, PictureOut

_LARGEST_SIDE: Final = 4096
_SMALLEST_SIDE: Final = 16
_MOST_FPS: Final = 60


def check(job: Job) -> None:
    """Raise `BadJob` if it contradicts itself or asks for what no encoder does."""
    for group in (job.inputs, job.outs):
        if len({one.ssrc for one in group}) != len(group):
            raise BadJob("an SSRC stands twice in a job")
    if isinstance(job, Mix):
        _check_mix(job)
    else:
        _check_compose(job)


def _check_mix(job: Mix) -> None:
    known = {one.ssrc for one in job.inputs}
    if any(ssrc not in known for out in job.outs for ssrc in out.of):
        raise BadJob("a mix is of an input that the job does not have")


def _check_compose(job: Compose) -> None:
    known = {one.ssrc for one in job.inputs}
    for out in job.outs:
        if len(out.scene.tiles) > MOST_TILES:
            raise BadJob("a scene has too many tiles")
        if any(tile.input is not None and tile.input not in known for tile in out.scene.tiles):
            raise BadJob("a tile shows an input that the job does not have")
        _check_size(out)


def _check_size(out: PictureOut) -> None:
    sides = (out.width, out.height)
    if any(side % 2 for side in sides) or min(sides) < _SMALLEST_SIDE or max(sides) > _LARGEST_SIDE:
        raise BadJob("a picture's sides must be even, and from 16 to 4096")
    if not 1 <= out.fps <= _MOST_FPS:
        raise BadJob("1 to 60 pictures a second can be made")
