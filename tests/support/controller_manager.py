"""A controller manager of somebody else as a process: its released Go module with its own CRDs and webhooks."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import yaml

from cluster.build import MODULES, build, go
from cluster.pki import Authority
from run_operator.kube.resource import Resource
from tests.support.harness import Person, free_port, wait_until_ready

JOBSETS: Final = Resource("jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet")


class ControllerManager:
    """A context manager; the first one builds the program. `scratch` is an empty folder."""

    name: ClassVar[str]
    """The name of the folder in `cluster/go`, and of the program in it."""
    module: ClassVar[str]
    components: ClassVar[str] = "config/components"
    """Where the module has its manifests."""

    def __init__(self, person: Person, scratch: Path) -> None:
        self._person = person
        self.scratch = scratch
        self._health = free_port()
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The uid or number of the running process."""
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        authority = Authority(self.scratch)
        authority.server("tls", ["127.0.0.1"])
        program, source = build(self.name) / self.name, self._source()
        self._person.kubectl("apply", "--server-side", "-f", str(source / "crd" / "bases"))
        self._person.established("crd", "--all")
        configuration = self.scratch / "configuration.yaml"
        configuration.write_text(yaml.safe_dump(self._everywhere() | self.configuration()))
        log_file = self.scratch / "manager.log"
        with log_file.open("ab") as log:
            settings = (f"--config={configuration}", f"--kubeconfig={self._person.kubeconfig}", *self.flags())
            self._process = subprocess.Popen(self.start_command([program, *settings]), stdout=log, stderr=log)
        try:
            wait_until_ready(f"the manager of {self.name}", self._process, self._health, log_file)
            self._person.apply(self._webhooks(source))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def configuration(self) -> dict[str, Any]:
        """Settings of the manager beside its ports: at least the kind of its configuration."""
        raise NotImplementedError

    def flags(self) -> list[str]:
        """More of its command line."""
        return []

    def start_command(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        """How it is started."""
        return command

    def webhook(self, hook: dict[str, Any]) -> bool:
        """Whether the API server asks it; `hook` may be changed."""
        raise NotImplementedError

    def _everywhere(self) -> dict[str, Any]:
        return {
            "leaderElection": {"leaderElect": False},
            "internalCertManagement": {"enable": False},
            "webhook": {"host": "127.0.0.1", "port": self._port, "certDir": str(self.scratch)},
            "metrics": {"bindAddress": "0"},
            "health": {"healthProbeBindAddress": f"127.0.0.1:{self._health}"},
        }

    def _webhooks(self, source: Path) -> list[dict[str, Any]]:
        """Those of its installation, at this process's address."""
        authority = base64.b64encode((self.scratch / "ca.crt").read_bytes()).decode()
        found = list(yaml.safe_load_all((source / "webhook" / "manifests.yaml").read_text()))
        for configuration in found:
            configuration["webhooks"] = [one for one in configuration["webhooks"] if self.webhook(one)]
            for hook in configuration["webhooks"]:
                path = hook["clientConfig"]["service"]["path"]
                url = f"https://127.0.0.1:{self._port}{path}"
                hook["clientConfig"] = {"url": url, "caBundle": authority}
        return found

    def _source(self) -> Path:
        """Its manifests, in the module that was downloaded to build it."""
        command = [go(), "list", "-m", "-f", "{{.Dir}}", self.module]
        done = subprocess.run(command, cwd=MODULES / self.name, check=True, capture_output=True, text=True)
        return Path(done.stdout.strip()) / self.components


class JobSetManager(ControllerManager):
    """With its own defaults."""

    name = "jobset"
    module = "sigs.k8s.io/jobset"

    def configuration(self) -> dict[str, Any]:
        """Nothing that it would not do by itself."""
        return {"apiVersion": "config.jobset.x-k8s.io/v1alpha1", "kind": "Configuration"}

    def webhook(self, hook: dict[str, Any]) -> bool:
        """All; about pods as in its own installation, not those of others."""
        if hook["rules"][0]["resources"] == ["pods"]:
            of_pods = {"matchExpressions": [{"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"}]}
            hook["objectSelector"] = of_pods
        return True


class KueueManager(ControllerManager):
    """It manages Jobs that name a queue, and nothing else."""

    name = "kueue"
    module = "sigs.k8s.io/kueue"
    dispatches: tuple[str, ...] = ()
    """Kinds that its MultiKueue sends to other clusters, as Kind.version.group."""

    def configuration(self) -> dict[str, Any]:
        """One kind of workload; the others want the CRDs of their projects."""
        return {
            **(
                {"multiKueue": {"externalFrameworks": [{"name": kind} for kind in self.dispatches]}}
                if self.dispatches
                else {}
            ),
            "apiVersion": "config.kueue.x-k8s.io/v1beta2",
            "kind": "Configuration",
            "namespace": "kueue-system",
            "manageJobsWithoutQueueName": False,
            "integrations": {"frameworks": ["batch/job"]},
        }

    def flags(self) -> list[str]:
        """Without the extra API server that shows what waits."""
        return ["--feature-gates=VisibilityOnDemand=false"]

    def start_command(self, command: Sequence[str | Path]) -> Sequence[str | Path]:
        """It wants a certificate of its metrics below /etc, also where it serves none: so it gets an /etc of its own."""
        certificates = self.scratch / "etc" / "kueue" / "metrics" / "certs"
        certificates.mkdir(parents=True)
        for name in ("tls.crt", "tls.key"):
            shutil.copy(self.scratch / name, certificates)
        alone = ["unshare", "--mount", *(["--user", "--map-root-user"] if os.geteuid() else [])]
        return [*alone, "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', self.scratch / "etc", *command]

    def webhook(self, hook: dict[str, Any]) -> bool:
        """Those of its own kinds and of Jobs."""
        rule = hook["rules"][0]
        return bool(rule["apiGroups"] == ["kueue.x-k8s.io"] or rule["resources"] == ["jobs"])
