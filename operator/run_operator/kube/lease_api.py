"""The Lease of the leader election in the API server. Synchronous: it is used by the elector's own thread alone."""

from __future__ import annotations

import inspect
import json
from typing import Any, Final

import urllib3
from kubernetes.aio.client import Configuration

from run_operator.api.raw import JSON
from run_operator.kube.lease import LeaseConflictError, LeaseUnavailableError

TIMEOUT: Final = 2.0
"""Seconds for one request; several fit into the duration of the Lease."""
NOT_FOUND, CONFLICT, FIRST_ERROR = 404, 409, 400


class LeaseApi:
    """Lease `name` in `namespace`. The connection is its own, so that no other request delays a renewal."""

    def __init__(self, configuration: Configuration, namespace: str, name: str) -> None:
        self._configuration = configuration
        self._namespace = namespace
        self._name = name
        verify = configuration.verify_ssl is not False
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=1,
            retries=False,
            timeout=urllib3.Timeout(total=TIMEOUT),
            cert_reqs="CERT_REQUIRED" if verify else "CERT_NONE",
            ca_certs=configuration.ssl_ca_cert,
            cert_file=configuration.cert_file,
            key_file=configuration.key_file,
            server_hostname=configuration.tls_server_name,
        )

    def read(self) -> JSON | None:
        """The Lease; None if it does not exist. Raises LeaseUnavailableError."""
        status, body = self._request("GET", self._name, None)
        if status == NOT_FOUND:
            return None
        return self._checked(status, body)

    def write(self, lease: JSON) -> None:
        """Create or replace it. Raises LeaseConflictError or LeaseUnavailableError."""
        if "resourceVersion" in lease["metadata"]:
            status, body = self._request("PUT", self._name, lease)
        else:
            status, body = self._request("POST", "", lease)
        if status == CONFLICT:
            raise LeaseConflictError(self._name)
        self._checked(status, body)

    def _checked(self, status: int, body: Any) -> JSON:
        if status >= FIRST_ERROR or not isinstance(body, dict):
            message = body.get("message") if isinstance(body, dict) else "the answer is not JSON"
            raise LeaseUnavailableError(
                f"{status}: {message}; the operator needs get, create and update of leases in {self._namespace}"
            )
        return body

    def _request(self, method: str, name: str, body: JSON | None) -> tuple[int, Any]:
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self._namespace}/leases" + (
            f"/{name}" if name else ""
        )
        try:
            answer = self._pool.request(
                method,
                self._configuration.host.rstrip("/") + path,
                body=None if body is None else json.dumps(body),
                headers=self._headers(),
            )
            return answer.status, json.loads(answer.data or b"null")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise LeaseUnavailableError(f"the API server does not answer: {error}") from error
        except ValueError:
            return answer.status, None

    def _headers(self) -> dict[str, str]:
        if hook := self._configuration.refresh_api_key_hook:
            refreshed = hook(self._configuration)
            if inspect.iscoroutine(refreshed):  # of a kubeconfig: refreshed by the operator's own requests
                refreshed.close()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "run-operator",
        }
        token = self._configuration.api_key.get("BearerToken")
        return headers | ({"Authorization": token} if token else {})
