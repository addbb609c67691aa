"""Keys of a document, or of a manifest's `spec`, that are not known there: all of them in one error, each with its right place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from run_operator.api.raw import mapping
from run_operator.document.errors import NotAnExportError
from run_operator.document.known_fields import SPEC_HINTS, USED, right_word

MAX_KEY: Final = 80
MAX_KEYS: Final = 10
POLICY: Final = frozenset(
    {
        "maxInterruptions", "backoffLimit", "activeDeadlineSeconds", "deadlinePolicy", "pendingDeadlineSeconds",
        "podTerminationTimeoutSeconds", "ttlSecondsAfterFinished", "terminationGracePeriodSeconds", "metrics",
    }
)  # fmt: skip
DESIRED: Final = ("suspend", "managedBy", "runPolicy")
"""Fields of a Run's manifest beside the document."""
OBJECT: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_INNER: Final = frozenset().union(*USED.values())


def check_export(document: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise NotAnExportError for keys that are not part of an export."""
    found = [
        f"the field '{key[:MAX_KEY]}' is not part of an export{_right_place(key, known, 'spec')}"
        for key in _unknown(document, known)
    ]
    if found:
        raise NotAnExportError(f"{'; '.join(found)}; use {', '.join(known)}")


def check_manifest(manifest: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise NotAnExportError for keys of a Run's manifest that the API server would leave out. `known`: those of an export."""
    spec, top = mapping(manifest.get("spec")), (*known, *DESIRED)
    found = [
        f"{key[:MAX_KEY]} is not known{_right_place(key, OBJECT, 'spec.spec')}"
        for key in _unknown(manifest, OBJECT)
    ]
    found += [
        f"spec.{key[:MAX_KEY]} is not known{_right_place(key, top, 'spec.spec')}"
        for key in _unknown(spec, top)
    ]
    found += [
        f"spec.runPolicy.{key[:MAX_KEY]} is not known{right_word(key, POLICY, 'runPolicy')}"
        for key in _unknown(mapping(spec.get("runPolicy")), POLICY)
    ]
    if found:
        raise NotAnExportError("; ".join(found))


def _unknown(given: Mapping[str, Any], known: Collection[str]) -> Iterator[str]:
    return iter([key for key in given if key not in known][:MAX_KEYS])


def _right_place(key: str, known: Collection[str], inner: str) -> str:
    """`; did you mean spec.spec.image?`, or the word of this level that is nearest."""
    plain = key.lower().replace("_", "")
    meant = {field.replace("_", ""): field for field in _INNER}.get(plain) or SPEC_HINTS.get(plain, "")
    if meant in _INNER:
        return f"; did you mean {inner}.{meant}?"
    if meant:
        return f"; did you mean {meant}{'' if meant.startswith('spec.') else f', in {inner}'}?"
    return right_word(key, known, "document")
