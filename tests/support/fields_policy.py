"""manifests/components/policies/fields.yaml, written from the known fields: `python -m tests.support.fields_policy` writes it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Final

from run_operator.document.known_fields import OF_A_KIND, PLATFORM, SPEC_HINTS, USED

FILE: Final = Path(__file__).parents[2] / "manifests" / "components" / "policies" / "fields.yaml"

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
    - name: used
      expression: >-
        @USED@
    - name: hints
      expression: >-
        @HINTS@
    - name: unknown
      expression: >-
        variables.kind in variables.used
        ? object.spec.spec.filter(key, !(key in variables.used[variables.kind]) && object.spec.spec[key] != null)
        : []
    - name: kindHints
      expression: >-
        @KIND_HINTS@
    - name: words
      expression: >-
        variables.kind in variables.kindHints ? variables.kindHints[variables.kind] : {}
    - name: sentences
      expression: >-
        variables.unknown.map(key, 'spec.spec.' + key + ' is not used by ' + variables.kind
          + (key.lowerAscii().replace('_', '') in variables.words
             ? '; did you mean ' + variables.words[key.lowerAscii().replace('_', '')] + '?'
             : key.lowerAscii().replace('_', '') in variables.hints && variables.hints[key.lowerAscii().replace('_', '')] != key
             ? '; did you mean ' + variables.hints[key.lowerAscii().replace('_', '')] + '?' : ''))
  validations:
    - expression: "size(variables.unknown) == 0"
      messageExpression: "variables.sentences.join('; ')"
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


def text() -> str:
    """The whole file."""
    used = {kind: sorted(fields | PLATFORM) for kind, fields in USED.items()}
    spelled = {field.replace("_", ""): field for field in sorted(set().union(*USED.values()))}
    written = {"@USED@": used, "@HINTS@": spelled | SPEC_HINTS, "@KIND_HINTS@": OF_A_KIND}
    found = TEXT
    for place, value in written.items():
        found = found.replace(place, _cel(value))
    return found


def _cel(value: object) -> str:
    """A CEL literal, in lines that can be read."""
    lines = textwrap.wrap(json.dumps(value).replace('"', "'"), 120, break_long_words=False)
    return "\n        ".join(lines)


if __name__ == "__main__":
    FILE.write_text(text())
