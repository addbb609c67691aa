"""Paths of the platform's API that the SDK uses for projects, functions, tasks, runs and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from run_operator import __version__
from run_operator.api.exported import relationships
from run_operator.api.raw import JSON, mapping, text
from run_operator.gateway.api_client import ApiClient
from run_operator.gateway.api_level import LEVEL
from run_operator.gateway.authentication import review
from run_operator.gateway.content_entities import BY_PLURAL as CONTENT_ENTITIES
from run_operator.gateway.content_entities import ContentEntities
from run_operator.gateway.entities import BY_PLURAL, WORKFLOWS, Entities, Place
from run_operator.gateway.errors import Problem, bad, unsupported
from run_operator.gateway.file_store import FileStore
from run_operator.gateway.limits import GatewayLimits
from run_operator.gateway.list_query import query
from run_operator.gateway.pages import Lists, page
from run_operator.gateway.projects import Projects
from run_operator.gateway.run_entities import RunEntities, check_is_run
from run_operator.gateway.run_logs import logs
from run_operator.gateway.run_metrics import RunMetrics
from run_operator.gateway.secrets import PLURAL as SECRETS
from run_operator.gateway.secrets import Secrets, names_of
from run_operator.gateway.shares import Shares, turn
from run_operator.kube.resource import RUNS

OPEN: Final = frozenset({"/.well-known/configuration"})
"""Paths that need no token, because the SDK sends none."""
KEPT: Final = (
    "projects, functions, workflows, tasks, runs, secrets, artifacts, data items, models and container images"
)
OTHERS: Final = {
    "triggers": f"this cluster stores {KEPT}, but no triggers: use a CronJob that applies a Run",
    "solr": "this gateway has no search: list_runs(project, q=...) finds a part of id, name, function or workflow",
}
"""Calls that only the platform's own server has, by the word in the path."""


@dataclass(frozen=True, slots=True)
class Request:
    """`parts`: decoded parts of the path. `body`: decoded JSON, None without a body. `arrived`: monotonic seconds."""

    method: str
    parts: tuple[str, ...]
    parameters: Mapping[str, str]
    body: Any
    caller: ApiClient
    arrived: float

    @property
    def document(self) -> JSON:
        """The body as a map. Raises Problem."""
        if not isinstance(self.body, Mapping):
            raise bad("the body must be a JSON object")
        return self.body

    @property
    def cascade(self) -> bool:
        """Whether a deletion includes everything that belongs to the entity."""
        return self.parameters.get("cascade", "false").lower() == "true"


def parts_of(raw_path: str) -> tuple[str, ...]:
    """The decoded parts of a path as it was sent. A metric's name may hold any character, also an encoded slash."""
    return tuple(unquote(part) for part in raw_path.partition("?")[0].strip("/").split("/"))


