"""docs/fields.md, written from the schema of `spec.spec` in crds/runs.yaml: `python -m tests.support.fields_page` writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.crd_files import schema_of

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "fields.md"

INTRODUCTION: Final = """\
# The fields of a Run's document

<!-- Written by `make docs` from crds/runs.yaml. Change the descriptions there. -->

The smallest Run has an image and a command:

```yaml
apiVersion: run-operator.io/v1alpha1
kind: Run
metadata:
  name: hello
spec:
  kind: container+job:run
  spec:
    image: busybox
    command: echo
    args: [hello]
```

`spec.kind` says what is executed: `container+job:run` (runs to its end), `container+serve:run` (a service with an address),
`container+deploy:run` (runs until it is stopped). `spec.id` is the object's name and `spec.project` the namespace, where the
document does not say them.

* **Working folder**: the image's own. With a `source` in the document it is `/shared`: scratch space, or a
  disk of the size in `resources.disk`, or the volume that is mounted there.
* **User**: 1000, with that group, unless `run_as_user`, `run_as_group` and `fs_group` set others. Never root. Most
  images do not have that user. So `HOME` is `/tmp` and `USER` is `run`, unless `envs` sets them. With `secrets`, which may hold a
  `USER`, the operator sets `LOGNAME` instead of `USER`. If the image's own user has a home with files that the program needs, set
  `HOME` to it. An image without a working folder runs programs in `/`, where they cannot write: write below `~`.
* **Environment**: `PROJECT_NAME`, `RUN_ID`, `RUN_NAME`, `RUN_NAMESPACE`, `RUN_UID` and `RUN_ATTEMPT`, then `envs`, then the keys of
  `secrets`.
* **Mistakes**: `kubectl apply` refuses a value of the wrong type, and a field of `spec.spec` in the wrong place beside `spec.kind`. The error
  names the field and its place. `unknown field "spec.spec.envs.LR"` means that `envs` is a list, not a map. A key that the kind does not use
  is kept: a warning of kubectl and condition `NotApplied` name it, with the right word. Some mistakes only the operator can find, such as a
  missing image name or an invalid size. They end the Run with reason `InvalidSpec` before a pod starts, and one message lists all of
  them. Edit the document, and the Run starts. `runctl apply` names unused and misplaced keys before anything is sent.

`kubectl explain run.spec.spec` says the same. How often a Run is retried, and when it is deleted, is in `spec.runPolicy`
(`kubectl explain run.spec.runPolicy`).
"""


def page() -> str:
    """The whole page."""
    spec = schema_of("runs")["properties"]["spec"]["properties"]["spec"]
    return "\n".join([INTRODUCTION, *_sections(spec["properties"])])


def _sections(properties: Mapping[str, Any]) -> Iterator[str]:
    for name, field in properties.items():
        yield f"## `{name}`\n"
        yield f"{_type(field).capitalize()}. {_escaped(field['description'])}\n"
        below = list(_below(field))
        if below:
            yield "| field | type | what it is |\n|---|---|---|"
            yield from below
            yield ""
        if "example" in field:
            yield f"```yaml\n{name}: {_flow(field['example'])}\n```\n"


def _below(field: Mapping[str, Any], path: str = "") -> Iterator[str]:
    inner = field.get("items", field)
    required = inner.get("required", ())
    for name, one in inner.get("properties", {}).items():
        needed = ", required" if name in required else ""
        yield f"| `{path}{name}` | {_type(one)}{needed} | {_escaped(one['description'])} |"
        yield from _below(one, f"{path}{name}.")


def _flow(value: Any) -> str:
    return (
        yaml.safe_dump(value, sort_keys=False, default_flow_style=True, width=1000)
        .removesuffix("...\n")
        .strip()
    )


def _escaped(text: str) -> str:
    return text.replace("<", r"\<").replace("_", r"\_")


def _type(field: Mapping[str, Any]) -> str:
    if "items" in field:
        return f"list of {_type(field['items'])}s"
    words = {"string": "text", "integer": "number", "boolean": "boolean", "object": "map"}
    if "type" in field:
        return words[field["type"]]
    return "quantity" if "pattern" in field else "map or list"


if __name__ == "__main__":
    PAGE.write_text(page())
