"""The error of `media.sdp`."""

from typing import Literal

SdpCode = Literal["sdp_invalid", "sdp_unusable"]


class SdpError(Exception):
    """An offer that cannot be answered.

    `code` is `sdp_invalid` when the text breaks the grammar or a limit, `sdp_unusable` when it is sound but
    offers nothing that the bridge can take. `message` is an English sentence for developers that quotes
    nothing of the offer, because offers hold addresses.
    """

    def __init__(self, code: SdpCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
