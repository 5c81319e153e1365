"""In which codec sources come: a page may send any of those that were agreed, and changes when it is asked to."""

from collections.abc import Mapping
from typing import Final

from bridge.app.live import LiveRoom
from media.api import CODECS, Snapshot
from media.description import CAMERA, CONTENT

PICTURES: Final = (CAMERA, CONTENT)
PATIENCE_LOOKS: Final = 3
"""So many looks, a second apart, a page has to do what it is asked, before its pictures are converted."""


def codecs_of(snapshot: Snapshot) -> Mapping[tuple[int, int], str]:
    """The codec of each source, by leg and number; the lowest encoding tells, since it is always sent."""
    streams = snapshot.streams
    rows = streams[(streams["direction"] == 0) & (streams["encoding"] == 0) & (streams["codec"] > 0)]
    keys = zip(rows["leg"].tolist(), rows["index"].tolist(), strict=True)
    return dict(zip(keys, (CODECS[number] for number in rows["codec"].tolist()), strict=True))


def heed(live: LiveRoom, codecs: Mapping[tuple[int, int], str]) -> bool:
    """Note what the pictures of a room come in; tell whether anything has changed."""
    changed = False
    for media in live.legs.values():
        found = {source: codecs[media.leg, source] for source in PICTURES if (media.leg, source) in codecs}
        changed = changed or found != media.sending
        media.sending = found
    return _wait(live, codecs) or changed


def _wait(live: LiveRoom, codecs: Mapping[tuple[int, int], str]) -> bool:
    """Count how long sources have not come as they were asked for; tell whether one has had its time."""
    behind = {key for key, codec in live.asked.items() if codecs.get(key, codec) != codec}
    live.unheeded = {key: live.unheeded.get(key, 0) + 1 for key in behind}
    return PATIENCE_LOOKS in live.unheeded.values()
