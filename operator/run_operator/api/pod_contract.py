"""How a pod reports metrics: names, paths and variables that the pod, the ingest and the operator share."""

from __future__ import annotations

from typing import Final

from run_operator.api.constants import GROUP

CONFIG_MAP: Final = "run-operator-metrics"
"""The ConfigMap, in every namespace with Runs, with the authority that signed the ingest's certificate."""
MODULE_CONFIG_MAP: Final = "run-operator-runmetrics"
"""The ConfigMap with the code for pods; a digest of the code is added to this name."""
MODULE_KEY: Final = "runmetrics.py"
SITE_KEY: Final = "sitecustomize.py"
"""The module by which the DigitalHub SDK in a pod uses the pod's token."""
AUTHORITY_KEY: Final = "ca.crt"
RUNNER_KEY: Final = "runner.pyz"
"""The program that runs Python functions, in the same ConfigMap."""

FOLDER: Final = "/var/run/run-operator"
"""Folder in the pod, read-only, with everything that the operator gives to the program."""
MODULE_FOLDER: Final = f"{FOLDER}/lib"
"""On PYTHONPATH, after the user's own folders."""
AUTHORITY_FILE: Final = f"{FOLDER}/ca.crt"
TOKEN_FILE: Final = f"{FOLDER}/token"
RUNNER_FILE: Final = f"{FOLDER}/{RUNNER_KEY}"
DOCUMENT_FILE: Final = f"{FOLDER}/run.json"
"""File that the runner reads: the Run, and the address for its results."""
BUILD_CONTAINER: Final = "build"
"""The init container in which an image is made: such a Run is at work before its program, which pushes the image."""
TOKEN_SECONDS: Final = 3600
"""Life of a token; the kubelet writes a new one at 80 % of it."""

SPOOL_FOLDER: Final = "/var/run/run-metrics"
"""Folder in the pod for every value in full, as JSON lines; the document may name another one."""

ENV_SWITCH: Final = "RUN_METRICS"
"""`off` in the document's envs: this Run reports no metrics, and nothing is added to its pods."""
ENV_URL: Final = "RUN_METRICS_URL"
ENV_TOKEN_FILE: Final = "RUN_METRICS_TOKEN_FILE"  # noqa: S105 - the name of a variable
ENV_AUTHORITY_FILE: Final = "RUN_METRICS_CA_FILE"
ENV_SDK_SWITCH: Final = "RUN_SDK"
"""`off` in the document's envs: nothing is set for the DigitalHub SDK."""
ENV_SDK_ENDPOINT: Final = "RUN_SDK_ENDPOINT"
ENV_DHCORE_ENDPOINT: Final = "DHCORE_ENDPOINT"
ENV_SPOOL_FOLDER: Final = "RUN_METRICS_FOLDER"
ENV_FLUSH_TIMEOUT: Final = "RUN_METRICS_FLUSH_TIMEOUT"
ENV_SIGTERM_TIMEOUT: Final = "RUN_METRICS_SIGTERM_TIMEOUT"

AUDIENCE: Final = f"{GROUP}/runs/"


def audience(uid: str) -> str:
    """The audience of the pod's token: this Run by its uid, so that the token is good for no other Run."""
    return AUDIENCE + uid


def path(namespace: str, name: str) -> str:
    """The path of the ingest for metrics of a Run."""
    return f"/v1/namespaces/{namespace}/runs/{name}/metrics"


def result_path(namespace: str, name: str) -> str:
    """The path of the ingest for the results of a function."""
    return f"/v1/namespaces/{namespace}/runs/{name}/result"
