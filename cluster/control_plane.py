"""The shape `control-plane`: a real API server, controllers and scheduler; nodes and pods are fake. No root."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import yaml

from cluster import authentication, components, kubeconfig, pki, s3
from cluster.api import kubectl, wait_ready
from cluster.build import build
from cluster.paths import SOURCE, Home
from cluster.processes import Process
from cluster.progress import step
from cluster.state import State
from cluster.supervise import MODULE, Component, Plan

MODULES: Final = ("etcd", "kubernetes", "kwok")
NODES: Final = 10
PODS: Final = 1000
"""Pods a fake node takes."""
AUDIT_POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}],
}


def up(home: Home, *, audit: bool, restarts: bool = False, with_s3: bool = False) -> State:
    """Start it and wait until its nodes are ready. Raises ClusterError."""
    programs = {module: build(module) for module in MODULES}
    with step(f"starting the control plane {home.name}"):
        layout = _prepare(home, programs, audit=audit, restarts=restarts, with_s3=with_s3)
        state = _spawn(home, layout)
        try:
            wait_ready(home, programs["kubernetes"], lambda: state.running)
            kubectl(home, programs["kubernetes"], "apply", "-f", "-", stdin=yaml.safe_dump_all(_nodes()))
            kubectl(
                home,
                programs["kubernetes"],
                "wait",
                "--for=condition=Ready",
                "node",
                "--all",
                "--timeout=60s",
            )
        except BaseException:
            state.supervisor.stop(10)
            raise
    return state.finished(home)


def _prepare(
    home: Home, programs: dict[str, Path], *, audit: bool, restarts: bool, with_s3: bool
) -> components.Layout:
    names = ("etcd", "etcd-peer", "api", "controller-manager", "scheduler", "s3")
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    pki.create(home.pki, ["127.0.0.1", "localhost", components.SERVICE_API, "kubernetes.default.svc"], [])
    server = f"https://127.0.0.1:{ports['api']}"
    kubeconfig.write(home.kubeconfig, server, home.pki, "admin", name=home.name)
    for component in ("controller-manager", "scheduler"):
        kubeconfig.write(home.folder / f"{component}.kubeconfig", server, home.pki, component, name=home.name)
    authentication.write(home.folder)
    (home.folder / "audit.yaml").write_text(yaml.safe_dump(AUDIT_POLICY))
    layout = components.Layout(programs, home.folder, home.pki, "127.0.0.1", ports, audit)
    plan = Plan(
        api=layout.api,
        ca=str(home.pki / "ca.crt"),
        logs=str(home.logs),
        restarts=restarts,
        components=[
            components.etcd(layout),
            components.apiserver(layout, "127.0.0.1"),
            components.controller_manager(layout),
            components.scheduler(layout),
            components.kwok(layout, home.kubeconfig, sorted((SOURCE / "kwok").glob("*.yaml"))),
            *([_s3(home, ports["s3"])] if with_s3 else []),
        ],
    )
    plan.write(home.plan)
    return layout


def _s3(home: Home, port: int) -> Component:
    server = s3.Server(f"http://127.0.0.1:{port}")
    server.save(home.folder)
    return server.component(s3.program(), home.folder, f"127.0.0.1:{port}")


def _spawn(home: Home, layout: components.Layout) -> State:
    command = [sys.executable, "-m", MODULE, str(home.plan)]
    with (home.logs / "supervisor.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=SOURCE.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    state = State(home.name, "control-plane", layout.api, Process.of(child.pid), time.time(), {}, ready=False)
    state.save(home)
    return state


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on now; all are held open until the last one is found, so that they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]


def _nodes() -> list[dict[str, object]]:
    amounts = {"cpu": "1000", "memory": "4Ti", "pods": str(PODS), "ephemeral-storage": "4Ti"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"fake-{number}",
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    "kubernetes.io/hostname": f"fake-{number}",
                    "kubernetes.io/os": "linux",
                    "type": "kwok",
                },
            },
            "status": {"allocatable": amounts, "capacity": amounts},
        }
        for number in range(NODES)
    ]
