"""Writing YAML that every reader takes for the same value: YAML 1.1 and 1.2, Python, Go and the rest.

They disagree about plain scalars (`yes`, `1e3`, `0x10`, `1_000`, `12:30`), so a string stays plain only if no
reader can take it for anything else; everything else is quoted, never folded.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+@-]*(?:[:=][A-Za-z0-9_./+@-]+|://[A-Za-z0-9_./+@:-]+)*")
_WORDS: Final = frozenset(
    {
        "y",
        "n",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
        "nan",
        "inf",
        "infinity",
        "none",
        "nil",
        "void",
    }
)
_BLOCK: Final = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]*")


def write(value: Any) -> str:
    """One YAML document. `value` is a JSON value without NaN or infinities."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, width=2**31, allow_unicode=True, default_flow_style=False
    )


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Nothing is written as an alias: not every tool follows them."""
        del data
        return True


def _string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return None
    lines = text.split("\n")
    tidy = (
        len(lines) > 1 and lines[0] and not text[0].isspace() and all(line == line.rstrip() for line in lines)
    )
    return "|" if tidy and _BLOCK.fullmatch(text) else '"'


def _float(dumper: _Dumper, number: float) -> yaml.ScalarNode:
    """With a dot and a signed exponent: `1.0e+20` is a float to every reader, `1e20` is not."""
    text = repr(number)
    mantissa, exponent, power = text.partition("e")
    if "." not in mantissa:
        mantissa += ".0"
    if exponent and power[0] not in "+-":
        power = "+" + power
    return dumper.represent_scalar("tag:yaml.org,2002:float", mantissa + exponent + power)


_Dumper.add_representer(str, _string)
_Dumper.add_representer(float, _float)
