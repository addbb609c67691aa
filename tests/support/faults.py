"""Faults between the operator and the API server, and what a person may expect of Runs while and after one lasts.

`tests/integration/test_faults.py` has each of them for some seconds, `make faults` for as long as a bad night has them.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from run_operator.pki.ca import CertificateAuthority
from tests.support.damage import Damage
from tests.support.faulty_operator import NAME
from tests.support.harness import OperatorProcess, Person, run_object, wait_for
from tests.support.metrics_pod import MetricsPod
from tests.support.proxy import Proxy
from tests.support.steady import Logger, Starter

CROWD: Final = 25
"""Runs that do nothing: more than fit on one page of kopf's lists."""
HOUR: Final = 3600
HEAD_START: Final = 0.3
"""Seconds that a fault has lasted when people change their Runs."""


@dataclass
class Scene:
    """A cluster that may be damaged, an operator behind a proxy, and a person who is not."""

    person: Person
    proxy: Proxy
    operator: OperatorProcess
    damage: Damage
    machine: Path
    """The folder of the operator's clock and DNS; see `faulty_operator.py`."""
    authorities: list[CertificateAuthority] = field(default_factory=list)


@contextmanager
def scene(cluster: str, person: Person, folder: Path, **settings: str) -> Iterator[Scene]:
    """All of it. The operator speaks HTTPS to the proxy, by a name."""
    authority = CertificateAuthority.create(dt.datetime.now(dt.UTC))
    proxy = Proxy(person.kubeconfig, folder, host=NAME, authority=authority)
    proxy.start()
    machine = folder / "machine"
    machine.mkdir()
    operator = OperatorProcess(proxy.kubeconfig, folder / "operator.log", **settings)
    operator.program = ("-m", "tests.support.faulty_operator", str(machine))
    try:
        operator.start()
        yield Scene(person, proxy, operator, Damage(cluster, person), machine, [authority])
    finally:
        operator.kill()
        proxy.stop()


Fault = Callable[[Scene, float], None]
"""Lasts so many seconds, and is over when it returns."""


def api_server_down(scene: Scene, seconds: float) -> None:
    """The API server itself."""
    scene.damage.api_server_away(seconds)


def errors_5xx(scene: Scene, seconds: float) -> None:
    """Every request, one status after the other."""
    answered = 0

    def answer(*_: str) -> web.Response:
        nonlocal answered
        answered += 1
        return web.Response(status=(500, 502, 503, 504)[answered % 4], text="no healthy upstream")

    _answered(scene, seconds, answer)


def too_many_requests(scene: Scene, seconds: float) -> None:
    """429, and when to come again."""
    _answered(scene, seconds, lambda *_: web.Response(status=429, headers={"Retry-After": "1"}))


def requests_hang(scene: Scene, seconds: float) -> None:
    """Connections are accepted, and nothing is answered."""
    scene.proxy.hang()
    scene.proxy.cut_streams()
    time.sleep(seconds)
    scene.proxy.unhang()


