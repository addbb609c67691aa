"""manifests/components/policies/fields.yaml, written from the known fields: `python -m tests.support.fields_policy` writes it.

CEL has no functions of one's own, and lists of lists cannot be made one list: expressions that are needed in several places
are written out here, and sentences are joined as texts.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from run_operator.document.known_fields import (
    HINTS,
    NOT_HELD,
    OF_A_KIND,
    PLATFORM,
    PORT,
    RESOURCES,
    SOURCE,
    SPEC_HINTS,
    USED,
    VARIABLE,
    VOLUME,
    VOLUME_SPEC,
    WITH_FILES,
    WITHOUT_A_WORD,
    others_of,
)

FILE: Final = Path(__file__).parents[2] / "manifests" / "components" / "policies" / "fields.yaml"
ENTRIES: Final = 20
"""Entries of a list that are looked at, and letters of a key of which one may be too much."""
PLACES: Final[dict[str, frozenset[str]]] = {
    "envs": VARIABLE,
    "service_ports": PORT,
    "volumes": VOLUME,
    "source": SOURCE,
    "resources": frozenset(RESOURCES),
    **VOLUME_SPEC,
}

TEXT: Final = """\
# A key of a Run's document that its kind does not use is named when it is applied: `Warning: ...` from kubectl, before a pod starts.
# Nothing is refused. Written by `make docs` from operator/run_operator/document/known_fields.py.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: run-operator-fields
  labels: {app.kubernetes.io/name: run-operator}
spec:
  failurePolicy: Ignore
  matchConstraints:
    matchPolicy: Equivalent
    namespaceSelector: {}
    objectSelector: {}
    resourceRules:
      - {apiGroups: [run-operator.io], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [runs], scope: Namespaced}
  matchConditions:
    - name: document-changed
      expression: >-
        has(object.spec.spec) && object.spec.spec != null
        && (request.operation == 'CREATE' || !has(oldObject.spec.spec) || object.spec.spec != oldObject.spec.spec)
  variables:
    - name: kind
      expression: "object.spec.kind.replace(':run', '')"
    - name: numbers
      expression: "@NUMBERS@"
    # Fields by kind, and what is written about fields that only other kinds use.
    - name: used
      expression: >-
        @USED@
    - name: others
      expression: >-
        @OTHERS@
    # The right word by the key, in small letters without _; then by a key with a letter too much, too few or swapped.
    - name: words
      expression: >-
        @WORDS@
    - name: near
      expression: >-
        @NEAR@
    - name: kindWords
      expression: >-
        @KIND_WORDS@
    - name: ofTheKind
      expression: "variables.kind in variables.kindWords ? variables.kindWords[variables.kind] : {}"
    - name: ofOthers
      expression: "variables.kind in variables.others ? variables.others[variables.kind] : {}"
    - name: keys
      expression: >-
        variables.kind in variables.used
        ? object.spec.spec.filter(key, !(key in variables.used[variables.kind]) && @SAID@)
        : []
    # The same of the parts that every kind has.
    - name: partsUsed
      expression: >-
        @PARTS_USED@
    - name: partsWords
      expression: >-
        @PARTS_WORDS@
    - name: sentences
      expression: >-
        variables.keys.map(key, 'spec.spec.' + key + ' is not used by ' + variables.kind
          + (key in variables.ofOthers ? variables.ofOthers[key] : '')
          + (@PLAIN@ in variables.ofTheKind ? variables.ofTheKind[@PLAIN@]
             : key in variables.ofOthers ? ''
             : (
               (@PLAIN@ in variables.words ? [variables.words[@PLAIN@]] : [])
               + ([@PLAIN@] + variables.numbers.filter(i, i < size(key)).map(i, @WITHOUT@))
                 .filter(form, form in variables.near && variables.near[form] in variables.used[variables.kind])
                 .map(form, '; did you mean ' + variables.near[form] + '?')
               + [''])[0]))
@PARTS@
    - name: notHeld
      expression: >-
        variables.kind in @WITH_FILES@ && 'source' in object.spec.spec && type(object.spec.spec.source) == map
        && !('function' in object.spec.spec && @FUNCTION@)
        && 'source' in object.spec.spec.source && type(object.spec.spec.source.source) == string
        && object.spec.spec.source.source != '' && !object.spec.spec.source.source.contains('://')
        && !['base64', 'code'].exists(key, key in object.spec.spec.source && @CONTENT@)
        ? ['spec.spec.source names ' + object.spec.spec.source.source + ' @NOT_HELD@']
        : []
    - name: shown
      expression: >-
        (variables.sentences + @SHOWN@).filter(one, one != '')
  validations:
    - expression: "size(variables.shown) == 0"
      messageExpression: "variables.shown.join('; ')"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: run-operator-fields
  labels: {app.kubernetes.io/name: run-operator}
spec:
  policyName: run-operator-fields
  validationActions: [Warn]
"""
PLAIN: Final = "key.lowerAscii().replace('_', '')"
WITHOUT: Final = "(key.substring(0, i) + key.substring(i + 1)).lowerAscii().replace('_', '')"
LIST: Final = """\
    - name: @VARIABLE@
      expression: >-
        @CONDITION@
        ? variables.numbers.filter(i, i < size(@LIST@) && type(@LIST@[i]) == map@MORE@)
          .map(i, @ENTRY@.filter(key, !(key in variables.partsUsed[@PLACE@]) && @SAID@)
            .map(key, 'spec.spec.@NAME@[' + string(i) + ']@BELOW@.' + key + ' is not used by ' + @PLACE@ + @TAIL@).join('; '))
        : []
