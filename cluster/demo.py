"""`make demo`: from nothing to a real export that ran on a real cluster, showing every step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from cluster import cli, current, images
from cluster.build import build
from cluster.errors import ClusterError
from cluster.full import load_images
from cluster.paths import REPOSITORY, Home
from cluster.progress import step

NAME: Final = "demo"
OPERATOR_NAMESPACE: Final = "run-operator"
RUNS_NAMESPACE: Final = "run-demo"
EXPORT: Final = REPOSITORY / "manifests" / "examples" / "exports" / "container-job-selfcontained.yaml"
RUN: Final = "job-selfcontained"
CRDS: Final = tuple(f"crd/{name}.run-operator.io" for name in ("runs", "functions", "tasks"))
PATIENCE: Final = 90.0
"""Seconds the Run may take."""
FINAL: Final = ("COMPLETED", "ERROR", "STOPPED")


class Demo:
    """One walk through it; safe to repeat."""

    def __init__(self, kubeconfig: Path, kubectl: str) -> None:
        self._kubeconfig = kubeconfig
        self._kubectl = kubectl
        self._environment = os.environ | {"KUBECONFIG": str(kubeconfig)}

    def install(self, *, restart: bool) -> None:
        """The way a user would: one kustomization, then wait for the Deployment."""
        with step("installing the operator (kubectl apply -k manifests/overlays/demo)"):
            self._run("apply", "-k", str(REPOSITORY / "manifests" / "overlays" / "demo"))
            self._run("wait", "--for=condition=Established", *CRDS, "--timeout=30s")
            if restart:
                self._run("-n", OPERATOR_NAMESPACE, "rollout", "restart", "deployment/run-operator")
            try:
                self._run(
                    "-n", OPERATOR_NAMESPACE, "rollout", "status", "deployment/run-operator", "--timeout=60s"
                )
            except ClusterError as error:
                logs = self._run("-n", OPERATOR_NAMESPACE, "logs", "deployment/run-operator", "--tail=5")
                raise ClusterError(f"the operator did not start: {error}\n{logs}") from error

    def apply(self) -> None:
        """Convert the export and apply it, after removing that of an earlier demo."""
        say(f"\n$ runctl manifest {EXPORT.relative_to(REPOSITORY)} -n {RUNS_NAMESPACE} | kubectl apply -f -")
        if not self._run("get", "namespace", RUNS_NAMESPACE, "--ignore-not-found", "-o", "name"):
            self._run("create", "namespace", RUNS_NAMESPACE)
        self._run("-n", RUNS_NAMESPACE, "delete", "run", RUN, "--ignore-not-found", "--wait=true")
        self._run("-n", RUNS_NAMESPACE, "wait", "--for=delete", f"job/{RUN}", "--timeout=60s")
        command = [
            sys.executable,
            "-m",
            "run_operator.client.cli",
            "manifest",
            str(EXPORT),
            "-n",
            RUNS_NAMESPACE,
        ]
        manifest = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        say(self._run("apply", "-f", "-", stdin=manifest).strip())

    def follow(self) -> str:
        """Show states, pod and log lines as they come; returns the final state."""
        began = time.monotonic()
        shown: tuple[str, str] = ("", "")
        logs: subprocess.Popen[str] | None = None
        watch = self._watch()
        try:
            for line in watch.stdout or ():
                state, pod, message = line.rstrip("\n").split("|", 2)
                if (state, message) != shown:
                    shown = (state, message)
                    say(f"  {time.monotonic() - began:5.1f} s  {state:<10} {message}")
                if pod and state in ("RUNNING", *FINAL) and logs is None:
                    logs = self._logs(pod)
                if state in FINAL or time.monotonic() - began > PATIENCE:
                    break
        finally:
            watch.kill()
            watch.wait()
            if logs:
                logs.wait(timeout=10)
        return shown[0]

    def tell(self, state: str) -> None:
        """The finished Run, its story, and what to try next."""
        say(f"\n$ kubectl -n {RUNS_NAMESPACE} get runs -o wide")
        say(self._run("-n", RUNS_NAMESPACE, "get", "runs", "-o", "wide").rstrip())
        say(f"\nThe story (kubectl -n {RUNS_NAMESPACE} describe run {RUN}):")
        say(self._events())
        if state != "COMPLETED":
            raise ClusterError(f"the Run ended as {state or 'nothing'}; see the operator's log")
        place = f"-n {RUNS_NAMESPACE}"
        say("\nTry next:")
        say(f"  export KUBECONFIG={self._kubeconfig} PATH={REPOSITORY / '.venv' / 'bin'}:$PATH")
        say(f"  kubectl {place} describe run {RUN}")
        say(f"  kubectl {place} logs job/{RUN}")
        say(f"  runctl manifest {EXPORT.relative_to(REPOSITORY)} --name again | kubectl {place} apply -f -"
            f" && kubectl {place} wait --for=condition=Finished run/again")  # fmt: skip
        say("The cluster stays up; `make cluster-down` removes it without a trace.")

    def _watch(self) -> subprocess.Popen[str]:
        state, message = "{{.status.state}}", "{{with .status.message}}{{.}}{{end}}"
        pod = "{{with .status.pods}}{{(index . 0).name}}{{end}}"
        template = f"{state}|{pod}|{message}" + '{{"\\n"}}'  # no tabs: kubectl aligns them
        command = [
            self._kubectl,
            "-n",
            RUNS_NAMESPACE,
            "get",
            "run",
            RUN,
            "--watch",
            f"-o=go-template={template}",
        ]
        command.append(f"--request-timeout={int(PATIENCE)}s")
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)

    def _logs(self, pod: str) -> subprocess.Popen[str]:
        """The program's output, each line marked; the child ends when the container does."""
        say(f"           log        pod {pod}:")
        follow = f'"$0" -n {RUNS_NAMESPACE} logs -f {pod} | sed "s/^/           | /"'
        return subprocess.Popen(["sh", "-c", follow, self._kubectl], env=self._environment, text=True)

    def _events(self) -> str:
        """Events of this very Run; they are written off the hot path, so the last one may take a moment."""
        uid = self._run("-n", RUNS_NAMESPACE, "get", "run", RUN, "-o", "jsonpath={.metadata.uid}")
        selector = f"involvedObject.uid={uid}"
        found: list[Any] = []
        deadline = time.monotonic() + 10
        while len(found) < 2 and time.monotonic() < deadline:  # noqa: PLR2004 - Started and Completed
            answer = self._run(
                "-n", RUNS_NAMESPACE, "get", "events", "--field-selector", selector, "-o", "json"
            )
            found = json.loads(answer)["items"]
            time.sleep(0.1)
        return "\n".join(f"  {e['type']:<8} {e['reason']:<12} {e['message']}" for e in found)

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        command = [self._kubectl, *arguments]
        done = subprocess.run(
            command,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout


def say(line: str) -> None:
    """To the person, at once."""
    print(line, flush=True)


def prepare() -> Demo:
    """A cluster with the operator's image in it."""
    if current.chosen():
        say(current.check())
        say(f"the operator's image {images.OPERATOR} must be in that cluster already")
        demo = Demo(current.kubeconfig(), "kubectl")
        demo.install(restart=False)
        return demo
    cli.cli(["up", "--name", NAME, "--shape", "full"], standalone_mode=False)
    home = Home(NAME)
    archive = images.ensure(["run-operator"])
    mark = home.folder / "operator-image"
    fresh = not mark.exists()
    changed = not fresh and mark.read_text() != archive[0].name
    if changed:
        load_images(home, archive)
    mark.write_text(archive[0].name)
    kubectl = build("kubernetes") / "kubectl"
    link = Path(sys.executable).parent / "kubectl"
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(kubectl)
    demo = Demo(home.kubeconfig, str(kubectl))
    demo.install(restart=changed)
    return demo


def main() -> None:
    """See the module's docstring."""
    began = time.monotonic()
    try:
        demo = prepare()
        demo.apply()
        demo.tell(demo.follow())
    except ClusterError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted; `make demo` goes on from here, `make cluster-down` removes everything")
    say(f"\ndone in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
