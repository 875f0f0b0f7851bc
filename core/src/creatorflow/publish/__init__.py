"""The publishing engine: rules, plan, job ledger, submit, reconcile, proof."""

from creatorflow.publish.building import build_service
from creatorflow.publish.content import content_from_mapping, parse_post, read_post
from creatorflow.publish.service import PublishService
from creatorflow.publish.views import Finding, JobView, PlanView, Severity

__all__ = [
    "Finding",
    "JobView",
    "PlanView",
    "PublishService",
    "Severity",
    "build_service",
    "content_from_mapping",
    "parse_post",
    "read_post",
]
