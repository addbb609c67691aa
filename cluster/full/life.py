"""From nothing to a cluster that is ready, and back to nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from cluster import images, registry, s3
from cluster.api import wait_ready
from cluster.build import build
from cluster.errors import ClusterError
from cluster.full import cgroups, links, plan, spawning, sysctls
from cluster.full.furnishing import furnish, load_images
from cluster.locks import alone
from cluster.paths import Home, cache
from cluster.processes import Process, with_arguments
from cluster.progress import step
from cluster.state import State
from cluster.supervise import MODULE

MODULES: Final = ("etcd", "kubernetes", "containerd", "cni")


def up(home: Home, *, with_s3: bool = False, with_registry: bool = False) -> State:
    """Start it, with images, DNS and storage, and wait until all of it is ready. Raises ClusterError."""
    programs = {module: build(module) for module in MODULES}
    if with_s3:
        s3.program()  # built before anything runs
    if with_registry:
        registry.program()
    archives = images.ensure()
    with step(f"starting the cluster {home.name}"):
        state = _start(home, programs, with_s3=with_s3, with_registry=with_registry)
    try:
        with step("waiting for the API server"):
            wait_ready(home, programs["kubernetes"], lambda: state.running)
        load_images(home, archives)
        with step("waiting for the node, DNS and storage"):
            furnish(home, programs["kubernetes"])
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
    links.remove(home.name)
    if not cgroups.remove(_cgroup(home)):
        raise ClusterError(f"processes are left in the cgroup {_cgroup(home)}; end them and try again")
    sysctls.restore(home.name)


def _cgroup(home: Home) -> str:
    return f"run-operator-{home.name}"


def _start(home: Home, programs: dict[str, Path], **beside: bool) -> State:
    """One cluster at a time: each looks for a network that is free."""
    with alone(cache() / "locks" / "networks"):
        return _start_alone(home, programs, **beside)


def _start_alone(home: Home, programs: dict[str, Path], **beside: bool) -> State:
    number = links.free()
    address = links.cluster_address(number)
    plan.write(home, programs, _cgroup(home), address, **beside)
    sysctls.save(home.name)
    cgroups.make(_cgroup(home))
    outer = spawning.spawn(home)
    server = f"https://{address}:{plan.PORTS['api']}"
    leftovers: dict[str, Any] = {"inner": None}
    state = State(
        home.name, "full", server, spawning.outer_process(home, outer), time.time(), leftovers, ready=False
    )
    state.save(home)
    try:
        inner = spawning.inner_process(home, outer)
        leftovers["inner"] = inner.to_json()
        links.join(home.name, number, inner.pid)
        state.save(home)
    except BaseException:
        down(home, state)
        raise
    return state
