"""A pod of a Run as the DigitalHub SDK in it sees it: its variables, its token, the modules handed to it."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from run_operator.api.pod_contract import audience
from tests.support.harness import Person
from tests.support.metrics_pod import published, running_pod, token


class SdkPod:
    """What a pod of a Run has in its folder and its environment."""

    def __init__(self, person: Person, run: str, folder: Path, **more: str) -> None:
        name = running_pod(person, run)
        spec = person.get("pod", name)["spec"]
        uid = person.get("run", run)["metadata"]["uid"]
        files = published(person)
        (folder / "lib").mkdir(parents=True)
        for module in ("runmetrics.py", "sitecustomize.py"):
            (folder / "lib" / module).write_text(files[module])
        (folder / "ca.crt").write_text(files["ca.crt"])
        (folder / "token").write_text(token(person, name, audience(uid)))
        self.environ = {one["name"]: one["value"] for one in spec["containers"][0]["env"] if "value" in one}
        moved = {"RUN_METRICS_TOKEN_FILE": "token", "RUN_METRICS_CA_FILE": "ca.crt", "PYTHONPATH": "lib"}
        self.environ |= {name: str(folder / path) for name, path in moved.items()} | {"HOME": str(folder)}
        self.environ |= more
        self._context = ssl.create_default_context(cadata=files["ca.crt"])
        self.token = (folder / "token").read_text()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer."""
        request = urllib.request.Request(  # noqa: S310 - of this test's own making
            self.environ["DHCORE_ENDPOINT"] + path, method=method, headers={"Authorization": f"Bearer {self.token}"},
            data=None if body is None else json.dumps(body).encode(),
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
