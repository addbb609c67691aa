"""A little API server in memory, and pods that talk to the ingest: for faults that a real one cannot be made to have."""

from __future__ import annotations

import asyncio
import base64
import copy
import datetime as dt
import json
import time
from collections.abc import Callable
from typing import Any, Self

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from prometheus_client import CollectorRegistry

from run_operator.api.pod_contract import audience
from run_operator.api.record_signer import RecordSigner
from run_operator.api.run import Key, Run
from run_operator.children import JobView, PodView
from run_operator.engine.store import Store
from run_operator.ingest.app import Endpoint, Ingest
from run_operator.ingest.limits import IngestLimits, Pace
from run_operator.kube.errors import InvalidError, NotFoundError
from run_operator.kube.resource import METRIC_BATCHES, PODS, RUNS, TOKEN_REVIEWS, Resource

SIGNER = RecordSigner(b"the operator's key")
NAMESPACE, NAME, UID = "ml", "train", "run-uid-1"
FAST = Pace(interval=0.05, last_interval=0.01, first_backoff=0.05, last_backoff=0.2)
Fault = Callable[[Callable[[], Any]], Any]


class FakeApi:
    """As much of `Api` as the ingest uses. `faults` are used up by the patches, in order."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.faults: list[Fault] = []
        self.keys: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.on_change: Callable[[Resource, dict[str, Any]], None] = lambda *_: None
        self.on_delete: Callable[[Resource, dict[str, Any]], None] = lambda *_: None
        self._versions = 100

    def put(self, resource: Resource, raw: dict[str, Any]) -> dict[str, Any]:
        """Store it as a new version and tell the streams."""
        self._versions += 1
        raw["metadata"]["resourceVersion"] = str(self._versions)
        metadata = raw["metadata"]
        self.objects[resource.plural, metadata["namespace"], metadata["name"]] = raw
        self.on_change(resource, raw)
        return raw

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self.calls.append(f"get {resource.plural}")
        await asyncio.sleep(0)
        found = self.objects.get((resource.plural, namespace, name))
        if found is None:
            raise NotFoundError(f"get {name}", 404, "not found")
        return copy.deepcopy(found)

    async def public_keys(self) -> list[dict[str, Any]]:
        self.calls.append("get keys")
        return self.keys

    async def get_metadata(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.get(resource, namespace, name))["metadata"]
        return found

    async def pages(self, resource: Resource, *, namespace: str, page_size: int, accept: str) -> Any:
        """The metadata of each object, page by page."""
        self.calls.append(f"list {resource.plural}")
        found = [
            {"metadata": raw["metadata"]}
            for (plural, where, _), raw in list(self.objects.items())
            if (plural, where) == (resource.plural, namespace)
        ]
        for start in range(0, max(1, len(found)), page_size):
            await asyncio.sleep(0)
            yield {"items": found[start : start + page_size]}

    async def create(self, resource: Resource, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(f"create {resource.plural}")
        await asyncio.sleep(0)
        if resource == TOKEN_REVIEWS:
            known = self.tokens.get(body["spec"]["token"], {})
            good = bool(known) and known["audience"] in body["spec"]["audiences"]
            return {"status": known["status"] if good else {"authenticated": False}}
        return self.put(resource, copy.deepcopy(body))

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: Any, subresource: str | None = None
    ) -> dict[str, Any]:
        self.calls.append(f"patch {resource.plural}")
        raw = await self.get(resource, namespace, name)
        raw["metadata"] |= {k: v for k, v in body["metadata"].items() if k != "resourceVersion"}
        for field in ("data", "status"):
            merged = (raw.get(field) or {}) | body.get(field, {})
            raw[field] = {key: value for key, value in merged.items() if value is not None}
        return self.put(resource, raw)

    async def delete(self, resource: Resource, namespace: str, name: str, uid: str) -> None:
        self.calls.append(f"delete {resource.plural}")
        await asyncio.sleep(0)
        found = self.objects.pop((resource.plural, namespace, name), None)
        if found is None:
            raise NotFoundError(f"delete {name}", 404, "not found")
        self.on_delete(resource, found)

    async def json_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Any,
        *,
        subresource: str | None = None,
        accept: str = "",
    ) -> dict[str, Any]:
        self.calls.append(f"patch {resource.plural}")
        operations = json.loads(json.dumps(operations, allow_nan=False))
        await asyncio.sleep(0)

        def apply() -> dict[str, Any]:
            return self._apply(resource, namespace, name, operations)

        if self.faults:
            answer: dict[str, Any] = self.faults.pop(0)(apply)
            return answer
        return apply()

    def _apply(self, resource: Resource, namespace: str, name: str, operations: Any) -> dict[str, Any]:
        found = self.objects.get((resource.plural, namespace, name))
        if found is None:
            raise NotFoundError(f"patch {name}", 404, "not found")
        changed = copy.deepcopy(found)
        for op in operations:
            *parents, leaf = (
                part.replace("~1", "/").replace("~0", "~") for part in op["path"].lstrip("/").split("/")
            )
            at: Any = changed
            for parent in parents:
                at = at.get(parent)
                if at is None:
                    raise InvalidError("patch", 422, f"no {op['path']}")
            if op["op"] == "test" and at.get(leaf) != op["value"]:
                raise InvalidError("patch", 422, f"testing {op['path']} failed")
            if op["op"] == "add" and isinstance(at, list):
                at.append(op["value"])
            elif op["op"] == "add":
                at[leaf] = op["value"]
        return {"metadata": self.put(resource, changed)["metadata"]}


class World:
    """One Run with a Job and pods, an ingest on a real socket, and what a pod can do."""

    def __init__(self, limits: IngestLimits | None = None, pace: Pace = FAST) -> None:
        self.api = FakeApi()
        self.woken: list[Any] = []
        self.settled: list[Any] = []
        self.store = Store(lambda key, urgent: self.woken.append(key))
        self.api.on_change = self._changed
        self.api.on_delete = self._deleted
        self.ready = True
        self.registry = CollectorRegistry()
        endpoint = Endpoint("https://localhost:1", "127.0.0.1", 0, "run-operator")
        api: Any = self.api
        self.ingest = Ingest(
            api, self.store, endpoint, self.registry, self.settled.append, lambda _: "here",
            lambda: self.ready, lambda: SIGNER, limits or IngestLimits(pod_rate=1e6, pod_burst=1e6, run_rate=1e6, run_burst=1e6), pace,
        )  # fmt: skip
        self.add_run()
        self.add_pod("pod-1")

    async def __aenter__(self) -> Self:
        await self.ingest.certificates.refresh()
        self.ingest._server._context = None  # plain HTTP: what is tested here is above it
        self.port = await self.ingest._server.start("127.0.0.1", 0)
        begun = asyncio.Event()
        begun.set()
        work = (self.ingest._committer.work(), self.ingest.outside.work(begun))
        self.ingest._tasks = [asyncio.create_task(one) for one in work]
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.ingest.stop()

    def _changed(self, resource: Resource, raw: dict[str, Any]) -> None:
        if resource == RUNS:
            self.store.put_run(Run.from_object(copy.deepcopy(raw)))
        if resource == METRIC_BATCHES:
            self.ingest.outside.put(raw)

    def _deleted(self, resource: Resource, raw: dict[str, Any]) -> None:
        if resource == METRIC_BATCHES:
            self.ingest.outside.drop(raw["metadata"]["uid"])

    def log_outside(self, name: str, *values: float, **spec: Any) -> None:
        """A MetricBatch that appends to `loss`; `spec`: other fields of it."""
        metadata = {"namespace": NAMESPACE, "name": name, "uid": f"uid-of-{name}"}
        spec = {"run": NAME, "ops": [{"k": "loss", "append": list(values)}]} | spec
        self.api.put(METRIC_BATCHES, {"metadata": metadata, "spec": spec})

    def batch_of(self, name: str) -> dict[str, Any] | None:
        """The MetricBatch, while it is there."""
        return self.api.objects.get((METRIC_BATCHES.plural, NAMESPACE, name))

    def add_run(
        self,
        uid: str = UID,
        attempt: int = 1,
        policy: dict[str, Any] | None = None,
        spec: dict[str, Any] | None = None,
    ) -> None:
        metadata = {"namespace": NAMESPACE, "name": NAME, "uid": uid, "generation": 1}
        document = {"kind": "container+job:run", "project": "p", "id": "x", "spec": spec or {}}
        status = {"state": "RUNNING", "attempt": attempt}
        self.api.put(
            RUNS, {"metadata": metadata, "spec": document | {"runPolicy": policy or {}}, "status": status}
        )
        owner = {"controller": True, "kind": "Run", "name": NAME, "uid": uid}
        labels = {"run-operator.io/run-uid": uid}
        job = {"metadata": self._metadata(NAME, f"job-of-{uid}", owner, labels)}
        self.store.put_child(JobView.from_object(job))

    def add_pod(self, name: str, *, run: str = UID, job: str | None = None, attempt: int = 1) -> None:
        owner: dict[str, Any] = {
            "controller": True,
            "kind": "Job",
            "name": NAME,
            "uid": job or f"job-of-{run}",
        }
        labels = {"run-operator.io/run-uid": run, "run-operator.io/attempt": str(attempt)}
        labels |= {"batch.kubernetes.io/controller-uid": owner["uid"]}
        raw = {
            "metadata": self._metadata(name, f"uid-of-{name}", owner, labels),
            "status": {"phase": "Running"},
        }
        self.api.objects[PODS.plural, NAMESPACE, name] = raw
        self.store.put_child(PodView.from_object(raw))

    def _metadata(self, name: str, uid: str, owner: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
        made = {"namespace": NAMESPACE, "name": name, "uid": uid, "resourceVersion": "1"}
        return made | {"labels": labels, "ownerReferences": [owner]}

    def drop_pod(self, name: str) -> None:
        self.api.objects.pop((PODS.plural, NAMESPACE, name), None)
        self.store.drop_child(f"uid-of-{name}")

    def token(self, pod: str = "pod-1", *, run: str = UID, **more: Any) -> str:
        """A token as the API server would make it; `more`: namespace, expires (seconds from now), bound,
        says (the namespace in its claims), key (that signs it)."""
        claims = {
            "aud": [audience(run)],
            "exp": time.time() + more.get("expires", 600),
            "n": len(self.api.tokens),
        }
        if "says" in more:
            claims["kubernetes.io"] = {"namespace": more["says"]}
        token = signed(more["key"], claims) if "key" in more else f"head.{part(claims)}.signature"
        extra = {
            "authentication.kubernetes.io/pod-name": [pod],
            "authentication.kubernetes.io/pod-uid": [f"uid-of-{pod}"],
        }
        user: dict[str, Any] = {
            "username": f"system:serviceaccount:{more.get('namespace', NAMESPACE)}:default"
        }
        user |= {"extra": extra} if more.get("bound", True) else {}
        status = {"authenticated": True, "audiences": [audience(run)], "user": user}
        self.api.tokens[token] = {"audience": audience(run), "status": status}
        return token

    async def post(
        self, token: str | None, body: Any, name: str = NAME, **more: Any
    ) -> tuple[int, dict[str, Any], Any]:
        """Status, answer, headers."""
        url = f"http://127.0.0.1:{self.port}/v1/namespaces/{NAMESPACE}/runs/{name}/metrics"
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.post(url, data=data, headers=headers, **more) as answer:
            return answer.status, await answer.json(), answer.headers

    async def sdk(self, method: str, path: str, body: Any = None, token: str | None = "") -> tuple[int, Any]:
        """Status and answer to a request of the DigitalHub SDK; by default of a pod of the Run."""
        headers = {} if token is None else {"Authorization": f"Bearer {token or self.token()}"}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    @property
    def run(self) -> Run:
        """The Run as the store holds it."""
        found = self.store.run(Key(NAMESPACE, NAME))
        assert found
        return found

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.api.objects[RUNS.plural, NAMESPACE, NAME]["status"]
        return status

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait for a condition, with a deadline."""
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - of a cluster that tells nobody
                await asyncio.sleep(0.005)


def part(value: Any) -> str:
    """A part of a token."""
    return encoded(json.dumps(value).encode())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def signed(key: rsa.RSAPrivateKey, claims: Any, kid: str = "k1") -> str:
    """A token as the API server signs it."""
    text = f"{part({'alg': 'RS256', 'kid': kid})}.{part(claims)}"
    return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def public(key: rsa.RSAPrivateKey, kid: str = "k1") -> dict[str, Any]:
    """Its public half, as the API server shows it."""
    numbers = key.public_key().public_numbers()
    n, e = (encoded(one.to_bytes(256)) for one in (numbers.n, numbers.e))
    return {"kty": "RSA", "kid": kid, "alg": "RS256", "n": n, "e": e}


def batch(seq: int, *values: float | None, writer: str = "w", **more: Any) -> dict[str, Any]:
    """A batch that appends to `loss`."""
    return {"writer": writer, "seq": seq, "ops": [{"k": "loss", "append": list(values)}]} | more


POLL = {"writer": "w", "ops": []}


def utc(days: float = 0.0) -> dt.datetime:
    """A moment so many days after a fixed one."""
    return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=days)
