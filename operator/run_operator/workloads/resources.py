"""`spec.resources`: requests of the container, and the limits that the platform derives from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

from run_operator.document.known_fields import RESOURCES, right_word
from run_operator.workloads import fields
from run_operator.workloads.fields import InvalidSpecError, kind_of

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


MEMORY_FACTOR: Final = Decimal("1.1")
"""The platform's memory limit is the request and a tenth."""
LEAST_MEMORY: Final = Decimal(10**6)
"""Bytes in which no container starts: 512m (half a byte) or 512 is a mistake for 512Mi."""
PATH: Final = f"{fields.ROOT}.resources"


def compute(spec: Mapping[str, Any], gpu_resource: str) -> dict[str, dict[str, str]]:
    """`resources` of the container: requests as given; limits cpu = request, memory = request x 1.1, gpu = request.

    Takes the flat form `{cpu: 500m}` and the one before 0.14, `{cpu: {requests, limits}}`, whose limits win.
    """
    asked = fields.mapping(spec, "resources")
    for key in asked:
        if key not in RESOURCES:
            hint = right_word(key, RESOURCES, "resources")
            raise InvalidSpecError(f"{PATH}.{key}", f"is unknown; use one of {', '.join(RESOURCES)}{hint}")
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for key, name in (("cpu", "cpu"), ("mem", "memory"), ("gpu", gpu_resource)):
        request, limit = _pair(asked.get(key), f"{PATH}.{key}")
        if request is None and limit is None:
            continue
        wanted = request or limit or ""
        requests[name] = wanted
        limits[name] = limit or (scaled_bytes(wanted, MEMORY_FACTOR) if key == "mem" else wanted)
        _check(key, requests[name], limits[name])
    return {part: values for part, values in (("requests", requests), ("limits", limits)) if values}


def disk(spec: Mapping[str, Any]) -> str | None:
    """The size of the disk at /shared, if one is asked for."""
    request, limit = _pair(fields.mapping(spec, "resources").get("disk"), f"{PATH}.disk")
    return request or limit


def _pair(value: Any, path: str) -> tuple[str | None, str | None]:
    if not isinstance(value, Mapping):
        return _asked(value, path), None
    return _asked(value.get("requests"), f"{path}.requests"), _asked(value.get("limits"), f"{path}.limits")


def _asked(value: Any, path: str) -> str | None:
    """A requested quantity; None for no request, which people also write as `gpu: 0`."""
    if value in (None, "") or (not isinstance(value, bool) and parse(str(value).strip()) == 0):
        return None
    return quantity(value, path)


def _check(key: str, request: str, limit: str) -> None:
    asked, allowed = parse(request), parse(limit)
    if asked is None or allowed is None or asked > allowed:
        raise InvalidSpecError(f"{PATH}.{key}", f"requests {request} is more than limits {limit}")
    if key == "mem" and allowed < LEAST_MEMORY:
        raise InvalidSpecError(
            f"{PATH}.mem",
            f"{request} is less than a megabyte, which is too little for any program; write for example 512Mi",
        )
    if key == "gpu" and (asked != asked.to_integral_value() or asked != allowed):
        raise InvalidSpecError(f"{PATH}.gpu", f"{request} is not a whole number of devices")
