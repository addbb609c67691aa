"""Documents as each line of the SDK exports them, from 0.7 to the coming 0.16, with whatever people and later lines put in."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from hypothesis import strategies as st

from tests.support.gateway_process import LINES

EXPORTERS = ("0.7", "0.13", "0.14", "0.15", "0.16")
EARLIER = ("0.7", "0.13")
"""Their kind of a Run does not say the action."""

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8)
WORDS = st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True)
NUMBERS = st.integers(1, 9)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
UNKNOWN = st.dictionaries(st.sampled_from(["coming_soon", "x-y", "comingSoon"]), ANYTHING, max_size=2)
TIMES = st.sampled_from(
    ["2026-11-22T21:49:47.301400+00:00", "2024-05-02T08:00:00.000Z", "2023-10-03T14:53:07.1+02:00"]
)

_COMMON = {
    **dict.fromkeys(("function", "workflow", "command"), TEXTS),
    **dict.fromkeys(("image", "profile"), WORDS),
    **dict.fromkeys(("args", "secrets"), st.lists(TEXTS, min_size=1, max_size=3)),
    "envs": st.lists(st.fixed_dictionaries({"name": WORDS, "value": TEXTS}), min_size=1, max_size=3),
    "volumes": st.lists(
        st.fixed_dictionaries(
            {"volume_type": st.sampled_from(["persistent_volume_claim", "empty_dir"]), "name": WORDS, "mount_path": st.just("/d")},
            optional={"spec": st.just({"size": "1Gi"})},
        ),
        min_size=1,
        max_size=2,
    ),
    "local_execution": st.booleans(),
}  # fmt: skip
_AMOUNTS = st.fixed_dictionaries(
    {}, optional={"cpu": st.just("500m"), "mem": st.just("1Gi"), "gpu": st.just("1")}
)
_SPEC = st.fixed_dictionaries(
    {},
    optional=_COMMON
    | {"resources": _AMOUNTS, "replicas": NUMBERS, "run_as_user": NUMBERS, "base_image": WORDS}
    | {"service_type": st.sampled_from(["ClusterIP", "NodePort"]), "instructions": st.lists(TEXTS, min_size=1)},
)  # fmt: skip
_SAME = st.sampled_from(["500m", "1"]).flatmap(
    lambda one: st.sampled_from([{"requests": one}, {"limits": one}, {"requests": one, "limits": one}])
)
_EARLIER_SPEC = st.fixed_dictionaries(
    {},
    optional=_COMMON
    | {
        "resources": st.fixed_dictionaries({}, optional={"cpu": _SAME, "mem": _SAME}),
        "node_selector": st.lists(st.fixed_dictionaries({"key": WORDS, "value": WORDS}), min_size=1, max_size=2),
        "tolerations": st.lists(st.fixed_dictionaries({"key": WORDS, "operator": st.just("Exists")}), min_size=1, max_size=2),
        "affinity": st.just({"node_affinity": {"preferred": []}}),
        "runtime_class": WORDS, "priority_class": WORDS, "backoff_limit": NUMBERS, "schedule": TEXTS,
    },
)  # fmt: skip
_METADATA = st.fixed_dictionaries(
    {"created": TIMES, "updated": TIMES},
    optional={
        "version": TEXTS, "description": TEXTS, "created_by": TEXTS, "updated_by": TEXTS, "embedded": st.booleans(),
        "labels": st.lists(TEXTS, min_size=1, max_size=3, unique=True),
        "relationships": st.lists(st.fixed_dictionaries({"type": WORDS, "dest": TEXTS}), min_size=1, max_size=2),
    },
)  # fmt: skip
_EXTENSIONS = st.lists(
    st.fixed_dictionaries({"kind": WORDS, "spec": st.dictionaries(WORDS, TEXTS)}), max_size=2
)


@st.composite
def runs(draw: Any, line: str) -> dict[str, Any]:
    """The export of a Run of a container by this line. What a later line may add is in `spec` and `metadata`."""
    action = draw(st.sampled_from(["job", "serve", "build"]))
    kind = "container+run" if line in EARLIER else f"container+{action}:run"
    run_id = draw(st.from_regex(r"[a-z0-9]{4,12}", fullmatch=True))
    name = draw(WORDS) if line == "0.16" else run_id
    task = f"container+{action}://p/{'t' * 8}"
    spec = draw(_EARLIER_SPEC if line in EARLIER else _SPEC)
    found = {
        "kind": kind, "project": "p", "id": run_id, "name": name, "key": f"store://p/run/{kind}/{run_id}", "user": "me",
        "metadata": {"project": "p", "name": name, **draw(_METADATA), **draw(UNKNOWN)},
        "spec": {"task": task, **spec, **draw(UNKNOWN)},
        "status": {"state": draw(st.sampled_from(["CREATED", "COMPLETED", "ERROR"])), "metrics": {}},
    }  # fmt: skip
    if line == "0.7":
        del found["name"], found["user"]
    if line in ("0.15", "0.16"):
        found["extensions"] = draw(_EXTENSIONS)
    return found


WRITER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from digitalhub.factory.entity import entity_factory
print(json.dumps([entity_factory.build_entity_from_dict(one).to_dict() for one in json.load(sys.stdin)]))
"""


def written(line: str, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As the real SDK of this line writes them after reading them."""
    done = subprocess.run(
        [LINES[line], "-c", WRITER], input=json.dumps(documents), capture_output=True, text=True, check=True, timeout=100,
        env={"DHCORE_ENDPOINT": "http://127.0.0.1:1"},
    )  # fmt: skip
    return list(json.loads(done.stdout))
