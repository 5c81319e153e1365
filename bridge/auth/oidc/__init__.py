"""Logins by OpenID Connect: who somebody is, as a provider that the operator trusts says it.

The bridge is a confidential client of the authorization code flow: it pushes its request (RFC 9126), with PKCE
(RFC 7636), proves itself by a signed assertion (RFC 7523) and has tokens bound to a key of its own (RFC 9449).
That is the security profile of HelseID, and what ID-porten and Helsenorge take. No access token is used for
anything: of an answer only the ID token counts.

A portal that the operator knows may say who somebody is instead, in a token of its own (`launches`). What counts
once is remembered (`once`).

`attempts`, `requests`, `tokens` and `levels` are without clock or socket; `client` alone speaks to providers.
What a login proved is kept by the browser, sealed (`seals`), so that a bridge that begins anew knows it still.
Only `bridge.compose` and `bridge.cli` import this.
"""
