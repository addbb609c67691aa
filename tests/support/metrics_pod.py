"""A program in a fake pod: a real token of a real API server, and HTTPS to the operator as a pod would send it."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from run_operator.api.pod_contract import audience, path
from tests.support.harness import Person, wait_for


class MetricsPod:
    """Speaks for one pod of a Run. `url`: https://host:port of the ingest."""

    def __init__(self, person: Person, url: str, run: str, pod: str | None = None) -> None:
        self._person = person
        self._address = urlsplit(url)
        self.run = run
        self.uid = person.get("run", run)["metadata"]["uid"]
        self.name = pod or running_pod(person, run)
        found = wait_for("the ConfigMap", lambda: person.get("configmap", "run-operator-metrics"))
        self.context = ssl.create_default_context(cadata=found["data"]["ca.crt"])
        self.token = token(person, self.name, audience(self.uid))
        self.seq = 0
        self._connection: http.client.HTTPSConnection | None = None

    def log(self, key: str, *values: float | None, **more: Any) -> tuple[int, dict[str, Any]]:
        """One batch that appends to a list."""
        self.seq += 1
        ops = [{"k": key, "append": list(values)}] if values else []
        return self.post({"writer": "main", "seq": self.seq, "ops": ops} | more)

    def poll(self) -> dict[str, Any]:
        """How far things are."""
        return self.post({"writer": "main", "ops": []})[1]

    def settle(self) -> None:
        """Wait until everything sent is in the cluster."""
        wait_for(f"batch {self.seq} committed", lambda: self.poll().get("committed") == self.seq)

    def post(self, body: Any, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Status and answer. Raises OSError or HTTPException when there is none."""
        try:
            answer = self._request(body, self.token if token is None else token).getresponse()
            return answer.status, json.loads(answer.read())
        except BaseException:
            self.close()
            raise

    def send_and_cut(self, body: Any) -> None:
        """Send it and close the connection without waiting for the answer. Raises OSError."""
        try:
            self._request(body, self.token)
        finally:
            self.close()

    def _request(self, body: Any, token: str) -> http.client.HTTPSConnection:
        connection = self._connection or http.client.HTTPSConnection(
            self._address.hostname or "", self._address.port or 443, timeout=10, context=self.context
        )
        self._connection = connection
        headers = {"Authorization": f"Bearer {token}"}
        connection.request("POST", path(self._person.namespace, self.run), json.dumps(body), headers)
        return connection

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def published(person: Person) -> dict[str, str]:
    """What the operator wrote for the pods of this namespace, by name: code and certificates."""
    found = wait_for(
        "the ConfigMaps",
        lambda: (
            len(maps := person.items("configmaps", "-l", "app.kubernetes.io/name=run-operator-metrics")) > 1
            and maps
        ),
    )
    return {name: text for one in found for name, text in one["data"].items()}


def token(person: Person, pod: str, meant_for: str) -> str:
    """A token as the kubelet would put it into the pod."""
    bound = ("--bound-object-kind", "Pod", "--bound-object-name", pod) if pod else ()
    return person.kubectl("create", "token", "default", *bound, "--audience", meant_for).stdout.strip()


def running_pod(person: Person, run: str) -> str:
    """The name of the Run's pod, once it runs."""

    def found() -> str:
        pods = person.items("pods", "-l", f"run-operator.io/run={run}")
        names = [p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Running"]
        return names[-1] if names else ""

    return str(wait_for(f"a pod of {run}", found))
