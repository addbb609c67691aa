"""What the schema of `spec.spec` costs the API server at each Run: dry runs against the CRD, and against a copy without that schema."""

from __future__ import annotations

import copy
import http.client
import json
import ssl
import statistics
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio.client import Configuration

from run_operator.kube import config
from tests.load.stage import cpu_seconds
from tests.support.harness import EXPORTS, REPOSITORY, Person, api_server_pid, run_object

PLAIN = "plainruns"
GROUP = "/apis/run-operator.io/v1alpha1"
ANYTHING = {"type": "object", "description": "Anything.", "x-kubernetes-preserve-unknown-fields": True}


def without_schema() -> dict[str, Any]:
    """The CRD of Runs under another name: its inner spec may hold anything, and no rule looks into it."""
    crd = yaml.safe_load((REPOSITORY / "crds" / "runs.yaml").read_text())
    crd["metadata"] = {"name": f"{PLAIN}.run-operator.io"}
    crd["spec"]["names"] = {
        "plural": PLAIN,
        "singular": "plainrun",
        "kind": "PlainRun",
        "listKind": "PlainRunList",
    }
    (version,) = crd["spec"]["versions"]
    version.pop("subresources", None)
    schema = version["schema"]["openAPIV3Schema"]
    schema.pop("x-kubernetes-validations", None)
    spec = schema["properties"]["spec"]
    spec.pop("x-kubernetes-validations", None)
    spec["properties"]["spec"] = copy.deepcopy(ANYTHING)
    return dict(crd)


class DryRuns:
    """One connection; every creation is validated as always, and nothing is stored."""

    def __init__(self, configuration: Configuration, cluster: str, namespace: str) -> None:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
        address = urlsplit(configuration.host)
        self._connection = http.client.HTTPSConnection(
            str(address.hostname), address.port, context=context, timeout=30
        )
        self._namespace = namespace
        self._api_server = api_server_pid(cluster)

    def milliseconds(self, plural: str, kind: str, spec: Mapping[str, Any], count: int) -> float:
        """CPU of the API server for one creation, the mean of so many."""
        path = f"{GROUP}/namespaces/{self._namespace}/{plural}?dryRun=All&fieldValidation=Strict"
        before = cpu_seconds(self._api_server)
        for number in range(count):
            body = {
                "apiVersion": "run-operator.io/v1alpha1", "kind": kind, "metadata": {"name": f"dry-{number}"}, "spec": spec,
            }  # fmt: skip
            self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            said = answer.read()
            assert answer.status == 201, said[:500]
        return 1000 * (cpu_seconds(self._api_server) - before) / count


async def report(person: Person, cluster: str, count: int, rounds: int) -> None:
    """Print a line for each document: the CPU of its creation with the schema, and what of it is the schema's."""
    person.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(without_schema()))
    person.established(f"crd/{PLAIN}.run-operator.io")
    runs = DryRuns(await config.load(1), cluster, person.namespace)
    exported = yaml.safe_load((EXPORTS / "python-job-full.yaml").read_text())
    whole = {
        key: exported[key] for key in ("kind", "metadata", "spec", "user", "project", "id") if key in exported
    }
    for label, spec in (("small", run_object("x")["spec"]), ("whole export", whole)):
        found = [
            (runs.milliseconds("runs", "Run", spec, count), runs.milliseconds(PLAIN, "PlainRun", spec, count))
            for _ in range(rounds)
        ]
        given, plain = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"schema of spec.spec, {label} document: CPU of the API server {given:.2f} ms a creation, "
            f"{given - plain:.2f} ms of them for the schema",
            flush=True,
        )
