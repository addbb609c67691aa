"""The shape `full`: real nodes and pods, in namespaces of their own; the end of PID 1 there ends all of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import yaml

from cluster import components, dns, host, images, kubeconfig, pki, storage
from cluster.api import explain, kubectl, wait_ready
from cluster.build import build
from cluster.errors import ClusterError
from cluster.locks import alone
from cluster.paths import SOURCE, Home, cache
from cluster.prerequisites import search_path
from cluster.processes import Process, wait_until, with_arguments
from cluster.progress import step
from cluster.state import State
from cluster.supervise import MODULE, Plan

MODULES: Final = ("etcd", "kubernetes", "containerd", "cni")
NODE: Final = "node-1"
NODE_ADDRESS: Final = "10.245.0.1"
BRIDGE: Final = "cni0"
PORTS: Final = {"etcd": 2379, "etcd-peer": 2380, "api": 6443, "controller-manager": 10257, "scheduler": 10259}
"""The cluster has its own network namespace: the usual ports are free."""
OPERATOR: Final = "run-operator"
SOCKET: Final = "/run/containerd/containerd.sock"
START_PATIENCE: Final = 10.0
NAMESPACES: Final = (
    "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--propagation", "slave",
)  # fmt: skip
"""Slave: where systemd shares all mounts, those made in here (a tmpfs over /run!) must not come to the host."""


def up(home: Home) -> State:
    """Start it, with images, DNS and storage, and wait until all of it is ready. Raises ClusterError."""
    programs = {module: build(module) for module in MODULES}
    archives = images.ensure()
    with step(f"starting the cluster {home.name}"):
        state = _start(home, programs)
    try:
        with step("waiting for the API server"):
            wait_ready(home, programs["kubernetes"], lambda: state.running)
        load_images(home, archives)
        with step("waiting for the node, DNS and storage"):
            _furnish(home, programs["kubernetes"])
    except BaseException:
        down(home, state)
        raise
    return state.finished(home)


def down(home: Home, state: State | None) -> None:
    """End every process, then put the host back as it was; without a state, what was begun before there was one."""
    inner = state and state.leftovers.get("inner")
    if inner:
        Process.from_json(inner).stop(15)
    if state:
        state.supervisor.stop(5)
    for process in with_arguments(MODULE, str(home.plan)):
        process.stop(15)
    host.remove_link(home.name)
    if not host.remove_cgroup(_cgroup(home)):
        raise ClusterError(f"processes are left in the cgroup {_cgroup(home)}; end them and try again")
    host.restore_sysctls(home.name)


def load_images(home: Home, archives: list[Path]) -> None:
    """Import archives into the cluster's container runtime; what is there already costs little."""
    state = State.load(home)
    if state is None:
        raise ClusterError(f"no cluster {home.name} is running")
    ctr = str(build("containerd") / "ctr")
    inside = ["nsenter", "-t", str(state.leftovers["inner"]["pid"]), "-m", "-n", "-p"]
    with step("loading images") as current:
        for number, path in enumerate(archives):
            current.update(path.name.rpartition("-")[0], number / len(archives))
            command = [*inside, ctr, "-a", SOCKET, "-n", "k8s.io", "images", "import", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ClusterError(f"loading {path.name} failed: {done.stderr.strip()[-400:]}")
            if path.name.startswith(f"{OPERATOR}-"):
                operator_image(home).write_text(path.name)


def operator_image(home: Home) -> Path:
    """The file that says which archive of the operator the cluster has."""
    return home.folder / "operator-image"


def _cgroup(home: Home) -> str:
    return f"run-operator-{home.name}"


def _start(home: Home, programs: dict[str, Path]) -> State:
    """One cluster at a time: each looks for a network that is free."""
    with alone(cache() / "locks" / "networks"):
        return _start_alone(home, programs)


def _start_alone(home: Home, programs: dict[str, Path]) -> State:
    number = host.free_link()
    address = host.cluster_address(number)
    layout = components.Layout(programs, home.folder, home.pki, NODE_ADDRESS, dict(PORTS))
    _configure(home, layout, _cgroup(home), address)
    host.save_sysctls(home.name)
    host.make_cgroup(_cgroup(home))
    outer = _spawn(home)
    server = f"https://{address}:{PORTS['api']}"
    leftovers: dict[str, Any] = {"inner": None}
    state = State(home.name, "full", server, _process(home, outer), time.time(), leftovers, ready=False)
    state.save(home)
    try:
        inner = _inner(home, outer)
        leftovers["inner"] = inner.to_json()
        host.link(home.name, number, inner.pid)
        state.save(home)
    except BaseException:
        down(home, state)
        raise
    return state


def _spawn(home: Home) -> subprocess.Popen[bytes]:
    command = [*NAMESPACES, sys.executable, "-m", MODULE, str(home.plan)]
    with (home.logs / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=SOURCE.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PATH": search_path()},
        )


def _process(home: Home, outer: subprocess.Popen[bytes]) -> Process:
    try:
        return Process.of(outer.pid)
    except ProcessLookupError as error:
        raise _no_namespaces(home) from error


def _no_namespaces(home: Home) -> ClusterError:
    last = (home.logs / "supervisor.log").read_text(errors="replace").strip()[-400:]
    return ClusterError(
        f"the namespaces could not be made (is this a container without CAP_SYS_ADMIN?): {last}"
    )


def _inner(home: Home, outer: subprocess.Popen[bytes]) -> Process:
    """PID 1 of the cluster, as the host numbers it."""
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")

    def found() -> bool:
        return outer.poll() is not None or bool(children.read_text().split())

    wait_until(found, START_PATIENCE)
    if outer.poll() is not None:
        raise _no_namespaces(home)
    return Process.of(int(children.read_text().split()[0]))


def _configure(home: Home, layout: components.Layout, cgroup: str, address: str) -> None:
    hosts = [
        address, NODE_ADDRESS, components.SERVICE_API, "127.0.0.1", "localhost", "kubernetes", "kubernetes.default",
        "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
    ]  # fmt: skip
    pki.create(home.pki, hosts, [NODE])
    kubeconfig.write(home.kubeconfig, f"https://{address}:{PORTS['api']}", home.pki, "admin", name=home.name)
    clients = {
        "controller-manager": "controller-manager",
        "scheduler": "scheduler",
        "proxy": "proxy",
        "kubelet": f"node-{NODE}",
    }
    for name, client in clients.items():
        kubeconfig.write(home.folder / f"{name}.kubeconfig", layout.api, home.pki, client, name=home.name)
    (home.folder / "containerd.toml").write_text(_containerd(home, layout))
    (home.folder / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(home, cgroup)))
    (home.folder / "resolv.conf").write_text(f"nameserver {components.SERVICE_DNS}\n")
    cni = home.folder / "cni"
    cni.mkdir(exist_ok=True)
    (cni / "10-bridge.conflist").write_text((SOURCE / "node" / "bridge.conflist").read_text())
    Plan(
        api=layout.api,
        ca=str(home.pki / "ca.crt"),
        logs=str(home.logs),
        setup=_setup(home),
        components=[
            components.etcd(layout),
            components.containerd(layout),
            components.apiserver(layout, "0.0.0.0"),  # noqa: S104 - in a namespace of its own
            components.controller_manager(layout),
            components.scheduler(layout),
            components.kubelet(layout, NODE),
            components.kube_proxy(layout, NODE),
        ],
    ).write(home.plan)


