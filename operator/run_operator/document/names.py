"""Object names: from an id to a name that Kubernetes takes."""

from __future__ import annotations

import hashlib
import re
from typing import Final

MAX_NAME: Final = 52
"""Characters: a label has 63, and pods and claims get a suffix."""
DIGEST: Final = 10
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_HASHED: Final = re.compile(rf".*-[0-9a-f]{{{DIGEST}}}")


def object_name(entity_id: str) -> str:
    """The name of a Run's object.

    An id that is a DNS label already stays as it is. Any other one is made readable and ends in a hash of the
    whole id, and so does one that looks as if it ended in such a hash: two ids never share a name, however alike
    they are.
    """
    if len(entity_id) <= MAX_NAME and _LABEL.fullmatch(entity_id) and not _HASHED.fullmatch(entity_id):
        return entity_id
    readable = re.sub(r"[^a-z0-9]+", "-", entity_id.lower()).strip("-")[: MAX_NAME - DIGEST - 1].strip("-")
    digest = hashlib.sha256(entity_id.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST]
    return f"{readable or 'run'}-{digest}"
