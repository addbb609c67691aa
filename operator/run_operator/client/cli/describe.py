"""`runctl describe`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from run_operator.api.exported import id_of, project_of
from run_operator.api.raw import mapping
from run_operator.client.cli import output as shown
from run_operator.client.cli.options import cluster_options, connect, run_argument
from run_operator.client.cli.progress import last_metrics
from run_operator.client.terminal_text import visible

if TYPE_CHECKING:
    from run_operator.client.cluster import Cluster

MAX_EVENTS = 20
MAX_TRANSITIONS = 10


@click.command("describe")
@run_argument()
@cluster_options()
def describe_command(name: str, namespace: str | None, context: str | None, kubeconfig: str | None) -> None:
    """Show everything about a Run: what it is, where it is, its attempts, pods, metrics and events."""
    from run_operator.client.lookup import find

    cluster = connect(namespace, context, kubeconfig)
    raw = find(cluster, name)
    for line in _lines(raw):
        shown.echo(line)
    for line in _events(cluster, raw):
        shown.echo(line)


def _lines(raw: Mapping[str, Any]) -> Iterator[str]:
    metadata, document, status = raw["metadata"], raw["spec"], mapping(raw.get("status"))
    inner = mapping(document.get("spec"))
    facts = {
        "Name": metadata["name"], "Namespace": metadata.get("namespace"), "Project": project_of(raw),
        "Kind": document.get("kind"), "Id": id_of(raw), "Created": metadata.get("creationTimestamp"),
        "Suspend": "true" if document.get("suspend") else None, "Function": inner.get("function"),
        "Image": inner.get("image"), "Attempt": status.get("attempt"),
        "Service": mapping(status.get("service")).get("url"), "Metrics": last_metrics(status, 20) or None,
    }  # fmt: skip
    yield from _facts(facts)
    yield f"{'State:':<12}{shown.state(visible(status.get('state', 'CREATED')))}"
    if status.get("message"):
        yield f"{'Message:':<12}{visible(status['message'])}"
    yield from _section("Conditions", status.get("conditions"), ("type", "status", "reason", "message"))
    attempts = ("attempt", "startTime", "endTime", "exitCode", "reason", "message")
    yield from _section("Attempts", status.get("attempts"), attempts)
    yield from _section("Pods", status.get("pods"), ("name", "phase", "startTime"))
    transitions = list(status.get("transitions") or ())[:MAX_TRANSITIONS]
    yield from _section("Transitions", transitions, ("status", "time", "message"))


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    for key, value in facts.items():
        if value not in (None, ""):
            yield f"{key + ':':<12}{visible(value)}"


def _section(title: str, rows: Any, fields: tuple[str, ...]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
    for row in rows or ():
        yield "  " + "  ".join(visible(row[field]) for field in fields if row.get(field) not in (None, ""))


def _events(cluster: Cluster, raw: Mapping[str, Any]) -> Iterator[str]:
    from run_operator.client.errors import BackendError
    from run_operator.kube.resource import EVENTS

    fields = f"involvedObject.uid={raw['metadata']['uid']}"
    try:
        items = [event for page in cluster.list(EVENTS, fields=fields) for event in page.get("items") or ()]
    except BackendError as error:
        yield f"Events:     cannot be read: {visible(error)}"
        return
    items.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    rows = [
        event | {"time": event.get("lastTimestamp") or event.get("eventTime")}
        for event in items[-MAX_EVENTS:]
    ]
    yield from _section("Events", rows, ("time", "type", "reason", "message"))
