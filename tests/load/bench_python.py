"""`make bench-python`: how soon a function runs beside a plain container, and how fast it serves beside bare uvicorn."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from run_operator.runner.bundle import bundle
from tests.support.harness import REPOSITORY, Person, cluster_down, cluster_name, cluster_up, wait_for
from tests.support.index_pod import name_index, serve_wheels
from tests.support.wheel_index import downloaded

IMAGE: Final = "docker.io/library/python:3.12-slim"
LINE: Final = "import time\nprint(time.time(), flush=True)\n"
FUNCTION: Final = "import time\ndef run():\n    print(time.time(), flush=True)\n"
HANDLER: Final = "def run(context, event):\n    return {'path': event.path, 'size': len(event.body or b'')}\n"
BARE: Final = """
import json
async def app(scope, receive, send):
    body = (await receive()).get("body", b"")
    data = json.dumps({"path": scope["path"], "size": len(body)}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]})
    await send({"type": "http.response.body", "body": data})
if __name__ == "__main__":
    import sys, uvicorn
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning", lifespan="off")
"""
CLAIM: Final = "requirements"
CONNECTIONS: Final = 16
ROUNDS: Final = 10


def main() -> None:
    """Both parts; `--serve-only` needs no cluster."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="Runs of each sort.")
    parser.add_argument("--seconds", type=float, default=5.0, help="Of requests to each.")
    parser.add_argument("--serve-only", action="store_true", help="Only the requests.")
    chosen = parser.parse_args()
    serving(chosen.seconds)
    if not chosen.serve_only:
        starting(chosen.runs)


def starting(runs: int) -> None:
    """From `kubectl create` to the first line of the program, one Run after the other, in turns."""
    name = cluster_name("bench-python")
    kubeconfig = cluster_up(name, "full")
    try:
        admin = Person(kubeconfig, "run-operator")
        admin.install_crds()
        admin.kubectl("apply", "-k", str(REPOSITORY / "manifests" / "overlays" / "demo"))
        admin.kubectl("rollout", "status", "deployment/run-operator", "--timeout=90s")
        person = Person(kubeconfig, "bench")
        person.kubectl("create", "namespace", "bench")
        plain = {
            "kind": "container+job:run",
            "spec": {"image": IMAGE, "command": "python3", "args": ["-u", "-c", LINE]},
        }
        function = {
            "kind": "python+job:run",
            "spec": {"image": IMAGE, "source": {"code": FUNCTION, "handler": "run"}},
        }
        took: dict[str, list[float]] = {"container+job": [], "python+job": []}
        for i in range(runs + 1):
            for kind, spec in (("container+job", plain), ("python+job", function)):
                seconds = first_line(person, f"{kind.replace('+', '-')}-{i}", spec)
                if i:  # the first ones load the image
                    took[kind].append(seconds)
        container, python = (statistics.median(took[kind]) for kind in ("container+job", "python+job"))
        print(
            f"first line after: container+job {container:.2f} s, python+job {python:.2f} s (median of {runs})"
        )
        print(
            f"bound 1.2 x + 300 ms = {1.2 * container + 0.3:.2f} s: {'kept' if python <= 1.2 * container + 0.3 else 'MISSED'}"
        )
        installing(name, admin, person)
    finally:
        cluster_down(name)


