"""Parameters of the core's methods. Imported at the first call that has parameters, never at start."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from creatorflow.api.content import Content
from creatorflow.api.publishing import JobState
from creatorflow.rpc.limits import WAIT_MAX_MS

__all__ = [
    "AccountAdd",
    "AccountId",
    "AccountRemove",
    "CredentialDelete",
    "CredentialFilter",
    "CredentialPut",
    "Initialize",
    "JobFilter",
    "JobId",
    "JobResolve",
    "JobRetry",
    "JobsReconcile",
    "PlanPost",
    "PublishPost",
    "TaskAnswer",
    "TaskFilter",
    "TaskId",
]

Word = Annotated[str, Field(min_length=1, max_length=200)]
WaitMs = Annotated[int, Field(ge=0, le=WAIT_MAX_MS)]
_WHICH = "platform:name, or the name"
_ALIAS = "alias of account_id"
_WAIT = "longest time to wait for an end state, in milliseconds; the job goes on after it"


class _Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Client(_Params):
    """Who the host is; for logs and for the history of human tasks."""

    name: str = Field(default="", max_length=100)
    version: str = Field(default="", max_length=100)


class Initialize(_Params):
    """What a host may say about itself; every method works without it."""

    client: Client | None = None
    protocol_versions: tuple[int, ...] | None = Field(default=None, description="versions the host speaks")
    locale: str | None = Field(default=None, max_length=35, description="language of error messages: en or zh-CN")
    roots: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="folders that media may be read from; the first one is the base of relative paths",
    )


class AccountAdd(_Params):
    """Exactly one of ``storage_state``, ``cookies`` and ``credentials``, as the platform's ``credential_kinds`` say."""

    platform: Word
    name: Word
    storage_state: dict[str, Any] | None = Field(default=None, description="Playwright's storage state")
    cookies: list[dict[str, Any]] | dict[str, Any] | None = Field(
        default=None, description="a list of cookies, or a map from name to value"
    )
    credentials: dict[str, Any] | None = Field(
        default=None, description="the fields of an API route, e.g. appid and secret"
    )
    proxy: str | None = Field(default=None, max_length=2000, description="proxy address of this account")
    check: bool = Field(default=True, description="ask the platform who this session is, and bind its uid")


class AccountId(_Params):
    """One account."""

    account_id: Word = Field(description="platform:name, or a name that only one account has")
    platform: Word | None = Field(default=None, description="where to look for the name")


class AccountRemove(AccountId):
    """One account to forget."""

    force: bool = Field(default=False, description="also while a post of it may be out and is not settled")


class CredentialPut(_Params):
    """The secret goes into the vault; no method gives it back."""

    platform: Word
    account_id: Word | None = Field(default=None, description=_WHICH)
    kind: Word = Field(description="cookies, storage_state, credentials, or a name that the adapter documents")
    value: dict[str, Any] | list[dict[str, Any]] = Field(description="the secret itself")
    check: bool = Field(default=True, description="for a session: ask the platform before it is stored")
    account: Word | None = Field(default=None, description=_ALIAS)


class CredentialFilter(_Params):
    """Which credentials to list; all when empty."""

    platform: Word | None = None
    account_id: Word | None = Field(default=None, description=_WHICH)
    account: Word | None = Field(default=None, description=_ALIAS)


class CredentialDelete(_Params):
    """One credential."""

    platform: Word
    account_id: Word | None = Field(default=None, description=_WHICH)
    kind: Word
    account: Word | None = Field(default=None, description=_ALIAS)


class PostContent(Content):
    """The keys of a post file, plus ``body``."""

    text: str | None = Field(default=None, description="alias of body")


class _Post(Content):
    """The post: its fields here, or all of them in ``content``."""

    text: str | None = Field(default=None, description="alias of body")
    content: PostContent | None = Field(default=None, description="the post's fields as one object")


class PlanPost(_Post):
    """Say without network what would go out."""

    targets: tuple[Word, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="accounts as platform:name; for one, account_id is enough",
    )
    account_id: Word | None = Field(default=None, description=f"{_WHICH}; may be absent when there is one account")
    platform: Word | None = Field(default=None, description="where to look for the name")


class PublishPost(_Post):
    """Publish one post on one account, exactly once."""

    account_id: Word | None = Field(
        default=None, description="platform:name or the name; may be absent when the platform has one account"
    )
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="the same key again returns the first job",
    )
    allow_duplicate: bool = Field(default=False, description="publish although the same content is out already")
    dry_run: bool = Field(default=False, description="do everything up to the commit point, send nothing irreversible")
    at: AwareDatetime | None = Field(default=None, description="store only; a worker publishes at this time")
    wait_ms: WaitMs = Field(default=20_000, description=_WAIT)


class JobId(_Params):
    """One publish job."""

    job_id: Word


class JobFilter(_Params):
    """Which jobs to list, newest first."""

    state: JobState | None = None
    platform: Word | None = None
    account_id: Word | None = Field(default=None, description=_WHICH)
    limit: int = Field(default=100, ge=1, le=1000)
    account: Word | None = Field(default=None, description=_ALIAS)


class JobsReconcile(_Params):
    """Which jobs to read back: one, or all open ones."""

    job_id: Word | None = None
    wait_ms: WaitMs = Field(
        default=0, description="longest time to keep reading until a job is settled, in milliseconds"
    )


class JobRetry(_Params):
    """A new attempt of a job that is certainly not out."""

    job_id: Word
    wait_ms: WaitMs = Field(default=20_000, description=_WAIT)


class JobResolve(_Params):
    """A person's word on an uncertain job."""

    job_id: Word
    outcome: Literal["confirmed", "rejected", "absent"]
    evidence: str | None = Field(default=None, max_length=2000, description="what was seen, e.g. the post's URL")


class TaskFilter(_Params):
    """Which human tasks to list."""

    state: Word | None = Field(
        default=None, description="open, answered, expired, cancelled or obsolete; all when absent"
    )


class TaskId(_Params):
    """One human task."""

    task_id: Word


class TaskAnswer(_Params):
    """A person's answer."""

    task_id: Word
    answer: str = Field(max_length=4000, description="one of the task's choices, or free text")
