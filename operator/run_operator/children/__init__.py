"""Small views of Jobs, Deployments, Services and pods, with the fields that the operator reads.

They are made for every watch event, and thousands are held, so they are small and quick. They never raise: a value that is
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
