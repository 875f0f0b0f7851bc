"""Checks of good manners: text comparison, closing, secrets."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import random
from urllib.parse import quote

import pytest
from creatorflow.api import CreatorFlowError
from creatorflow.log import configure_logging, shutdown_logging

from creatorflow_testkit.contract.base import ContractBase, scenario
from creatorflow_testkit.contract.world import World

__all__ = ["HygieneTests"]

#: Pieces that sites are known to rewrite, in any order and mixture.
_PIECES = (
    "今天", "天气", "Ａｂｃ", "abc", "é", "e\u0301", " ", "\u3000", "\n", "\r\n", "\t", "\u200b", "\ufe0f", "❤️", "👩‍💻", "👍🏽",
    "#话题#", "#tag", "@某人 ", "https://example.com/a?b=1&c=%20", "http://t.cn/A6abcdEf", "&amp;", "&amp;lt;", "&", "<b>", "</b>",
    "<br />", "<", ">", "“引号”", '"', "'", "...全文", "…", "网页链接", "分享图片", "1", "２", "[微笑]", "【标题】", "\u00ad", "﷽",
)  # fmt: skip
_TEXTS = 400
#: Shorter cookie values are no secrets but switches and dates.
_SECRET_LENGTH = 16


class HygieneTests(ContractBase):
    """Normalising, closing, secrets."""

    @scenario
    async def test_normalise_is_stable_and_keeps_texts_apart(self, world: World) -> None:
        """Normalising twice is normalising once, for any text; different words stay different."""
        dice = random.Random(20261122)  # noqa: S311 - the same texts on every run
        texts = ["".join(dice.choices(_PIECES, k=dice.randint(0, 12))) for _ in range(_TEXTS)]
        async with world.adapter() as adapter:
            for text in texts:
                once = adapter.normalise(text)
                assert isinstance(once, str)
                assert adapter.normalise(once) == once, f"normalise changes its own result for {text!r}"
            different = ["猫", "狗", "猫狗", "cat", "cats", "第1条", "第2条"]
            assert len({adapter.normalise(text) for text in different}) == len(different), (
                "different texts become equal"
            )
            assert adapter.normalise("  猫\u200b\n") == adapter.normalise("猫"), (
                "white space is rewritten by every site"
            )

    @scenario
    async def test_adapter_closes_cleanly(self, world: World) -> None:
        """Closing twice does no harm, closing an adapter that was never used neither."""
        async with world.adapter() as adapter:
            await adapter.aclose()
        async with world.adapter() as adapter:
            await adapter.check_session()
            await adapter.aclose()
        world.spy.opened = world.spy.closed = 0  # closed twice on purpose

    @scenario
    async def test_adapter_keeps_nothing_between_accounts(self, world: World) -> None:
        """Two adapters of one class do not share what they know."""
        async with world.adapter() as first, world.adapter() as second:
            one = await first.check_session()
            two = await second.check_session()
            assert one.uid == two.uid
            shared = [name for name, value in vars(type(first)).items() if isinstance(value, (dict, list, set))]
        assert shared == [], f"class attributes that every account would share: {shared}"

    @scenario
    async def test_secrets_appear_nowhere(self, world: World) -> None:
        """The session's cookies are in no file of the home directory, log, event, task, view or error, however a publish ends."""
        out = io.StringIO()
        root = logging.getLogger()
        level = root.level
        configure_logging("debug", stream=out, log_dir=world.app.settings.directories.logs)
        try:
            said = await _troubles(world)
        finally:
            shutdown_logging()
            root.setLevel(level)
        events = await world.app.events.read(limit=10_000)
        said += [json.dumps(event.data, ensure_ascii=False, default=str) for event in events]
        said += [task.model_dump_json() for task in await world.app.tasks.list()]
        said += [out.getvalue()]
        secrets = [str(item["value"]) for item in world.account.cookies if len(str(item["value"])) >= _SECRET_LENGTH]
        secrets += _values(world.account.extra.get("credentials", {}))
        if not secrets:
            pytest.skip("the replica's sessions hold nothing that looks like a secret")
        files = [path for path in world.home.rglob("*") if path.is_file()]
        assert any(path.name.endswith(".db") for path in files), "the database must be among what is searched"
        places = {str(path.relative_to(world.home)): path.read_bytes() for path in files}
        places["logs, events, tasks, views and errors"] = "\n".join(said).encode()
        for secret in secrets:
            forms = {secret.encode(), quote(secret).encode(), quote(secret, safe="").encode()}
            found = [place for place, data in places.items() if any(form in data for form in forms)]
            assert found == [], f"a secret of the session stands in: {found}"


async def _troubles(world: World) -> list[str]:
    """Publish well and badly; return everything that was said about it."""
    said: list[str] = []
    await world.app.accounts.check(world.target)
    for number, (fault, kind) in enumerate(
        (
            ("", ""),
            ("answer_lost", ""),
            ("risk_wall", "publish"),
            ("expired_session", "publish"),
            ("expired_session", ""),
        )
    ):
        if fault:
            await world.arm(fault, kind=kind, count=None)
        try:
            job = await world.publish(world.content(mark=f"第 {number} 次"))
        except CreatorFlowError as error:
            said += [str(error), error.text.zh, json.dumps(dict(error.details), default=str)]
        else:
            assert job.job_id is not None
            said.append((await world.app.publisher.get(job.job_id)).model_dump_json())
        await world.clear()
    async with world.adapter() as adapter:
        await world.arm("expired_session", count=None)
        try:
            await adapter.check_session()
        except CreatorFlowError as error:
            said += [
                repr(error),
                str(error),
                error.text.zh,
                json.dumps(dict(error.details), default=str),
                repr(adapter.context),
            ]
    await asyncio.sleep(0)
    return said


def _values(credentials: object) -> list[str]:
    if isinstance(credentials, dict):
        return [text for value in credentials.values() for text in _values(value)]
    return [credentials] if isinstance(credentials, str) and len(credentials) >= _SECRET_LENGTH else []
