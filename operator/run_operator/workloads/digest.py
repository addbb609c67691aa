"""Whether a service's document was edited in more than its replicas since its pods were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

LENGTH: Final = 16


def digest(spec: Mapping[str, Any]) -> str:
    """Of the inner spec without `replicas`: 16 hexadecimal digits, the same for the same document."""
    rest = {key: value for key, value in spec.items() if key != "replicas"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
