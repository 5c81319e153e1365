"""What a sharp picture that has come is of."""

import base64
import io
from typing import Final

import av

from tests.support.bridge import Visitor
from transcode.codec import luma
from transcode.pictures import read_picture

_SHOWN: Final = """() => {
  const image = document.querySelector("#still-view img");
  const canvas = Object.assign(document.createElement("canvas"), { width: 960, height: 540 });
  canvas.getContext("2d").drawImage(image, 0, 0, 960, 540);
  const file = canvas.toDataURL("image/jpeg", 0.95).split(",")[1];
  return { width: image.naturalWidth, height: image.naturalHeight, file };
}"""


async def shows(viewer: Visitor, identity: int, size: tuple[int, int]) -> None:
    """Check whose camera the picture is of, and how large it is."""
    shown = await viewer.page.evaluate(_SHOWN)
    assert (shown["width"], shown["height"]) == size
    with av.open(io.BytesIO(base64.b64decode(shown["file"]))) as container:
        picture = read_picture(luma(next(container.decode(video=0))))
    assert picture is not None
    assert picture.identity == identity
