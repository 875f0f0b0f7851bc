"""Publishing: ``platform.{platform}.publish`` and ``publish.*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import Text
from creatorflow.rpc.errors import RpcFault
from creatorflow.rpc.methods.accounts import account_named
from creatorflow.rpc.registry import Effect, Idempotency, Method
from creatorflow.rpc.session import Call

if TYPE_CHECKING:
    from creatorflow.api.content import Content
    from creatorflow.rpc.params import (
        JobFilter,
        JobId,
        JobResolve,
        JobRetry,
        JobsReconcile,
        PlanPost,
        PostContent,
        PublishPost,
    )

__all__ = ["METHODS"]


async def platform_publish(call: Call, params: PublishPost) -> Any:
    """Publish one post on one account of the platform, and answer the job."""
    content = _content(params)
    account = await call.app.accounts.view(params.account_id, call.variables["platform"])
    (job,) = await call.app.publisher.publish(
        content,
        [account.account_id],
        idempotency_key=params.idempotency_key,
        allow_duplicate=params.allow_duplicate,
        dry_run=params.dry_run,
        at=params.at,
        base_dir=call.session.base_dir,
        roots=call.session.roots,
        wait_s=params.wait_ms / 1000,
    )
    return job


async def publish_plan(call: Call, params: PlanPost) -> dict[str, Any]:
    """Answer, without network, what would go out on every target."""
    content = _content(params)
    if params.targets is None:
        account = await call.app.accounts.view(params.account_id, params.platform)
        targets = [account.account_id]
    elif params.account_id is None and params.platform is None:
        targets = list(params.targets)
    else:
        field = "platform" if params.account_id is None else "account_id"
        raise _wrong(
            field,
            f"'targets' names the accounts, so {field!r} has no place beside it. Send one of them.",
            f"“targets” 已指定账号，不能再给出 “{field}”，请只保留一个。",
        )
    plans = await call.app.publisher.plan(content, targets, base_dir=call.session.base_dir, roots=call.session.roots)
    return {"plans": plans}


async def publish_get(call: Call, params: JobId) -> Any:
    """Answer one job with attempts and evidence."""
    return await call.app.publisher.get(params.job_id)


async def publish_list(call: Call, params: JobFilter) -> dict[str, Any]:
    """Answer jobs, newest first."""
    account, platform = account_named(params), params.platform
    if account is not None and ":" in account:
        prefix, _, account = account.partition(":")
        if platform not in (None, prefix):
            raise _wrong(
                "platform",
                f"The account is on {prefix!r}, and platform says {platform!r}. Send one of them.",
                f"账号属于 “{prefix}”，而 platform 为 “{platform}”，请只保留一个。",
            )
        platform = prefix
    jobs = await call.app.publisher.list(state=params.state, platform=platform, account=account, limit=params.limit)
    return {"jobs": jobs}


async def publish_reconcile(call: Call, params: JobsReconcile) -> dict[str, Any]:
    """Settle open jobs by reading; never submits."""
    return {"jobs": await call.app.publisher.reconcile(params.job_id, wait_s=params.wait_ms / 1000)}


async def publish_retry(call: Call, params: JobRetry) -> Any:
    """Start a new attempt of a job that is certainly not out."""
    return await call.app.publisher.retry(params.job_id, wait_s=params.wait_ms / 1000)


async def publish_resolve(call: Call, params: JobResolve) -> Any:
    """Let a person settle an uncertain job."""
    return await call.app.publisher.resolve(
        params.job_id, params.outcome, evidence=params.evidence, by=call.session.who
    )


async def publish_cancel(call: Call, params: JobId) -> Any:
    """Stop a job before its point of no return."""
    return await call.app.publisher.cancel(params.job_id)


def _content(params: PublishPost | PlanPost) -> Content:
    """Return the post from ``content``, or from the fields beside it.

    Raises:
        RpcFault: ``invalid_params`` when both are there, or ``body`` and its alias.
        ContentError: a topic or mention is not a bare name.
    """
    from creatorflow.api.content import Content
    from creatorflow.publish import content_from_mapping

    fields = set(Content.model_fields) | {"text"}
    source: PublishPost | PlanPost | PostContent = params
    if params.content is not None:
        beside = sorted(fields & params.model_fields_set)
        if beside:
            raise _wrong(
                beside[0],
                f"The post is in 'content', so {beside[0]!r} must be in there, too.",
                f"帖子内容已放在 “content” 中，{beside[0]!r} 也应放在其中。",
            )
        source = params.content
    values = source.model_dump(include=fields & source.model_fields_set, exclude_unset=True)
    if {"text", "body"} <= values.keys():
        raise _wrong(
            "text",
            "'text' is another name of 'body'; send one of them.",
            "“text” 是 “body” 的别名，请只保留一个。",
        )
    return content_from_mapping(values)


def _wrong(field: str, en: str, zh: str) -> RpcFault:
    return RpcFault("invalid_params", Text(en=en, zh=zh), details={"field": field})


METHODS = (
    Method(
        name="platform.{platform}.publish",
        handler=platform_publish,
        summary=Text(
            en="Publish one post on one account, exactly once; answers at an end state or after wait_ms.",
            zh="在一个账号上发布一篇内容，恰好一次；到达终态或 wait_ms 后返回。",
        ),
        params="creatorflow.rpc.params:PublishPost",
        result="creatorflow.publish:JobView",
        effect=Effect.EXTERNAL,
        idempotency=Idempotency.KEYED,
        timeout_s=None,
        offline_allowed=False,
    ),
    Method(
        name="publish.plan",
        handler=publish_plan,
        summary=Text(
            en="Pre-flight without network: what would go out, what blocks it, how to mend it.",
            zh="不联网的预检：将发出什么、被什么阻止、如何修正。",
        ),
        params="creatorflow.rpc.params:PlanPost",
        result="creatorflow.rpc.results:Plans",
        timeout_s=120.0,  # pictures are checked and re-encoded
    ),
    Method(
        name="publish.get",
        handler=publish_get,
        summary=Text(en="One job with its attempts and evidence.", zh="一个发布任务及其尝试与证据。"),
        params="creatorflow.rpc.params:JobId",
        result="creatorflow.publish:JobView",
    ),
    Method(
        name="publish.list",
        handler=publish_list,
        summary=Text(en="Publish jobs, newest first.", zh="发布任务，最新的在前。"),
        params="creatorflow.rpc.params:JobFilter",
        result="creatorflow.rpc.results:Jobs",
    ),
    Method(
        name="publish.reconcile",
        handler=publish_reconcile,
        summary=Text(
            en="Settle what a crash or a lost answer left open, by reading back only.",
            zh="仅通过回读来了结崩溃或丢失回应造成的未决任务。",
        ),
        params="creatorflow.rpc.params:JobsReconcile",
        result="creatorflow.rpc.results:Jobs",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        timeout_s=None,
        offline_allowed=False,
    ),
    Method(
        name="publish.retry",
        handler=publish_retry,
        summary=Text(en="A new attempt of a job that is certainly not out.", zh="对确定未发出的任务发起新的尝试。"),
        params="creatorflow.rpc.params:JobRetry",
        result="creatorflow.publish:JobView",
        effect=Effect.EXTERNAL,
        idempotency=Idempotency.NATURAL,
        timeout_s=None,
        offline_allowed=False,
    ),
    Method(
        name="publish.resolve",
        handler=publish_resolve,
        summary=Text(en="A person settles an uncertain job.", zh="由人工了结未决任务。"),
        params="creatorflow.rpc.params:JobResolve",
        result="creatorflow.publish:JobView",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
    ),
    Method(
        name="publish.cancel",
        handler=publish_cancel,
        summary=Text(en="Stop a job before its point of no return.", zh="在提交点之前停止任务。"),
        params="creatorflow.rpc.params:JobId",
        result="creatorflow.publish:JobView",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
    ),
)
