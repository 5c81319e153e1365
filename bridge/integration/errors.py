"""What can go wrong between the bridge and other systems. No text holds anything of a person or a secret."""

from typing import ClassVar


class IntegrationError(Exception):
    """Base of everything that `bridge.integration` raises."""

    code: ClassVar[str] = "internal"


class SettingsError(IntegrationError):
    """What the operator wrote cannot be used; the text names the section."""

    code = "config_invalid"