"""
MAP: Final = """\
    - name: @VARIABLE@
      expression: >-
        @CONDITION@
        ? @ENTRY@.filter(key, !(key in variables.partsUsed[@PLACE@]) && @SAID@)
          .map(key, 'spec.spec.@NAME@.' + key + ' is not used by ' + @PLACE@ + @TAIL@)
        : []
"""


def text() -> str:
    """The whole file."""
    known = set().union(*USED.values())
    used = {kind: sorted(fields | PLATFORM) for kind, fields in USED.items()}
    written = {
        "@WITH_FILES@": list(WITH_FILES),
        "@USED@": used,
        "@OTHERS@": _others(),
        "@WORDS@": _tails((), SPEC_HINTS) | {key: f"; {so}" for key, so in WITHOUT_A_WORD.items()},
        "@NEAR@": _near(known),
        "@KIND_WORDS@": {kind: _tails((), words) for kind, words in OF_A_KIND.items()},
        "@PARTS_USED@": {place: sorted(fields) for place, fields in PLACES.items()},
        "@PARTS_WORDS@": {place: _tails(fields, HINTS[place]) for place, fields in PLACES.items()},
    }
    parts = [
        *(_list(name) for name in ("envs", "service_ports", "volumes")),
        _volume_specs(),
        _map("source"),
        _map("resources"),
    ]
    found = TEXT.replace("@PARTS@\n", "".join(parts))
    found = found.replace("@SHOWN@", " + ".join(f"variables.{name}" for name in _VARIABLES))
    found = found.replace("@SAID@", _said("object.spec.spec[key]"))
    found = found.replace("@FUNCTION@", _said("object.spec.spec.function"))
    found = found.replace("@CONTENT@", _said("object.spec.spec.source[key]")).replace("@NOT_HELD@", NOT_HELD)
    found = found.replace("@PLAIN@", PLAIN).replace("@WITHOUT@", WITHOUT)
    found = found.replace("@NUMBERS@", str(list(range(ENTRIES))))
    for place, value in written.items():
        found = found.replace(place, _cel(value))
    return found


_VARIABLES: Final = (
    "ofEnvs",
    "ofServicePorts",
    "ofVolumes",
    "ofVolumeSpecs",
    "ofSource",
    "ofResources",
    "notHeld",
)


def _list(name: str) -> str:
    """Keys of the entries of a list, as the kind uses it."""
    whole = f"object.spec.spec.{name}"
    variable = "of" + "".join(word.capitalize() for word in name.split("_"))
    return _filled(
        LIST,
        variable=variable,
        name=name,
        list=whole,
        entry=f"{whole}[i]",
        place=f"'{name}'",
        below="",
        more="",
    )


def _volume_specs() -> str:
    """Keys of the `spec` of each volume, by its type."""
    volume = "object.spec.spec.volumes[i]"
    more = (
        f"\n          && 'volume_type' in {volume} && {volume}.volume_type in variables.partsUsed"
        f" && 'spec' in {volume} && type({volume}.spec) == map"
    )
    return _filled(
        LIST, variable="ofVolumeSpecs", name="volumes", list="object.spec.spec.volumes", entry=f"{volume}.spec",
        place=f"{volume}.volume_type", below=".spec", more=more,
    )  # fmt: skip


def _map(name: str) -> str:
    """Keys of a map."""
    whole = f"object.spec.spec.{name}"
    return _filled(
        MAP, variable=f"of{name.capitalize()}", name=name, list=whole, entry=whole, place=f"'{name}'"
    )


def _filled(pattern: str, *, entry: str, place: str, **values: str) -> str:
    name = values["name"]
    kind = "map" if pattern is MAP else "list"
    condition = (
        f"variables.kind in variables.used && '{name}' in variables.used[variables.kind]"
        f" && '{name}' in object.spec.spec\n        && type({values['list']}) == {kind}"
    )
    tail = f"({PLAIN} in variables.partsWords[{place}] ? variables.partsWords[{place}][{PLAIN}] : '')"
    found = pattern.replace("@CONDITION@", condition).replace("@TAIL@", tail)
    found = found.replace("@SAID@", _said(f"{entry}[key]"))
    for key, value in {**values, "entry": entry, "place": place}.items():
        found = found.replace(f"@{key.upper()}@", value)
    return found


def _said(value: str) -> str:
    """Whether a value says something: `is_empty` in CEL."""
    kinds = " || ".join(f"type({value}) == {kind}" for kind in ("string", "list", "map"))
    return f"({kinds} ? size({value}) > 0 : {value} != null)"


def _others() -> dict[str, dict[str, str]]:
    """What is written about fields that only other kinds of the same runtime use."""
    every = set().union(*USED.values())
    found = {
        kind: {key: f", only by {found}" for key in sorted(every - fields) if (found := others_of(kind, key))}
        for kind, fields in USED.items()
    }
    return {kind: keys for kind, keys in found.items() if keys}


def _tails(known: Collection[str], hints: Mapping[str, str]) -> dict[str, str]:
    """Ends of a sentence, by the key in small letters without _."""
    words = dict(hints) | {field.lower().replace("_", ""): field for field in sorted(known)}
    return {key: f"; did you mean {meant}?" for key, meant in words.items()}


def _near(known: Collection[str]) -> dict[str, str]:
    """Fields by their name in small letters without _, and by that with one letter left out."""
    found = {field.replace("_", ""): field for field in sorted(known)}
    for word, field in list(found.items()):
        for i in range(len(word)):
            found.setdefault(word[:i] + word[i + 1 :], field)
    return found


def _cel(value: Any) -> str:
    """A CEL literal, in lines that can be read."""
    lines = textwrap.wrap(json.dumps(value).replace('"', "'"), 120, break_long_words=False)
    return "\n        ".join(lines)


if __name__ == "__main__":
    FILE.write_text(text())
