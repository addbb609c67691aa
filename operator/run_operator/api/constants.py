"""Names that users, selectors and other programs rely on: the API group, labels and annotations."""

from __future__ import annotations

from typing import Final

GROUP: Final = "run-operator.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
RUN_KIND: Final = "Run"
RUN_PLURAL: Final = "runs"
FUNCTION_PLURAL: Final = "functions"
TASK_PLURAL: Final = "tasks"
ARTIFACT_PLURAL: Final = "artifacts"
DATAITEM_PLURAL: Final = "dataitems"
MODEL_PLURAL: Final = "models"
CONTAINER_IMAGE_PLURAL: Final = "containerimages"
RUNTIME_PLURAL: Final = "runtimes"
CLUSTER_RUNTIME_PLURAL: Final = "clusterruntimes"
RUN_LOG_KIND: Final = "RunLog"
RUN_LOG_PLURAL: Final = "runlogs"
METRIC_BATCH_KIND: Final = "MetricBatch"
METRIC_BATCH_PLURAL: Final = "metricbatches"

MANAGED_BY: Final = "run-operator"
"""Value of `app.kubernetes.io/managed-by`, and the field manager of every write."""

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_RUN: Final = f"{GROUP}/run"
"""The Run's name."""
LABEL_RUN_UID: Final = f"{GROUP}/run-uid"
LABEL_PROJECT: Final = f"{GROUP}/project"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"
"""On a pod: the number of its attempt, from 1."""
ANNOTATION_ATTEMPT: Final = f"{GROUP}/attempt"
"""On a child (Job, Deployment): the attempt it was last started for."""
ANNOTATION_SPEC: Final = f"{GROUP}/spec-digest"
"""On a Deployment: the digest of the document of its pods."""
ANNOTATION_FINISHED: Final = f"{GROUP}/finished"
"""On a Run: its end, as JSON. Backups keep annotations and drop the status."""

ANNOTATION_LOG_SIZE: Final = f"{GROUP}/log-size"
"""On a RunLog: bytes of its compressed text, so that the size of all RunLogs is known without reading them."""

DEFAULT_TTL: Final = f"{GROUP}/default-ttl-seconds"
DEFAULT_DEADLINE: Final = f"{GROUP}/default-active-deadline-seconds"
"""On a namespace: defaults of the policy of its Runs."""
LABEL_PROFILES: Final = f"{GROUP}/profiles"
"""`"true"` on a ConfigMap: its keys are profiles."""

KUEUE_PREFIX: Final = "kueue.x-k8s.io/"
KUEUE_QUEUE: Final = f"{KUEUE_PREFIX}queue-name"
"""On a Run: the queue that decides when its Job may have pods. The operator then never writes the Job's suspend."""
