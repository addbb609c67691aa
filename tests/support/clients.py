"""What tests of the `Run` object and of runctl share: Runs to make, threads, and a kubelet's answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from run_operator import Cluster, Run, new_run
from tests.support.proxy import Proxy

JOB = {
    "kind": "container+job:run",
    "task": "container+job://demo/t",
    "image": "docker.io/library/busybox:1.36",
}
SERVICE = JOB | {
    "kind": "container+serve:run",
    "task": "container+serve://demo/t",
    "service_ports": [{"port": 80, "target_port": 5678}],
}


def job(cluster: Cluster, uuid: str = "x", **more: Any) -> Run:
    return new_run("demo", uuid=uuid, cluster=cluster, **(JOB | more))


def in_thread(do: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Run it beside the test; what it returns or raises is put into the list."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(do())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, came


def kubelet(proxy: Proxy, *lines: str) -> list[str]:
    """Answer requests for logs, and to services, in its place; returns the paths that were asked for."""
    from aiohttp import web  # noqa: PLC0415

    asked: list[str] = []

    def answer(method: str, path: str) -> web.Response | None:
        if "/log?" not in path and "/proxy/" not in path:
            return None
        asked.append(f"{method} {path}")
        if "/proxy/" in path:
            return web.json_response({"path": path}, status=200)
        stamped = (f"2026-11-24T10:00:00.{at:09}Z {line}" for at, line in enumerate(lines))
        return web.Response(
            text="".join(f"{line}\n" for line in (stamped if "timestamps" in path else lines))
        )

    proxy.answer = answer
    return asked
