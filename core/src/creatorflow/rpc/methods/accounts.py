"""Accounts and their secrets: ``account.*`` and ``credential.*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from creatorflow.api.errors import Text
from creatorflow.rpc.errors import RpcFault
from creatorflow.rpc.registry import Effect, Idempotency, Method, Transport
from creatorflow.rpc.session import Call

if TYPE_CHECKING:
    from creatorflow.rpc.params import (
        AccountAdd,
        AccountId,
        AccountRemove,
        CredentialDelete,
        CredentialFilter,
        CredentialPut,
        JobFilter,
    )

__all__ = ["METHODS", "account_named"]

#: Secrets are never offered to agents.
_HOSTS = frozenset({Transport.STDIO, Transport.HTTP})
_CHECK_S = 60.0  # a session check may go through a slow proxy


async def account_list(call: Call, _params: None) -> dict[str, Any]:
    """Answer the accounts of the current environment."""
    return {"accounts": await call.app.accounts.list()}


async def account_add(call: Call, params: AccountAdd) -> Any:
    """Store an account's session, and ask the platform who it is."""
    return await call.app.accounts.add(
        params.platform,
        params.name,
        storage_state=params.storage_state,
        cookies=params.cookies,
        credentials=params.credentials,
        proxy=params.proxy,
        check=params.check,
    )


async def account_check(call: Call, params: AccountId) -> Any:
    """Ask the platform whether the session is still good."""
    return await call.app.accounts.check(params.account_id, params.platform)


async def account_remove(call: Call, params: AccountRemove) -> dict[str, Any]:
    """Forget an account and its secrets."""
    gone = await call.app.accounts.remove(params.account_id, platform=params.platform, force=params.force)
    return {"account_id": gone.account_id, "removed": True}


async def credential_put(call: Call, params: CredentialPut) -> Any:
    """Seal a secret; what comes back is metadata."""
    return await call.app.credentials.put(
        params.platform, _named(params), params.kind, params.value, check=params.check
    )


async def credential_list(call: Call, params: CredentialFilter) -> dict[str, Any]:
    """Answer which secrets there are."""
    return {"credentials": await call.app.credentials.list(params.platform, account_named(params))}


async def credential_delete(call: Call, params: CredentialDelete) -> dict[str, Any]:
    """Destroy a secret."""
    account = _named(params)
    await call.app.credentials.delete(params.platform, account, params.kind)
    return {
        "platform": params.platform,
        "account": account.removeprefix(f"{params.platform}:"),
        "kind": params.kind,
        "deleted": True,
    }


def account_named(params: CredentialPut | CredentialFilter | CredentialDelete | JobFilter) -> str | None:
    """Return what ``account_id``, or ``account``, its other name, says.

    Raises:
        RpcFault: ``invalid_params`` when both are there.
    """
    if params.account_id is not None and params.account is not None:
        raise RpcFault(
            "invalid_params",
            Text(
                en="'account' is another name of 'account_id'; send one of them.",
                zh="“account” 是 “account_id” 的别名，请只保留一个。",
            ),
            details={"field": "account"},
        )
    return params.account_id if params.account_id is not None else params.account


def _named(params: CredentialPut | CredentialDelete) -> str:
    name = account_named(params)
    if name is None:
        raise RpcFault(
            "invalid_params",
            Text(en="The parameter 'account_id' is required.", zh="缺少参数 “account_id”。"),
            details={"field": "account_id"},
        )
    return name


METHODS = (
    Method(
        name="account.list",
        handler=account_list,
        summary=Text(en="The accounts, with rights and session state.", zh="账号列表及其权限与会话状态。"),
        result="creatorflow.rpc.results:Accounts",
    ),
    Method(
        name="account.add",
        handler=account_add,
        summary=Text(
            en="Add an account from a storage state, cookies or API credentials.",
            zh="用 storage state、cookies 或 API 凭据添加账号。",
        ),
        params="creatorflow.rpc.params:AccountAdd",
        result="creatorflow.accounts.views:AccountView",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        timeout_s=_CHECK_S,
        transports=_HOSTS,
    ),
    Method(
        name="account.check",
        handler=account_check,
        summary=Text(en="Ask the platform whether the session is still good.", zh="向平台确认会话是否仍然有效。"),
        params="creatorflow.rpc.params:AccountId",
        result="creatorflow.accounts.views:AccountView",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        timeout_s=_CHECK_S,
        offline_allowed=False,
    ),
    Method(
        name="account.remove",
        handler=account_remove,
        summary=Text(en="Forget an account and its secrets.", zh="删除账号及其密钥。"),
        params="creatorflow.rpc.params:AccountRemove",
        result="creatorflow.rpc.results:AccountRemoved",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        transports=_HOSTS,
    ),
    Method(
        name="credential.put",
        handler=credential_put,
        summary=Text(en="Seal a secret of an account in the vault.", zh="将账号的密钥封存到保险库。"),
        params="creatorflow.rpc.params:CredentialPut",
        result="creatorflow.accounts.views:CredentialView",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        timeout_s=_CHECK_S,
        transports=_HOSTS,
    ),
    Method(
        name="credential.list",
        handler=credential_list,
        summary=Text(en="Which secrets are sealed; never the secrets.", zh="已封存的密钥清单，不含内容。"),
        params="creatorflow.rpc.params:CredentialFilter",
        result="creatorflow.rpc.results:Credentials",
        transports=_HOSTS,
    ),
    Method(
        name="credential.delete",
        handler=credential_delete,
        summary=Text(en="Destroy a sealed secret.", zh="销毁已封存的密钥。"),
        params="creatorflow.rpc.params:CredentialDelete",
        result="creatorflow.rpc.results:CredentialDeleted",
        effect=Effect.LOCAL,
        idempotency=Idempotency.NATURAL,
        transports=_HOSTS,
    ),
)
