"""One picture through a worker, from each codec to each other, told by its content."""

import pytest

from tests.transcode.peers import Camera, Engine, Screen, picture_format
from transcode.jobs import Compose, PictureIn, PictureOut, Scene, Tile
from transcode.pool import Pool

CAMERA, OUT = 11, 21


def conversion(engine: Engine, came, goes, mode: int = 1, **out) -> Compose:
    scene = Scene(tiles=(Tile(input=CAMERA),))
    size = {"width": 320, "height": 240} | out
    return Compose(
        id=1,
        peer=engine.port,
        inputs=(PictureIn(ssrc=CAMERA, formats=(picture_format(came),)),),
        outs=(PictureOut(ssrc=OUT, format=picture_format(goes, mode), scene=scene, bitrate=500_000, **size),),
    )


@pytest.mark.parametrize(
    ("came", "goes", "mode"),
    [("vp8", "h264", 0), ("vp8", "h264", 1), ("h264", "vp8", 1), ("vp9", "h264", 1), ("vp8", "vp9", 1)],
)
async def test_a_picture_comes_out_in_another_codec(came, goes, mode):
    engine, screen = Engine(), Screen(goes)
    engine.outs[OUT] = screen
    camera = Camera(7, CAMERA, came)
    async with Pool(lambda _: None, workers=1) as pool:
        engine.connect(await pool.start(conversion(engine, came, goes, mode)))
        await engine.until(lambda: len(screen.readings) >= 5, lambda: engine.send(*camera.packets()))
    assert [reading.identity for reading in screen.readings if reading] == [7] * len(screen.readings)
    counters = [reading.counter for reading in screen.readings if reading]
    assert counters == sorted(counters)
    engine.close()
