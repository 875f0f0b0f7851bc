"""Adapters that break the contract, each in one way; the contract kit must catch every one of them.

Copied into a distribution that tests install beside Pinboard, the example of a third party (see ``test_contract_controls``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from creatorflow.api import (
    Commit,
    CredentialRejected,
    Draft,
    HttpResponse,
    Prepared,
    Receipt,
    Refused,
    RemotePost,
    Sending,
    SessionInfo,
    Text,
    Unavailable,
    Uncertain,
)
from creatorflow_pinboard.adapter import SITE, PinboardAdapter, _receipt, _sending


class _Wrong(PinboardAdapter):
    async def _send(self, prepared: Prepared) -> HttpResponse:
        return await self.context.http.request(
            "POST", f"{SITE}/api/pins", content=prepared.handle, headers={"Content-Type": "application/json"}
        )


class ArmsAfterTheRequest(_Wrong):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        receipt = _receipt(await self._send(prepared))
        await commit.arm(_sending(prepared.handle))
        return receipt


class NeverArms(_Wrong):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        return _receipt(await self._send(prepared))


class SendsWhilePreparing(_Wrong):
    async def prepare(self, draft: Draft, checkpoint: Mapping[str, Any] | None = None) -> Prepared:
        prepared = await super().prepare(draft, checkpoint)
        prepared.checkpoint["answer"] = _receipt(await self._send(prepared)).post_id
        return prepared

    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        await commit.arm(_sending(prepared.handle))
        post_id = prepared.checkpoint["answer"]
        return Receipt(post_id=post_id, post_url=f"{SITE}/pin/{post_id}")


class RetriesBlindly(_Wrong):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        await commit.arm(_sending(prepared.handle))
        for _ in range(2):
            try:
                return _receipt(await self._send(prepared))
            except (Unavailable, Uncertain):
                continue
        return _receipt(await self._send(prepared))


class ReadsFirst(_Wrong):
    """Does something between ``arm`` and the request."""

    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        await commit.arm(_sending(prepared.handle))
        await self.check_session()
        return _receipt(await self._send(prepared))


class ReceiptWithoutId(PinboardAdapter):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        return replace(await super().submit(prepared, commit), post_id="")


class TakesAnyAnswerForSuccess(_Wrong):
    """As a page adapter does that is content with "the address changed": whatever came back, the post is out."""

    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        await commit.arm(_sending(prepared.handle))
        await self._send(prepared)
        return Receipt(post_id="newest", post_url=f"{SITE}/me")


class SwallowsRefusals(PinboardAdapter):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        try:
            return await super().submit(prepared, commit)
        except Refused as error:
            raise Uncertain(Text(en="Something went wrong.", zh="出错了。")) from error


class DoubtIsRefusal(PinboardAdapter):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        try:
            return await super().submit(prepared, commit)
        except Uncertain as error:
            raise Refused(error.text) from error


class CutsTheList(PinboardAdapter):
    async def list_posts(self, since: datetime) -> Sequence[RemotePost]:
        return list(await super().list_posts(since))[:10]


class ListEndsAtTrouble(PinboardAdapter):
    async def _read(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        try:
            return await super()._read(path, params)
        except Unavailable:
            return {"pins": [], "next": None}


class SaysOtherThanItSends(PinboardAdapter):
    async def submit(self, prepared: Prepared, commit: Commit) -> Receipt:
        class Told:
            async def arm(self, sending: Sending) -> None:
                await commit.arm(replace(sending, text=prepared.draft.text))

        prepared.handle = prepared.handle.replace(b'"text": "', b'"text": "[ad] ')
        return await super().submit(prepared, Told())


class ForgetsTheCheckpoint(PinboardAdapter):
    async def prepare(self, draft: Draft, checkpoint: Mapping[str, Any] | None = None) -> Prepared:
        return await super().prepare(draft, None)


class LostSessionIsTrouble(PinboardAdapter):
    async def check_session(self) -> SessionInfo:
        try:
            return await super().check_session()
        except CredentialRejected as error:
            raise Unavailable(error.text) from error


class ComparesLiterally(PinboardAdapter):
    def normalise(self, text: str) -> str:
        return text


class TellsItsCookie(PinboardAdapter):
    async def check_session(self) -> SessionInfo:
        self.context.state["session"] = self.context.http.cookie("pin_session", "pinboard.example")
        return await super().check_session()


class LeavesATaskBehind(PinboardAdapter):
    async def check_session(self) -> SessionInfo:
        self.task = asyncio.create_task(asyncio.sleep(60), name="watchdog")
        return await super().check_session()


class HidesAnOperation(PinboardAdapter):
    async def delete_post(self, post_id: str) -> None:
        await self.context.http.request("DELETE", f"{SITE}/api/pins/{post_id}")
