"""Cluster DNS: CoreDNS with the kubernetes plugin only; names outside the cluster do not resolve, there is no outside."""

from __future__ import annotations

from pathlib import Path


def manifest(address: str) -> str:
    """What to apply; `address` is the Service's, as the kubelet tells it to pods."""
    return (Path(__file__).parent / "coredns.yaml").read_text().replace("@ADDRESS@", address)
