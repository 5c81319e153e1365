"""What can go wrong with a login. No text holds anything of a person or of a token."""

from typing import ClassVar

from bridge.auth.errors import AuthError


class LoginError(AuthError):
    """Base of everything that `bridge.auth.oidc` raises."""

    code: ClassVar[str] = "login_failed"


class ProviderError(LoginError):
    """The provider cannot be reached, or does not do what it must."""

    code = "login_unavailable"


class LoginRefused(LoginError):  # noqa: N818 - named for what happened
    """The person gave up, or the provider did not let them in."""

    code = "login_refused"


class LoginAsks(LoginRefused):
    """The provider would have had to ask, and was told not to."""


class LoginStale(LoginError):  # noqa: N818 - named for what happened
    """No login of this browser is under way, or it took too long."""

    code = "login_stale"


class TokenRejected(LoginError):  # noqa: N818 - named for what happened
    """An ID token is not what was asked for: forged, late, another client's, another login's."""

    code = "login_rejected"


class TooWeak(LoginError):  # noqa: N818 - named for what happened
    """The login is genuine and proves less than the operator asks for."""

    code = "login_too_weak"


class NoOperator(LoginError):  # noqa: N818 - named for what is so
    """The login is genuine, and not that of somebody who may run the bridge."""

    code = "unauthorized"


class SettingsError(LoginError):
    """What the operator wrote of a provider cannot be used; the text names the key."""

    code = "config_invalid"
