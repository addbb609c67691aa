"""Names of what a Run owns. Each follows from the Run's name alone, so that creating twice is creating once."""

from __future__ import annotations

import hashlib
import re
from typing import Final

MAX_LABEL: Final = 63


def child_name(run_name: str) -> str:
    """The Run's own name where Kubernetes allows it for a Job, else a shortened one with a hash."""
    return shortened(run_name)


def claim_name(run_name: str, volume: str) -> str:
    """The claim of one volume."""
    return shortened(f"{run_name}-{volume}")


def files_name(run_name: str, content: bytes) -> str:
    """The ConfigMap with the Run's source: another name for other content, since it is never changed."""
    return shortened(f"{run_name}-files-{hashlib.sha256(content).hexdigest()[:8]}")


def shortened(name: str) -> str:
    """A DNS label of at most 63 characters; a name that has to change ends in a hash of the whole of it."""
    clean = re.sub(r"[^a-z0-9-]", "-", name.lower()).strip("-")
    if clean == name and len(name) <= MAX_LABEL:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{clean[: MAX_LABEL - 11].strip('-') or 'run'}-{digest}"


def label_value(text: str) -> str:
    """A label value that says as much of the text as labels can: other characters become `-`."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:MAX_LABEL].strip("-._")
