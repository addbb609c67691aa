"""The demo's scenes: an export that runs, a Run that is stopped and resumed with its metrics, a service's address."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from cluster.demo.stage import NAMESPACE, Stage, converted, say
from cluster.errors import ClusterError
from cluster.paths import REPOSITORY

EXAMPLES: Final = REPOSITORY / "manifests" / "examples"
JOB: Final = "job-selfcontained"
JOB_EXPORT: Final = EXAMPLES / "exports" / "container-job-selfcontained.yaml"
TRAIN: Final = "train"
TRAINING: Final = EXAMPLES / "train.yaml"
SHOWN: Final = 60
"""Characters of a list of values that a line of the demo holds."""
SERVICE: Final = "serve-minimal"
SERVICE_EXPORT: Final = EXAMPLES / "exports" / "container-serve-minimal.yaml"
FUNCTION: Final = "area"
FUNCTIONS: Final = EXAMPLES / "python.yaml"
EVENTS_DEADLINE: Final = 10.0


def all_scenes(stage: Stage) -> None:
    """One after the other."""
    if not stage.run("get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"):
        stage.run("create", "namespace", NAMESPACE)
    for name in (JOB, TRAIN, SERVICE, FUNCTION):
        stage.clear(name)
    job(stage)
    stop_and_resume(stage)
    service(stage)
    function(stage)


def job(stage: Stage) -> None:
    """A real export goes to COMPLETED."""
    title("A real export runs")
    shown = JOB_EXPORT.relative_to(REPOSITORY)
    say(f"$ runctl manifest {shown} -n {NAMESPACE} | kubectl apply -f -")
    say(stage.run("apply", "-f", "-", stdin=converted(JOB_EXPORT)).strip())
    stage.follow(JOB, "COMPLETED", logs=True)
    say(f"\nIts story (kubectl -n {NAMESPACE} describe run {JOB}):")
    say(_story(stage, JOB))


def stop_and_resume(stage: Stage) -> None:
    """A program that logs a metric and remembers on its claim how far it came."""
    title("A Run logs a metric, is stopped and resumed: claim and values stay, no retry is used up")
    say(f"$ kubectl -n {NAMESPACE} apply -f {TRAINING.relative_to(REPOSITORY)}")
    say(stage.run("apply", "-f", str(TRAINING)).strip())
    stage.follow(TRAIN, "RUNNING")
    _lines(stage, 3)
    say(f"\n$ kubectl -n {NAMESPACE} get run {TRAIN} -o jsonpath='{{.status.metrics.loss}}'")
    _values(stage, longer_than=0)
    _values(stage, longer_than=_count(stage))
    stage.show("patch", "run", TRAIN, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    stage.follow(TRAIN, "STOPPED")
    before = _values(stage, longer_than=0)
    stage.show("patch", "run", TRAIN, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    stage.follow(TRAIN, "RUNNING")
    _lines(stage, 2)
    after = _values(stage, longer_than=len(before))
    if after[: len(before)] != before:
        raise ClusterError(f"the values of the first attempt are not what they were: {before} and {after}")
    say(f"  the {len(before)} values of the first attempt, and those of the second behind them")
    columns = "ATTEMPT:.attempt,REASON:.reason,EXIT:.exitCode,MESSAGE:.message"
    _table(columns, _get(stage, TRAIN)["status"]["attempts"])


def service(stage: Stage) -> None:
    """A service answers, is stopped, and answers again at the same address."""
    title("A service keeps its address")
    say(f"$ runctl manifest {SERVICE_EXPORT.relative_to(REPOSITORY)} -n {NAMESPACE} | kubectl apply -f -")
    say(stage.run("apply", "-f", "-", stdin=converted(SERVICE_EXPORT)).strip())
    stage.follow(SERVICE, "RUNNING")
    before = _address(stage)
    stage.show("patch", "run", SERVICE, "--type=merge", "-p", '{"spec":{"suspend":true}}')
    stage.follow(SERVICE, "STOPPED")
    stage.show("patch", "run", SERVICE, "--type=merge", "-p", '{"spec":{"suspend":false}}')
    stage.follow(SERVICE, "RUNNING")
    if _address(stage) != before:
        raise ClusterError("the service has another address than before")
    say("  the same address as before")


def function(stage: Stage) -> None:
    """A Python function runs as a job; what it returns is in the status."""
    title("A Python function returns its results")
    say(f"$ kubectl -n {NAMESPACE} apply -f {FUNCTIONS.relative_to(REPOSITORY)}")
    say(stage.run("apply", "-f", str(FUNCTIONS)).strip())
    stage.follow(FUNCTION, "COMPLETED", logs=True)
    stage.show("get", "run", FUNCTION, "-o", "jsonpath={.status.results}")


def title(text: str) -> None:
    """Between two scenes."""
    say(f"\n{text}\n{'-' * len(text)}")


def _get(stage: Stage, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stage.run("get", "run", name, "-o", "json"))
    return found


def _lines(stage: Stage, count: int) -> None:
    """The first lines of the running pod's output."""
    pods = "-o=jsonpath={.items[?(@.status.phase=='Running')].metadata.name}"
    pod = stage.until(
        "a running pod", lambda: stage.run("get", "pods", f"-l=run-operator.io/run={TRAIN}", pods)
    )
    enough = stage.until(
        f"{count} lines of {pod}", lambda: out if (out := stage.run("logs", pod)).count("\n") >= count else ""
    )
    say("\n".join(f"           | {line}" for line in enough.splitlines()[:count]))


