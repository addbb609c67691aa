"""The command lines of the components: pure functions, nothing is started here."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cluster import authentication
from cluster.supervise import Component

SERVICE_RANGE = "10.250.0.0/24"
SERVICE_API = "10.250.0.1"
SERVICE_DNS = "10.250.0.10"
POD_RANGE = "10.245.0.0/24"
ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True)
class Layout:
    """Where programs, keys and data are, and which addresses are used."""

    programs: dict[str, Path]
    """Module name to the folder of its programs."""
    folder: Path
    pki: Path
    address: str
    """Where the API server can be reached from everywhere in the cluster."""
    ports: dict[str, int]
    """etcd, etcd-peer, api, controller-manager, scheduler."""
    audit: bool = False

    @property
    def api(self) -> str:
        """URL from inside."""
        return f"https://127.0.0.1:{self.ports['api']}"


def etcd(at: Layout) -> Component:
    """Data on disk, but not synced: a throw-away cluster."""
    client = f"http://127.0.0.1:{at.ports['etcd']}"
    peer = f"http://127.0.0.1:{at.ports['etcd-peer']}"
    argv = [
        str(at.programs["etcd"] / "server"), "--name=lab", f"--data-dir={at.folder / 'etcd'}",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=lab={peer}", "--unsafe-no-fsync",
        "--log-level=warn",
    ]  # fmt: skip
    return Component("etcd", argv)


def apiserver(at: Layout, bind: str) -> Component:
    """RBAC, service accounts, priority and fairness; anonymous users see /readyz only."""
    pki = at.pki
    # No pod can reach a loopback address. From Kubernetes 1.37 on the API server refuses to publish one.
    published = "none" if ip_address(at.address).is_loopback else "lease"
    argv = [
        str(at.programs["kubernetes"] / "kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{at.ports['etcd']}",
        f"--bind-address={bind}", f"--secure-port={at.ports['api']}", f"--advertise-address={at.address}",
        f"--service-cluster-ip-range={SERVICE_RANGE}", f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key", f"--client-ca-file={pki}/ca.crt",
        f"--requestheader-client-ca-file={pki}/ca.crt", "--requestheader-allowed-names=front-proxy",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
        f"--service-account-issuer={ISSUER}", f"--service-account-key-file={pki}/service-accounts.pub",
        f"--service-account-signing-key-file={pki}/service-accounts.key", f"--api-audiences={ISSUER}",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key", "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true", f"--endpoint-reconciler-type={published}",
        f"--authentication-config={at.folder / authentication.FILE}",
    ]  # fmt: skip
    if at.audit:
        argv += [
            f"--audit-log-path={at.folder / 'audit.log'}",
            f"--audit-policy-file={at.folder / 'audit.yaml'}",
        ]
    return Component("kube-apiserver", argv)


def controller_manager(at: Layout) -> Component:
    """All controllers that make sense without a cloud; client limits raised for tests under load."""
    config = at.folder / "controller-manager.kubeconfig"
    argv = [
        str(at.programs["kubernetes"] / "kube-controller-manager"), f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}",
        "--use-service-account-credentials=true", "--leader-elect=false", "--bind-address=127.0.0.1",
        f"--secure-port={at.ports['controller-manager']}", "--kube-api-qps=200", "--kube-api-burst=400",
        f"--service-account-private-key-file={at.pki}/service-accounts.key", f"--root-ca-file={at.pki}/ca.crt",
        f"--cluster-signing-cert-file={at.pki}/ca.crt", f"--cluster-signing-key-file={at.pki}/ca.key",
        "--controllers=*,-node-ipam-controller",
    ]  # fmt: skip
    return Component("kube-controller-manager", argv, after_api=True)


def scheduler(at: Layout) -> Component:
    """The scheduler."""
    config = at.folder / "scheduler.kubeconfig"
    argv = [
        str(at.programs["kubernetes"] / "kube-scheduler"), f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}", "--leader-elect=false",
        "--bind-address=127.0.0.1", f"--secure-port={at.ports['scheduler']}", "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]  # fmt: skip
    return Component("kube-scheduler", argv, after_api=True)


def kwok(at: Layout, kubeconfig: Path, stages: list[Path]) -> Component:
    """Fake kubelets for every node that carries the annotation kwok.x-k8s.io/node=fake."""
    argv = [
        str(at.programs["kwok"] / "kwok"), f"--kubeconfig={kubeconfig}", "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake", "--node-lease-duration-seconds=40",
        "--server-address=", "--cidr=10.64.0.0/12",
    ]  # fmt: skip
    return Component("kwok", argv + [f"--config={stage}" for stage in stages], after_api=True)


def containerd(at: Layout) -> Component:
    """The container runtime."""
    return Component(
        "containerd",
        [str(at.programs["containerd"] / "containerd"), "-c", str(at.folder / "containerd.toml")],
    )


def kubelet(at: Layout, node: str) -> Component:
    """The node agent."""
    argv = [
        str(at.programs["kubernetes"] / "kubelet"), f"--config={at.folder / 'kubelet.yaml'}",
        f"--kubeconfig={at.folder / 'kubelet.kubeconfig'}", f"--hostname-override={node}", f"--node-ip={at.address}",
        "--cert-dir=/var/lib/kubelet/pki",
    ]  # fmt: skip
    return Component("kubelet", argv, after_api=True)


def kube_proxy(at: Layout, node: str) -> Component:
    """Services by iptables."""
    argv = [
        str(at.programs["kubernetes"] / "kube-proxy"), f"--kubeconfig={at.folder / 'proxy.kubeconfig'}",
        "--proxy-mode=iptables", f"--hostname-override={node}", f"--cluster-cidr={POD_RANGE}",
        "--conntrack-max-per-core=0",
    ]  # fmt: skip
    return Component("kube-proxy", argv, after_api=True)
