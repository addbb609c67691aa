"""Names of objects: from an id to a name that Kubernetes accepts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from run_operator.document.errors import InvalidReferenceError

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


_WORD: Final = "[a-zA-Z0-9._+-]{1,256}"
"""The platform's own rule for ids and names."""
_SHAPE: Final = re.compile(
    rf"(?P<kind>{_WORD})://(?P<project>{_WORD})/(?P<name>{_WORD})(?::(?P<id>{_WORD}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`id` is None for the latest version of that name. For tasks the last part is the id, kept as `name`."""

    kind: str
    project: str
    name: str
    id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference. Raises InvalidReferenceError."""
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise InvalidReferenceError(f"{text[:120]!r} is not a reference; write kind://project/name:id")
        return cls(match["kind"], match["project"], match["name"], match["id"])

    def __str__(self) -> str:
        return f"{self.kind}://{self.project}/{self.name}" + (f":{self.id}" if self.id else "")


def secret_name(name: str) -> str:
    """The Kubernetes Secret that `spec.secrets` means: Secrets have neither capitals nor `_` in their names."""
    return name.lower().replace("_", "-")
