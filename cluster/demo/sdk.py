"""Two lines that point the DigitalHub SDK at the cluster, and what has to be there for them: an address and a user."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from pathlib import Path
from typing import Any, Final

from cluster import current
from cluster.demo.stage import NAMESPACE, Stage, say
from cluster.demo.trust import VARIABLE, write_bundle
from cluster.errors import ClusterError
from cluster.paths import REPOSITORY, Home
from cluster.state import State

OPERATOR: Final = "run-operator"
GATEWAY: Final = "run-operator-gateway"
SECRET: Final = f"{GATEWAY}-tls"
NODE_PORT: Final = 30843
"""As manifests/overlays/demo has it."""
USER: Final = "demo-user"
ROLES: Final = ("edit", "run-operator-metrics")
TIMEOUT: Final = 150.0
"""Seconds: the kubelet brings a renewed certificate into the pod within about ninety."""


def address(home: Home) -> str:
    """The cluster's end of the link to this machine."""
    state = State.load(home)
    if state is None:
        raise ClusterError(f"no cluster {home.name} is running")
    return state.server.removeprefix("https://").rpartition(":")[0]


def name_gateway(stage: Stage, host: str) -> None:
    """Tell the operator under which address the gateway's certificate has to be good."""
    note = f"run-operator.io/hosts={host}"
    stage.run("annotate", "secret", SECRET, note, "--overwrite", namespace=OPERATOR)


def offer(stage: Stage, home: Home | None) -> list[str]:
    """The two lines. `home` None: the cluster is the person's own, and the gateway is reached by a port-forward."""
    _user(stage, everywhere=home is not None)
    kubectl = str(REPOSITORY / ".venv" / "bin" / "kubectl") if home else "kubectl"
    token = f"$({kubectl} --kubeconfig {stage.kubeconfig} -n {NAMESPACE} create token {USER} --duration=24h)"
    if home is None:
        say(f"  (in another terminal: kubectl -n {OPERATOR} port-forward deployment/{GATEWAY} 8080:8080)")
        return ["export DHCORE_ENDPOINT=http://127.0.0.1:8080", f"export DHCORE_ACCESS_TOKEN={token}"]
    host, authority = address(home), home.folder / "gateway-ca.crt"
    bundle = home.folder / "gateway-bundle.crt"
    _trust(stage, host, authority)
    write_bundle(bundle, authority.read_bytes())
    return [
        f"export DHCORE_ENDPOINT=https://{host}:{NODE_PORT} {VARIABLE}={bundle}",
        f"export DHCORE_ACCESS_TOKEN={token}",
    ]


def tell(stage: Stage) -> None:
    """Print them."""
    say("\nThe DigitalHub SDK, on this cluster (pip install digitalhub digitalhub-runtime-container):")
    home = None if current.chosen() else Home("demo")
    for line in offer(stage, home):
        say(f"  {line}")
    page(stage, home)


def page(stage: Stage, home: Home | None) -> None:
    """Where the page of Runs is. In a throw-away cluster the gateway serves it; the token is that of the lines above."""
    say("\nThe page of Runs:")
    if home is None:
        say("  runctl ui")
        return
    say(
        f"  https://{address(home)}:{NODE_PORT}/ui/    # sign in with $DHCORE_ACCESS_TOKEN; the certificate is the cluster's own"
    )
    say(
        f"  KUBECONFIG={stage.kubeconfig} {REPOSITORY / '.venv' / 'bin' / 'runctl'} ui -n {NAMESPACE}    # or so, on this machine"
    )


def _user(stage: Stage, *, everywhere: bool) -> None:
    """A ServiceAccount that may edit the demo's namespace; in a throw-away cluster every one, and make new ones."""
    account = {"kind": "ServiceAccount", "name": USER, "namespace": NAMESPACE}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": USER}}
    ]
    objects += [_binding(role, account, everywhere=everywhere) for role in ROLES]
    if everywhere:
        rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create", "patch", "delete"]}
        objects.append(_object("ClusterRole", f"{USER}-projects") | {"rules": [rule]})
        objects.append(_binding(f"{USER}-projects", account, everywhere=True))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    stage.run("apply", "-f", "-", stdin=text)


def _binding(role: str, account: dict[str, str], *, everywhere: bool) -> dict[str, Any]:
    found = _object(
        "ClusterRoleBinding" if everywhere else "RoleBinding",
        role if role.startswith(USER) else f"{USER}-{role}",
    )
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    return found | {"roleRef": reference, "subjects": [account]}


def _object(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}}


def _trust(stage: Stage, host: str, authority: Path) -> None:
    """Write the authority to a file, and wait until the gateway's certificate is good for the address."""
    deadline, problem = time.monotonic() + TIMEOUT, ""
    while time.monotonic() < deadline:
        wanted = ("get", "secret", SECRET, "-o", r"jsonpath={.data.ca\.crt}")
        authority.write_bytes(base64.b64decode(stage.run(*wanted, namespace=OPERATOR)))
        problem = _problem(host, authority)
        if not problem:
            return
        time.sleep(1)
    raise ClusterError(f"the gateway cannot be reached at https://{host}:{NODE_PORT}: {problem}")


def _problem(host: str, authority: Path) -> str:
    try:
        context = ssl.create_default_context(cafile=str(authority))
        connection = http.client.HTTPSConnection(host, NODE_PORT, timeout=5, context=context)
        connection.request("GET", "/.well-known/configuration")
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return "" if status == http.HTTPStatus.OK else f"it answers {status}"
