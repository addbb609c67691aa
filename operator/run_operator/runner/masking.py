"""Words without credentials: logs and statuses are read by more people than the settings."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_ADDRESS = re.compile(r"(?<=://)[^/\s]*@")
SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSW|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_KEY", re.IGNORECASE)
NO_SECRET = ("_FILE", "_PATH", "_EXPIRATION", "_ID")
SHORTEST = 8
"""Characters of a value that is looked for: a shorter one is a part of many words."""


def masked(text: str) -> str:
    """Without the credentials of the addresses in it."""
    return IN_ADDRESS.sub("***@", text)


def without_secrets(text: str, environ: Mapping[str, str] | None = None) -> str:
    """Also without the values of variables that are secret by their name."""
    for name, value in (os.environ if environ is None else environ).items():
        if len(value) >= SHORTEST and SECRET_NAME.search(name) and not name.endswith(NO_SECRET):
            text = text.replace(value, "***")
    return masked(text)
