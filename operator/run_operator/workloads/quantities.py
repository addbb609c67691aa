"""Kubernetes quantities, exactly: `500m`, `64Mi`, `1.5Gi`, `1e3`."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from run_operator.workloads.errors import InvalidSpecError
from run_operator.workloads.fields import kind_of

_SUFFIXES: Final = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip
_SHAPE: Final = re.compile(
    r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?:[eE]([+-]?[0-9]{1,2})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])?)"
)
_KI: Final = 1024
_LARGEST: Final = Decimal(2**63 - 1)
"""The API server holds quantities in an int64."""


def quantity(value: Any, path: str) -> str:
    """A positive quantity as Kubernetes writes it. Plain numbers are taken too. Raises InvalidSpecError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidSpecError(path, f"must be a quantity such as 500m or 512Mi, not {kind_of(value)}")
    text = str(value).strip()
    amount = parse(text)
    if amount is None or amount <= 0 or amount > _LARGEST:
        raise InvalidSpecError(path, f"{text[:40]!r} is not a quantity; write for example 500m, 2 or 512Mi")
    return text


def parse(text: str) -> Decimal | None:
    """The amount in base units (cores, bytes), or None for what is not a quantity."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    digits, exponent, suffix = match.groups()
    if exponent is not None:
        return Decimal(digits).scaleb(int(exponent))
    return Decimal(digits) * _SUFFIXES[suffix or ""]


def scaled_bytes(text: str, factor: Decimal) -> str:
    """A memory quantity times `factor`, rounded up to whole Ki (or bytes below that)."""
    amount = (parse(text) or Decimal(0)) * factor
    if amount < _KI:
        return str(int(amount.to_integral_value(ROUND_CEILING)))
    return f"{int((amount / _KI).to_integral_value(ROUND_CEILING))}Ki"
