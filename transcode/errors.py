"""What can go wrong in conversion."""

from __future__ import annotations


class TranscodeError(Exception):
    """Base of every error that this package raises on purpose; `code` is stable and machine-readable."""

    code = "transcode"


class UnsupportedCodec(TranscodeError):  # noqa: N818 - named for what happened
    """There is no encoder or decoder for this codec here."""

    code = "unsupported_codec"


class Undecodable(TranscodeError):  # noqa: N818 - named for what happened
    """The codec refused the data."""

    code = "undecodable"


class PictureTooSmall(TranscodeError):  # noqa: N818 - named for what happened
    """The code cells of a picture of this size would be too small to survive compression."""

    code = "picture_too_small"
