"""tests/data/golden/runtimes, written from manifests/examples/runtimes: `python -m tests.support.runtime_golden`. Look at what changed."""

from __future__ import annotations

from pathlib import Path

import yaml

from run_operator.api.exported import manifest
from run_operator.api.run import Run
from run_operator.document.entity import load
from run_operator.resolution.resolve import resolve
from run_operator.workloads.builder import build
from run_operator.workloads.types import ImageBuilding, Options
from tests.support.builders import UID
from tests.support.runtimes import ROOT, catalog


class _Plain(yaml.SafeDumper):
    """Without anchors: each file is read by people."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def objects(path: Path) -> str:
    """The objects that an example becomes, without its profile."""
    raw = manifest(load(path.read_bytes()), namespace="ml")
    raw["metadata"]["uid"] = UID
    raw["spec"]["spec"] = {key: value for key, value in raw["spec"]["spec"].items() if key != "profile"}
    options = Options(
        ingest_url="https://ingest:8443",
        pod_api_url="https://ingest:8443",
        building=ImageBuilding("registry.example.org"),
    )
    found = resolve(Run.from_object(raw), catalog(), options)
    if found.error:
        raise found.error
    made = build(found.run, 1, options)
    every = [*made.needs, *([made.service] if made.service else []), made.child]
    return yaml.dump_all(every, Dumper=_Plain, sort_keys=False, width=140)


def main() -> None:
    """Write all of them."""
    folder = ROOT / "tests" / "data" / "golden" / "runtimes"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "manifests" / "examples" / "runtimes").glob("*.yaml")):
        (folder / path.name).write_text(objects(path))


if __name__ == "__main__":
    main()
