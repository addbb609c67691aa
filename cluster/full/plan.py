"""What runs inside the namespaces, and the files it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from cluster import authentication, components, images, kubeconfig, pki, registry, s3
from cluster.paths import REPOSITORY, SOURCE, Home
from cluster.supervise import Component, Plan

NODE: Final = "node-1"
NODE_ADDRESS: Final = "10.245.0.1"
BRIDGE: Final = "cni0"
PORTS: Final = {"etcd": 2379, "etcd-peer": 2380, "api": 6443, "controller-manager": 10257, "scheduler": 10259}
"""The cluster has its own network namespace: the usual ports are free."""
BUILDER_PROFILE: Final = "run-operator-builder.json"
"""What pods that build images name, below the kubelet's folder of seccomp profiles."""
SOCKET: Final = "/run/containerd/containerd.sock"


def write(
    home: Home,
    programs: dict[str, Path],
    cgroup: str,
    address: str,
    *,
    with_s3: bool = False,
    with_registry: bool = False,
) -> None:
    """Certificates, configuration and the plan of the supervisor, for a cluster that is reached at this address."""
    layout = components.Layout(programs, home.folder, home.pki, NODE_ADDRESS, dict(PORTS))
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
    authentication.write(home.folder)
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
            *([_s3(home, address)] if with_s3 else []),
            *([_registry(home, address)] if with_registry else []),
        ],
    ).write(home.plan)


def _s3(home: Home, address: str) -> Component:
    """Reached from pods and from the host at one address."""
    server = s3.Server(f"http://{address}:{s3.PORT}")
    server.save(home.folder)
    return server.component(s3.program(), home.folder, f":{s3.PORT}")


def _registry(home: Home, address: str) -> Component:
    """Reached from pods, from the node and from the host at one address."""
    one = registry.Registry(f"{address}:{registry.PORT}")
    one.save(home.folder)
    registry.trust(home.folder, one.address)
    profiles = home.folder / "var" / "kubelet" / "seccomp"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / BUILDER_PROFILE).write_text(
        (REPOSITORY / "manifests/components/builds/seccomp.json").read_text()
    )
    return one.component(registry.program(), home.folder, f":{registry.PORT}")


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
        "@REGISTRIES@": str(home.folder / "registries"),
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
