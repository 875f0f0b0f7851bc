"""Human tasks: one durable row for QR codes, SMS codes, approvals, questions and resolutions.

A task outlives the process that asked. Any process may answer it; the one that waits sees the answer through the event log.
"""

from __future__ import annotations

from creatorflow.tasks.service import AnswerHandler, TaskService
from creatorflow.tasks.views import TaskState, TaskView

__all__ = ["AnswerHandler", "TaskService", "TaskState", "TaskView"]