def _count(stage: Stage) -> int:
    return len(_get(stage, TRAIN)["status"].get("metrics", {}).get("loss", ()))


def _values(stage: Stage, longer_than: int) -> list[float]:
    """The list of values, once it is longer than it was; printed, cut in the middle where it is long."""
    path = "-o=jsonpath={.status.metrics.loss}"

    def longer() -> str:
        text = stage.run("get", "run", TRAIN, path)
        return text if text and len(json.loads(text)) > longer_than else ""

    text = stage.until(f"more than {longer_than} values", longer)
    values: list[float] = json.loads(text)
    cut = text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}"
    say(f"{cut}  ({len(values)} values)")
    return values


def _address(stage: Stage) -> tuple[str, str]:
    """Where the service is, and its answer there, asked through the API server."""
    where = _get(stage, SERVICE)["status"]["service"]
    port = where["ports"][0]["name"]
    path = f"/api/v1/namespaces/{NAMESPACE}/services/{where['name']}:{port}/proxy/"
    answer = stage.until("an answer", lambda: _quiet(stage, "get", "--raw", path)).strip()
    say(f"  {where['url']} ({where['clusterIP']}) answers: {answer}")
    return where["url"], where["clusterIP"]


def _quiet(stage: Stage, *arguments: str) -> str:
    try:
        return stage.run(*arguments)
    except ClusterError:
        return ""


def _story(stage: Stage, name: str) -> str:
    """Events are written off the hot path, so the last one may take a moment."""
    selector = f"involvedObject.uid={_get(stage, name)['metadata']['uid']}"
    found: list[Any] = []
    deadline = time.monotonic() + EVENTS_DEADLINE
    while len(found) < 2 and time.monotonic() < deadline:  # noqa: PLR2004 - Started and Completed
        found = json.loads(stage.run("get", "events", "--field-selector", selector, "-o", "json"))["items"]
        time.sleep(0.1)
    return "\n".join(f"  {e['type']:<8} {e['reason']:<12} {e['message']}" for e in found)


def _table(columns: str, rows: list[dict[str, Any]]) -> None:
    heads, paths = zip(*(column.split(":.") for column in columns.split(",")), strict=True)
    cells = [heads, *([str(row.get(path, "")) for path in paths] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    say()
    for line in cells:
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