def streams_cut_every_second(scene: Scene, seconds: float) -> None:
    """By a load balancer that is too eager."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        scene.proxy.cut_streams()
        time.sleep(1)


def streams_silent(scene: Scene, seconds: float) -> None:
    """Open, and without a word."""
    scene.proxy.silence()
    time.sleep(seconds)
    scene.proxy.speak()


def expired_on_resume(scene: Scene, seconds: float) -> None:
    """Watches cannot be opened; when they can, their version is too old. What was deleted meanwhile nobody tells."""
    expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    seen: set[str] = set()
    began = time.monotonic()

    def answer(_: str, path: str) -> web.Response | None:
        if "watch=true" not in path.lower():
            return None
        if time.monotonic() - began < seconds / 2:
            return web.Response(status=503)
        kind = path.partition("?")[0]
        if kind in seen:
            return None
        seen.add(kind)
        if len(seen) % 2:
            return web.json_response(expired, status=410)
        return web.Response(body=json.dumps({"type": "ERROR", "object": expired}).encode() + b"\n")

    _answered(scene, seconds, answer)


def expired_continue_token(scene: Scene, seconds: float) -> None:
    """A list has a second page, and that is gone."""
    expired = {"kind": "Status", "code": 410, "reason": "Expired", "message": "the continue token is too old"}

    def answer(_: str, path: str) -> web.Response | None:
        if "watch=true" in path.lower():
            return web.json_response(expired, status=410)
        return web.json_response(expired, status=410) if "continue=" in path else None

    _answered(scene, seconds, answer)


def etcd_restarted_and_compacted(scene: Scene, seconds: float) -> None:
    """No version from before is known any more."""
    scene.damage.restart_etcd()
    time.sleep(seconds)


def clock_jumps(scene: Scene, seconds: float) -> None:
    """An hour ahead, and back."""
    clock = scene.machine / "clock"
    clock.write_text(str(HOUR))
    time.sleep(seconds)
    clock.write_text("0")


def poisoned_run(scene: Scene, seconds: float) -> None:
    """Runs that are odd in every way that the API server lets in."""
    names = []
    for document in poisons():
        flags = ("create", "--validate=false", "-f", "-")
        if not scene.person.kubectl(*flags, stdin=json.dumps(document), check=False).returncode:
            names.append(document["metadata"]["name"])
    assert {"large", "many"} <= set(names), f"the API server lets in only {names}"
    time.sleep(seconds)
    scene.person.kubectl("delete", "runs", *names, "--wait=false")


def etcd_restored(scene: Scene, seconds: float) -> None:
    """From a backup: what happened since never did. The operator ends by itself, and is started as a kubelet does."""
    with tempfile.TemporaryDirectory() as folder:
        backup = scene.damage.backup(Path(folder))
        time.sleep(seconds)
        scene.damage.restore(backup)
    wait_for("the end of the operator", lambda: not scene.operator.running)
    scene.operator.start()


def dns_gone(scene: Scene, seconds: float) -> None:
    """No name can be looked up, and connections from before are gone."""
    mark = scene.machine / "dns-gone"
    mark.touch()
    scene.proxy.cut_connections()
    time.sleep(seconds)
    mark.unlink()


def authority_rotated(scene: Scene, seconds: float) -> None:
    """The API server has a certificate of another authority at once; the operator's CA file follows later."""
    new = CertificateAuthority.create(dt.datetime.now(dt.UTC))
    scene.authorities.append(new)
    scene.proxy.serve_with(new)
    time.sleep(seconds)
    scene.proxy.ca_file.write_bytes(new.certificate)


FAULTS: Final[dict[str, tuple[Fault, float, float]]] = {
    "API server down": (api_server_down, 120, 2),
    "5xx to every request": (errors_5xx, 90, 3),
    "429 with Retry-After": (too_many_requests, 60, 3),
    "requests that hang": (requests_hang, 60, 3),
    "streams cut every second": (streams_cut_every_second, 60, 3),
    "streams silent": (streams_silent, 300, 1),
    "410 on resume, deletions meanwhile": (expired_on_resume, 60, 3),
    "410 on a continue token": (expired_continue_token, 60, 3),
    "etcd restarted and compacted": (etcd_restarted_and_compacted, 5, 1),
    "etcd restored from a backup": (etcd_restored, 30, 3),
    "clock an hour ahead and back": (clock_jumps, 60, 1),
    "poisoned Runs": (poisoned_run, 60, 2),
    "DNS gone": (dns_gone, 300, 2),
    "authority of the API server rotated": (authority_rotated, 60, 1),
}
"""Name to what it is, and its seconds in `make faults` and in CI."""


def _answered(scene: Scene, seconds: float, answer: Callable[[str, str], web.Response | None]) -> None:
    scene.proxy.answer = answer
    scene.proxy.cut_streams()
    time.sleep(seconds)
    scene.proxy.answer = lambda *_: None


def poisons() -> list[dict[str, Any]]:
    """Documents of odd types, a megabyte of one, ten thousand variables."""
    odd = run_object("odd")
    odd["spec"]["spec"] |= {
        "parameters": {"a": [None, {"b": [[]]}], "": 1e300, "\u202e": True},
        "inputs": [1, "x"],
        "args": [""] * 1000,
        "envs": [{"name": "A=B", "value": "\u0000"}, {"name": "", "value": ""}],
        "resources": {"cpu": "-5", "mem": "1e400"},
        "node_selector": [{"key": "/", "value": "!"}],
        "unknown": {"deep": [[[[]]]]},
    }
    large = run_object("large")
    large["spec"]["spec"]["parameters"] = {f"p{number}": "x" * 1000 for number in range(1000)}
    many = run_object("many")
    many["spec"]["spec"]["envs"] = [{"name": f"V{number}", "value": "x"} for number in range(10_000)]
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = {"d": deep}
    nested = run_object("nested")
    nested["spec"]["spec"]["inputs"] = deep
    return [odd, large, many, nested]