class Routes:
    """The routes of one process. They hold caches and bounds, but no state that may not be lost."""

    def __init__(
        self, limits: GatewayLimits, mapped: Mapping[str, str], store: FileStore, creator_role: str = ""
    ) -> None:
        self._limits = limits
        self._projects = Projects(mapped, limits.remembered, creator_role)
        self._turns = lists = Shares(limits.lists, limits.lists_each, limits.lists_waiting)
        self._logs = Shares(limits.logs_at_once, limits.logs_each, limits.lists_waiting)
        self._entities = Entities(limits.remembered, lists)
        self._runs = RunEntities(self._entities)
        self._content = ContentEntities(self._entities)
        self._metrics = RunMetrics(self._entities, limits)
        self._secrets = Secrets(limits, lists)
        self._store = store
        self._lists = Lists(limits, lists)

    async def answer(self, request: Request) -> Any:
        """The answer as a JSON value. Raises Problem."""
        match request.parts:
            case ("api", "auth"):
                user = await review(request.caller)
                return {"username": text(user.get("username")), "groups": list(user.get("groups") or ())}
            case ("api", "v1", "projects", *rest):
                return await self._of_projects(request, rest)
            case ("api", "v1", "-", project, plural, *rest):
                return await self._of_project(request, project, plural, rest)
        raise Problem(404, f"there is nothing at /{'/'.join(request.parts)[:200]}")

    async def exchange(self, caller: ApiClient, project: str) -> Any:
        """The caller's token, with the credentials of the project's file store."""
        return await self._store.exchange(caller, project, self._projects.namespace)

    async def _of_projects(self, request: Request, rest: list[str]) -> Any:
        caller, projects = request.caller, self._projects
        match request.method, rest:
            case "GET", []:
                asked = query(request.parameters, self._limits)
                async with turn(self._turns, caller):
                    return page(await projects.list(caller), asked, self._limits)
            case "POST", []:
                return await projects.create(caller, request.document)
            case "GET", [name]:
                return await projects.read(caller, name)
            case "PUT", [name]:
                return await projects.update(caller, name, request.document)
            case "DELETE", [name]:
                await projects.delete(caller, name, cascade=request.cascade)
                return True
            case _, [_, "share"]:
                raise unsupported(
                    "projects are shared through RBAC: kubectl create rolebinding ... --clusterrole=edit --user=..."
                )
        raise _no_method(request)

    async def _of_project(self, request: Request, project: str, plural: str, rest: list[str]) -> Any:
        if plural == SECRETS:
            return await self._of_secrets(request, project, rest)
        resource = BY_PLURAL.get(plural) or CONTENT_ENTITIES.get(plural)
        if resource is None:
            raise unsupported(OTHERS.get(plural) or f"this cluster stores {KEPT}, but no {plural[:40]}")
        namespace = await self._projects.namespace(request.caller, project)
        place = Place(resource, project, namespace, plural == WORKFLOWS)
        match rest:
            case []:
                return await self._of_all(request, place)
            case [entity_id]:
                return await self._of_one(request, place, entity_id)
            case [entity_id, "relationships"] if request.method == "GET":
                return relationships(await self._entities.read(request.caller, place, entity_id))
            case [entity_id, *what] if plural in CONTENT_ENTITIES:
                return await self._of_content(request, place, entity_id, what)
            case [entity_id, *what]:
                check_is_run(place)
                return await self._of_run(request, place, entity_id, what)
        raise _no_method(request)

    async def _of_secrets(self, request: Request, project: str, rest: list[str]) -> Any:
        caller, secrets, parameters = request.caller, self._secrets, request.parameters
        where = project, await self._projects.namespace(caller, project)
        match request.method, rest:
            case "GET", ["data"]:
                return await secrets.values(caller, *where, names_of(parameters.get("keys", "")))
            case "PUT", ["data"]:
                return await secrets.put_values(caller, *where, request.document)
            case "GET", []:
                return await secrets.page(caller, *where, query(parameters, self._limits))
            case "POST", []:
                return await secrets.create(caller, *where, request.document)
            case "DELETE", []:
                return await secrets.delete(caller, *where, name=parameters.get("name", ""))
            case method, [entity_id]:
                return await secrets.one(method, caller, *where, entity_id, request.body)
        raise _no_method(request)

    async def _of_all(self, request: Request, place: Place) -> Any:
        match request.method:
            case "GET":
                return await self._lists.page(request.caller, place, query(request.parameters, self._limits))
            case "POST" if place.resource is RUNS:
                return await self._runs.create(request.caller, place, request.document)
            case "POST":
                return await self._entities.create(request.caller, place, request.document)
            case "DELETE":
                return await self._entities.delete_named(
                    request.caller, place, request.parameters.get("name", ""), cascade=request.cascade
                )
        raise _no_method(request)

    async def _of_one(self, request: Request, place: Place, entity_id: str) -> Any:
        caller, entities = request.caller, self._entities
        match request.method:
            case "GET":
                return await entities.read(caller, place, entity_id)
            case "PUT":
                return await self._put(request, place, entity_id)
            case "DELETE":
                await entities.delete(caller, place, entity_id, cascade=request.cascade)
                return True
        raise _no_method(request)

    async def _put(self, request: Request, place: Place, entity_id: str) -> Any:
        if place.resource.plural in CONTENT_ENTITIES:
            return await self._content.update(request.caller, place, entity_id, request.document)
        found, raw = await self._entities.update(request.caller, place, entity_id, request.document)
        if place.resource is RUNS and mapping(request.document.get("status")).get("metrics") == {}:
            self._metrics.announced(request.caller, text(mapping(raw.get("metadata")).get("uid")))
        return found

    async def _of_content(self, request: Request, place: Place, entity_id: str, what: list[str]) -> Any:
        caller, content = request.caller, self._content
        match request.method, what:
            case "GET", ["files", "info"]:
                return await content.files(caller, place, entity_id)
            case "PUT", ["files", "info"]:
                return await content.put_files(caller, place, entity_id, request.body)
            case "GET", ["metrics"]:
                return await content.metrics(caller, place, entity_id)
            case "GET", ["metrics", *name]:
                return await content.metric(caller, place, entity_id, _metric(request, name))
            case "PUT", ["metrics", *name]:
                key = _metric(request, name)
                return await content.put_metric(caller, place, entity_id, key, request.body)
        raise _no_method(request)

    async def _of_run(self, request: Request, place: Place, run_id: str, what: list[str]) -> Any:
        caller = request.caller
        match request.method, what:
            case "POST", ["stop"]:
                return await self._runs.stop(caller, place, run_id)
            case "POST", ["resume"]:
                return await self._runs.resume(caller, place, run_id)
            case "GET", ["logs"]:
                raw = await self._entities.raw(caller, place, run_id)
                async with turn(self._logs, caller):
                    return await logs(caller, place, raw, self._limits)
            case "GET", ["metrics"]:
                return await self._metrics.all(caller, place, run_id)
            case "GET", ["metrics", *name]:
                return await self._metrics.one(caller, place, run_id, _metric(request, name))
            case "PUT", ["metrics", *name]:
                key = _metric(request, name)
                return await self._metrics.put(caller, place, run_id, key, request.body, request.arrived)
            case "POST", [action]:
                raise bad(f"a run can be stopped and resumed; unknown action {action[:40]!r}")
        raise _no_method(request)


def configuration() -> JSON:
    """The public configuration of this gateway."""
    return {
        "name": "run-operator",
        "version": __version__,
        "dhcore_api_level": LEVEL,
        "k8s_resource_profiles": [],
    }


def _metric(request: Request, parts: list[str]) -> str:
    """The name in the rest of the path; the SDK writes it there as it is. Raises Problem for one that lost something."""
    if request.parameters:
        raise bad(
            f"the name was cut at its question mark: metric {'/'.join(parts)[:80]!r}; use a name without ?"
        )
    if not parts:
        raise bad("the metric has no name; a name of dots alone cannot be sent either")
    return "/".join(parts)


def _no_method(request: Request) -> Problem:
    return Problem(405, f"the method {request.method} is not allowed for /{'/'.join(request.parts)[:200]}")
