"""The operator's signature on status fields that others may be able to write.

Everybody who may patch `runs/status` can write a status. The record that decides which program runs is therefore used only
with a signature that the operator alone can make: HMAC-SHA256 with a key from its own Secret, over the Run's uid and the
value. So it cannot be made by hand, nor moved to another Run; an older value of the same Run can come back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SIGNATURE: Final = "signature"
"""The field that holds it, beside what it is about."""
KEY_BYTES: Final = 32
_INT64: Final = 2**63


@dataclass(frozen=True, slots=True, repr=False)
class RecordSigner:
    """`key`: of this cluster's operator, the same for all its replicas and restarts."""

    key: bytes

    def sign(self, run_uid: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """The value with the signature in the field SIGNATURE."""
        bare = _bare(value)
        return {**bare, SIGNATURE: self._signature(run_uid, bare)}

    def is_genuine(self, run_uid: str, value: Mapping[str, Any]) -> bool:
        """Whether this operator wrote the value about this Run."""
        given = value.get(SIGNATURE)
        if not isinstance(given, str) or not given.isascii():
            return False
        return hmac.compare_digest(given, self._signature(run_uid, _bare(value)))

    def _signature(self, run_uid: str, value: Mapping[str, Any]) -> str:
        text = json.dumps([run_uid, _plain(value)], sort_keys=True, separators=(",", ":"))
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()


class SignerWithoutKey(RecordSigner):
    """A reader without the key, such as `runctl why`: every record counts as genuine."""

    def is_genuine(self, run_uid: str, value: Mapping[str, Any]) -> bool:
        """Always."""
        del run_uid, value
        return True


def _bare(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in value.items() if name != SIGNATURE}


def _plain(value: Any) -> Any:
    """As the API server gives it back: whole numbers within 64 bits are integers, all others are floats."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if -_INT64 <= value < _INT64 and value == int(value):
        return int(value)
    return float(value)
