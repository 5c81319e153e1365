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


class Malformed(TranscodeError):  # noqa: N818 - named for what happened
    """A payload is not what its RTP payload format says."""

    code = "malformed"


class UnknownJob(TranscodeError):  # noqa: N818 - named for what happened
    """There is no job, input or out of this name."""

    code = "unknown_job"


class BadJob(TranscodeError):  # noqa: N818 - named for what happened
    """A job contradicts itself or asks for what no worker can do."""

    code = "bad_job"


class NoSpeech(TranscodeError):  # noqa: N818 - named for what happened
    """Nothing can be spoken."""

    code = "no_speech"


class NoWorker(TranscodeError):  # noqa: N818 - named for what happened
    """No worker could be started or would take the job on."""

    code = "no_worker"
