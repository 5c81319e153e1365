"""Who is seen where in composed pictures, as one talks after the other."""

from bridge.app.feeds.jobs import Label, job_of
from bridge.app.feeds.racks import Rack
from bridge.app.feeds.serving import How, Want
from media.converters import MADE, READ_HIGH, ConverterLeg
from media.description import CAMERA, Encoding, Slot, Source
from transcode.jobs import Compose

PEOPLE = (1, 2, 3, 4)
LABELS = {leg: Label(f"Person {leg}") for leg in (*PEOPLE, 5)}
LEG = ConverterLeg(
    leg=1,
    room=1,
    port=9,
    kind="video",
    slots=tuple(Slot(slot=n, kind="video", ssrc=100 + n, rtx_ssrc=None, formats=READ_HIGH) for n in range(8)),
    sources=(Source(source=0, kind="video", mid="0", encodings=(Encoding(ssrc=200),), formats=MADE),),
)


def speaking(large: int, people: tuple[int, ...] = PEOPLE, before: Compose | None = None) -> Compose:
    """A picture of all with one large."""
    keys = tuple((leg, CAMERA) for leg in people)
    form = next(form for form in MADE if form.codec == "h264")
    want = Want(how=How.COMPOSE, of=keys, form=form, large=(large, CAMERA))
    rack = Rack("video", {leg: (leg, CAMERA) for leg in people}, {0: want})
    job = job_of(rack, LEG, LABELS, before=before)
    assert isinstance(job, Compose)
    return job


def order(job: Compose) -> list[int]:
    """Who is in which tile."""
    return [int(tile.name.removeprefix("Person ")) for tile in job.outs[0].scene.tiles]


def test_who_talks_changes_places_with_who_did_and_nobody_else_moves() -> None:
    """One after the other."""
    job = speaking(1)
    assert order(job) == [1, 2, 3, 4]
    job = speaking(3, before=job)
    assert order(job) == [3, 2, 1, 4]
    job = speaking(2, before=job)
    assert order(job) == [2, 3, 1, 4]
    assert order(speaking(2, before=job)) == [2, 3, 1, 4]


def test_who_comes_is_last_and_who_goes_leaves_the_others_in_their_order() -> None:
    """At once with a change of who talks, too."""
    job = speaking(3, before=speaking(1))
    assert order(speaking(3, (1, 2, 3, 4, 5), before=job)) == [3, 2, 1, 4, 5]
    assert order(speaking(1, (1, 2, 4), before=job)) == [1, 2, 4]
