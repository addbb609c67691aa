"""The headers of every answer, among them the Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

COMMON: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
NO_STORE: Final = {"Cache-Control": "no-store"}


def content_policy(issuers: Sequence[str] = ()) -> str:
    """The Content-Security-Policy. `issuers`: the origins of the OIDC provider, to which the page sends its own requests."""
    connect = " ".join(["'self'", *issuers])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            f"connect-src {connect}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def headers(policy: str) -> dict[str, str]:
    """The headers of any answer."""
    return COMMON | {"Content-Security-Policy": policy}