def _setup(home: Home) -> list[list[str]]:
    """Commands inside the namespaces, before anything starts. What they mount and add goes with the namespaces."""
    folders = {"log": "/var/log", "cni-state": "/var/lib/cni", "kubelet": "/var/lib/kubelet"}
    commands = [["mount", "--make-rshared", "/"], ["mount", "-t", "tmpfs", "tmpfs", "/run"]]
    commands += [["mkdir", "-p", "/run/lock", "/run/netns", "/run/containerd"]]
    for name, target in folders.items():
        source = str(home.folder / "var" / name)
        # A mount over a folder that is missing on the host would leave it behind: /var/lib gets a layer of its own.
        commands += [["mkdir", "-p", source]] + (
            [["mkdir", "-p", target]] if target.startswith("/var/lib") else []
        )
        commands += [["mount", "--bind", source, target]]
    return [
        *_own_var_lib(home),
        *commands,
        ["ip", "link", "set", "lo", "up"],
        ["ip", "link", "add", BRIDGE, "type", "bridge"],
        ["ip", "addr", "add", f"{NODE_ADDRESS}/24", "dev", BRIDGE],
        ["ip", "link", "set", BRIDGE, "up"],
        ["ip", "route", "add", components.SERVICE_RANGE, "dev", BRIDGE],
        ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
    ]


def _own_var_lib(home: Home) -> list[list[str]]:
    """An overlay over /var/lib, so that the mount points made there are not made on the host."""
    upper, work = str(home.folder / "var" / "upper"), str(home.folder / "var" / "work")
    options = f"lowerdir=/var/lib,upperdir={upper},workdir={work}"
    return [["mkdir", "-p", upper, work], ["mount", "-t", "overlay", "overlay", "-o", options, "/var/lib"]]


def _containerd(home: Home, layout: components.Layout) -> str:
    text = (SOURCE / "node" / "containerd.toml").read_text()
    values = {
        "@ROOT@": str(home.folder / "containerd"),
        "@PAUSE@": images.PAUSE,
        "@CNI@": str(layout.programs["cni"]),
        "@CNI_CONFIG@": str(home.folder / "cni"),
    }
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


def _kubelet(home: Home, cgroup: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((SOURCE / "node" / "kubelet.yaml").read_text())
    config["cgroupRoot"] = f"/{cgroup}"
    config["authentication"]["x509"] = {"clientCAFile": str(home.pki / "ca.crt")}
    config["clusterDNS"] = [components.SERVICE_DNS]
    config["resolvConf"] = str(home.folder / "resolv.conf")
    config["containerRuntimeEndpoint"] = f"unix://{SOCKET}"
    return config


def _furnish(home: Home, programs: Path) -> None:
    kubectl(
        home,
        programs,
        "apply",
        "-f",
        "-",
        stdin=dns.manifest(components.SERVICE_DNS) + "---\n" + storage.manifest(),
    )
    there = wait_until(lambda: kubectl(home, programs, "get", "nodes", "-o", "name") != "", 60)
    if not there:
        raise ClusterError(explain(home))
    kubectl(home, programs, "wait", "--for=condition=Ready", f"node/{NODE}", "--timeout=60s")
    for namespace, name in (("kube-system", "coredns"), ("local-path-storage", "local-path-provisioner")):
        kubectl(home, programs, "rollout", "status", "-n", namespace, f"deployment/{name}", "--timeout=90s")