@dataclass
class Figures:
    """What a person felt of a fault."""

    without_starts: float
    without_metrics: float
    lost: int
    doubled: int
    wrong: list[str]


def endure(scene: Scene, inflict: Callable[[], None], settle: float, crowd: int = 0) -> Figures:
    """Runs before, during and after a fault; `settle` is the seconds until all must be as it was asked for.

    `crowd`: so many Runs that do nothing.
    """
    try:
        return _endured(scene, inflict, settle, crowd)
    finally:
        scene.person.kubectl("delete", "runs", "--all", check=False)


def _endured(scene: Scene, inflict: Callable[[], None], settle: float, crowd: int) -> Figures:
    person = scene.person
    idle = [run_object(f"crowd-{number}", suspend=True) for number in range(crowd)]
    person.apply([*idle, *(run_object(name) for name in ("stays", "stops", "goes"))])
    wait_for("the Runs of before", lambda: not wrong(person))
    logger = Logger(MetricsPod(person, scene.operator.ingest_url, "stays"))
    starter = Starter(person)
    with ThreadPoolExecutor(3) as pool:
        working = [pool.submit(logger.work), pool.submit(starter.work)]
        wait_for("a value in the status", lambda: logger.committed)
        lasting = pool.submit(inflict)
        try:
            time.sleep(HEAD_START)
            _surely(person, "patch", "run", "stops", "--type=merge", "-p", '{"spec": {"suspend": true}}')
            _surely(person, "delete", "run", "goes", "--wait=false", "--ignore-not-found")
            lasting.result()
            starter.stop()
            left = _settled(person, settle)
        finally:
            starter.stop()
            logger.stop(settle)
        for one in working:
            one.result()
    values, held_up = person.status("stays").get("metrics", {}).get("value", []), starter.held_up()
    return Figures(
        held_up,
        logger.longest,
        lost=len(set(range(1, logger.sent + 1)) - set(values)),
        doubled=len(values) - len(set(values)),
        wrong=left,
    )


def wrong(person: Person, most_attempts: int | None = 1) -> list[str]:
    """What is not as it was asked for: each Run in its state, with one pod or with none, and nothing without a Run.

    `most_attempts`: None where Runs were resumed.
    """
    found = []
    runs = {run["metadata"]["name"]: run for run in person.items("runs")}
    pods: dict[str, int] = {}
    for pod in person.items("pods"):
        name = pod["metadata"]["labels"].get("run-operator.io/run", "")
        if pod["status"].get("phase") in ("Pending", "Running") and name in runs:
            pods[name] = pods.get(name, 0) + 1
        if name not in runs:
            found.append(f"a pod of {name}, which is not there")
    for job in person.items("jobs"):
        name = job["metadata"]["labels"].get("run-operator.io/run", "")
        if name not in runs:
            found.append(f"a Job of {name}, which is not there")
    for name, run in runs.items():
        status, suspend = run.get("status", {}), run["spec"].get("suspend", False)
        state, attempt = status.get("state"), status.get("attempt", 0)
        if state != ("STOPPED" if suspend else "RUNNING"):
            found.append(f"{name} is {state}, suspend is {suspend}")
        if pods.get(name, 0) != (0 if suspend else 1) or (most_attempts and attempt > most_attempts):
            found.append(f"{name} has {pods.get(name, 0)} pods, attempt {attempt}")
    return found


def _settled(person: Person, within: float) -> list[str]:
    """What is still wrong after that time."""
    until = time.monotonic() + within
    while (found := wrong(person)) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def _surely(person: Person, *arguments: str) -> None:
    """Also while the API server is away."""
    wait_for(" ".join(arguments[:2]), lambda: not person.kubectl(*arguments, check=False).returncode, 300)
