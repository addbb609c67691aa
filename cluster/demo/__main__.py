"""`python -m cluster.demo`: a cluster with the operator in it, the scenes, and what to try next."""

from __future__ import annotations

import json
import sys
import time
from typing import Final

from cluster import cli, current, images
from cluster.build import build, link_kubectl
from cluster.demo import leader_scene, python_scene, sdk
from cluster.demo.scenes import JOB, TRAIN, all_scenes, title
from cluster.demo.stage import NAMESPACE, Stage, say
from cluster.errors import ClusterError
from cluster.full import load_images, operator_image
from cluster.paths import REPOSITORY, Home
from cluster.progress import step

NAME: Final = "demo"
OPERATOR: Final = "run-operator"
DEPLOYMENTS: Final = ("deployment/run-operator", "deployment/run-operator-gateway")


def main() -> None:
    """See the module's docstring."""
    began = time.monotonic()
    try:
        stage = prepare()
        play(stage)
        tell(stage)
        sdk.tell(stage)
    except ClusterError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted; `make demo` goes on from here, `make cluster-down` removes everything")
    say(f"\ndone in {time.monotonic() - began:.0f} s")


def play(stage: Stage) -> None:
    """Every scene. A person's own cluster has neither our S3 server nor the image of Python functions."""
    if current.chosen():
        all_scenes(stage)
        leader_scene.play(stage)
        return
    home = Home(NAME)
    with python_scene.FunctionImage(home) as image:
        all_scenes(stage)
        leader_scene.play(stage)
        python_scene.play(stage, home, image)


def prepare() -> Stage:
    """A cluster with the operator in it."""
    if current.chosen():
        say(current.check())
        say(
            f"the operator's image {images.OPERATOR} must be in that cluster already; its archive comes from:"
        )
        say("  CLUSTER=current .venv/bin/python -m cluster images --load")
        stage = Stage(current.kubeconfig(), "kubectl")
        install(stage, None, restart=False)
        return stage
    cli.cli(["up", "--name", NAME, "--shape", "full", "--s3"], standalone_mode=False)
    home = Home(NAME)
    link_kubectl()
    changed = _load_image(home)
    stage = Stage(home.kubeconfig, str(build("kubernetes") / "kubectl"))
    install(stage, sdk.address(home), restart=changed)
    return stage


def _established(stage: Stage) -> str:
    """Something once the API server serves Runs. `kubectl wait` fails for a CRD that has no conditions yet, so they are read."""
    conditions = stage.run(
        "get", "crd/runs.run-operator.io", "-o", "jsonpath={.status.conditions}", namespace=""
    )
    found = {one["type"]: one["status"] for one in json.loads(conditions or "null") or ()}
    return "served" if found.get("Established") == "True" else ""


def install(stage: Stage, gateway: str | None, *, restart: bool) -> None:
    """The way a user would: one kustomization, then wait for the Deployments. `gateway`: its address from outside."""
    with step("installing the operator (kubectl apply -k crds; kubectl apply -k manifests/overlays/demo)"):
        stage.run("apply", "-k", str(REPOSITORY / "crds"), namespace="")
        stage.until("the CRD of Runs", lambda: _established(stage))
        stage.run("apply", "-k", str(REPOSITORY / "manifests" / "overlays" / "demo"), namespace="")
        if gateway is not None:
            sdk.name_gateway(stage, gateway)
        if restart:
            stage.run("rollout", "restart", *DEPLOYMENTS, namespace=OPERATOR)
        for deployment in DEPLOYMENTS:
            try:
                stage.run("rollout", "status", deployment, "--timeout=90s", namespace=OPERATOR)
            except ClusterError as error:
                logs = stage.run("logs", deployment, "--tail=5", namespace=OPERATOR)
                raise ClusterError(f"{deployment} did not start: {error}\n{logs}") from error


def tell(stage: Stage) -> None:
    """What there is now, and what to try next."""
    title("What there is now")
    stage.show("get", "runs", "-o", "wide")
    place = f"-n {NAMESPACE}"
    say("\nTry next:")
    say(f"  export KUBECONFIG={stage.kubeconfig} PATH={REPOSITORY / '.venv' / 'bin'}:$PATH")
    say(f"  kubectl {place} describe run {TRAIN}")
    say(f"  kubectl {place} get run {TRAIN} -o jsonpath='{{.status.metricsInfo}}'")
    say(f"  kubectl {place} logs job/{JOB}")
    say(f"  kubectl {place} delete run {TRAIN}    # with its Job, pod and claim")
    say("The cluster stays up; `make cluster-down` removes it without a trace.")


def _load_image(home: Home) -> bool:
    """Bring the operator's image up to date; whether a running operator has to be restarted for it."""
    archives, loaded = images.ensure([OPERATOR]), operator_image(home)
    if loaded.exists() and loaded.read_text() == archives[0].name:
        return False
    load_images(home, archives)
    return True


if __name__ == "__main__":
    main()
