"""Slim views of Jobs, Deployments, Services and pods: what the operator reads of them, and nothing else.

Made on every watch event and kept by the thousand, so they are small and quick, and never raise: whatever is
missing or of an odd type reads as its empty value.
"""

from __future__ import annotations

from run_operator.workloads.views.deployment import DeploymentFacts, DeploymentView
from run_operator.workloads.views.fields import ConditionView, Controller
from run_operator.workloads.views.job import JobFacts, JobView
from run_operator.workloads.views.pod import ContainerView, PodFacts, PodView
from run_operator.workloads.views.service import PortView, ServiceFacts, ServiceView

__all__ = [
    "ConditionView", "ContainerView", "Controller", "DeploymentFacts", "DeploymentView", "JobFacts", "JobView", "PodFacts",
    "PodView", "PortView", "ServiceFacts", "ServiceView",
]  # fmt: skip
