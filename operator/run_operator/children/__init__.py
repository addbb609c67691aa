"""Slim views of Jobs, Deployments, Services and pods: what the operator reads of them, and nothing else.

Made on every watch event and kept by the thousand, so they are small and quick, and never raise: whatever is
missing or of an odd type reads as its empty value.
"""

from __future__ import annotations

from run_operator.children.common import ConditionView, Controller
from run_operator.children.deployment import DeploymentFacts, DeploymentView
from run_operator.children.job import JobFacts, JobView
from run_operator.children.pod import ContainerView, PodFacts, PodView
from run_operator.children.service import PortView, ServiceFacts, ServiceView

__all__ = [
    "ConditionView", "ContainerView", "Controller", "DeploymentFacts", "DeploymentView", "JobFacts", "JobView", "PodFacts",
    "PodView", "PortView", "ServiceFacts", "ServiceView",
]  # fmt: skip