def installing(cluster: str, admin: Person, person: Person) -> None:
    """The same with a requirement: without a cache, with an empty claim for it, and with what that then holds."""
    command = [sys.executable, "-m", "cluster", "images", "--load", "--name", cluster, "python-runtime"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    name_index(person, serve_wheels(person, downloaded("numpy<2")))
    function = {
        "kind": "python+job:run",
        "spec": {
            "python_version": "PYTHON3_12", "source": {"code": FUNCTION, "handler": "run"},
            "requirements": ["numpy<2"],
        },
    }  # fmt: skip
    first_line(person, "loads-the-image", function)
    took = {"without a cache": first_line(person, "without", function)}
    person.apply(
        {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    )  # fmt: skip
    admin.kubectl("set", "env", "deployment/run-operator", f"RUN_OPERATOR_REQUIREMENTS_CACHE_CLAIM={CLAIM}")
    admin.kubectl("rollout", "status", "deployment/run-operator", "--timeout=90s")
    took |= {
        text: first_line(person, text.replace(" ", "-"), function) for text in ("empty claim", "filled claim")
    }
    print("with numpy to install: " + ", ".join(f"{text} {seconds:.2f} s" for text, seconds in took.items()))


def first_line(person: Person, name: str, spec: dict[str, Any]) -> float:
    """Seconds; program and clock are on this machine."""
    body = {"apiVersion": "run-operator.io/v1alpha1", "kind": "Run", "metadata": {"name": name}, "spec": spec}
    began = time.time()
    person.kubectl("create", "-f", "-", stdin=json.dumps(body))
    person.becomes(name, "COMPLETED", 120)
    return float(person.kubectl("logs", f"job/{name}").stdout.splitlines()[-1]) - began


def serving(seconds: float) -> None:
    """Requests a second of one worker, in turns with bare uvicorn and the same answer."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        ours, bare = function_served(folder), bare_served(folder)
        try:
            rates: dict[str, list[float]] = {"python+serve": [], "bare uvicorn": []}
            cpu: dict[str, list[float]] = {"python+serve": [], "bare uvicorn": []}
            for _ in range(ROUNDS):  # short ones in turns: what else the machine does falls on both alike
                for name, (process, port) in (("python+serve", ours), ("bare uvicorn", bare)):
                    before = used(process.pid)
                    rate = asyncio.run(requests(port, seconds / ROUNDS))
                    rates[name].append(rate)
                    cpu[name].append((used(process.pid) - before) / (rate * seconds / ROUNDS) * 1e6)
            found = {name: statistics.median(values) for name, values in rates.items()}
            spent = {name: statistics.median(values) for name, values in cpu.items()}
            for name, rate in found.items():
                print(f"{name}: {rate:.0f} requests/s, {spent[name]:.0f} us of CPU each")
            ratio, of_cpu = (
                found["python+serve"] / found["bare uvicorn"],
                spent["bare uvicorn"] / spent["python+serve"],
            )
            print(f"ratio {ratio:.2f} (by CPU {of_cpu:.2f}); wanted: 0.6")
        finally:
            for process, _ in (ours, bare):
                process.terminate()
                process.wait(20)


def used(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def function_served(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The runner, as in a pod."""
    port = free_port()
    (folder / "shared").mkdir()
    (folder / "runner.pyz").write_bytes(bundle())
    run = {"project": "p", "id": "r", "spec": {"source": {"code": HANDLER, "handler": "run"}}}
    (folder / "run.json").write_text(json.dumps({"run": run}))
    environment = os.environ | {
        "RUN_DOCUMENT": str(folder / "run.json"), "RUN_FOLDER": str(folder / "shared"), "RUN_SERVE_PORT": str(port),
        "RUN_SERVE_HOST": "127.0.0.1", "RUN_TERMINATION_LOG": str(folder / "words"),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-u", str(folder / "runner.pyz"), "serve"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    return process, answering(port)


def bare_served(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The same answer by an ASGI application of ten lines."""
    port = free_port()
    (folder / "bare.py").write_text(BARE)
    return subprocess.Popen([sys.executable, str(folder / "bare.py"), str(port)]), answering(port)


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answering(port: int) -> int:
    """The port, once somebody listens there."""

    def listens() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    wait_for(f"port {port}", listens)
    return port


async def requests(port: int, seconds: float) -> float:
    """Requests a second over connections that are kept."""
    until = time.monotonic() + seconds
    began = time.monotonic()
    counts = await asyncio.gather(*(client(port, until) for _ in range(CONNECTIONS)))
    return sum(counts) / (time.monotonic() - began)


async def client(port: int, until: float) -> int:
    """One connection; the answers it got."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world"
    count = 0
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    return count


if __name__ == "__main__":
    main()
