"""One test's world: an emptied replica, a fresh account on it, a fresh home directory, the real engine."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from creatorflow.api import Draft, PlatformAdapter, ReadBackStrength, Receipt
from creatorflow.app import App
from creatorflow.publish.rules import FormRules, load_rules

from creatorflow_testkit.contract.spy import HandCommit, Spy
from creatorflow_testkit.pytest_plugin import write_home

if TYPE_CHECKING:
    from creatorflow.publish import JobView

    from creatorflow_testkit.contract.base import ContractBase
    from creatorflow_testkit.contract.site import ContractSite
    from creatorflow_testkit.replica import LedgerPost, TestAccount

__all__ = ["ACCOUNT", "World", "open_world"]

ACCOUNT = "kit"
#: Longest time that a read-back is followed, seconds; far beyond what a replica on this machine needs.
WAIT_S = 8.0

_SETTINGS = """
[publish]
settle_seconds = {settle}
wait_seconds = {wait}
human_wait_seconds = 0.0
lock_wait_seconds = 5.0

[vault]
backend = "sealed"

[log]
level = "debug"
"""


class World:
    """The hands of a test.

    Attributes:
        kit: the contract class's object.
        site: the replica.
        app: the engine and all services, as in the product.
        spy: what the adapter did.
        account: the site's account.
        target: the account as the engine names it.
        folder: where the sample content's files lie.
        home: the engine's home directory.
    """

    def __init__(self, kit: ContractBase, site: ContractSite, app: App, spy: Spy, folder: Path) -> None:
        self.kit = kit
        self.site = site
        self.app = app
        self.spy = spy
        self.folder = folder
        self.home = app.settings.home
        self.account: TestAccount
        self.target = f"{kit.platform}:{ACCOUNT}"
        self.contents = kit.sample(folder)

    # ---- content ---------------------------------------------------------------------------------------------------
    def content(self, form: str | None = None, mark: str = "") -> dict[str, Any]:
        """Return the sample of a form (the first one without a name), its body made different by ``mark``."""
        form = form or self.forms[0]
        if form not in self.site.descriptor.content_forms:
            pytest.skip(f"{self.kit.platform} has no form {form!r}")
        if form not in self.contents:
            pytest.fail(f"sample() has no content for the form {form!r}, which the descriptor declares", pytrace=False)
        content = {"form": form, **self.contents[form]}
        if mark:
            content["body"] = "\n".join(part for part in (content.get("body", ""), mark) if part)
        return content

    @property
    def forms(self) -> tuple[str, ...]:
        """The forms of the descriptor, the first one first."""
        return self.site.descriptor.content_forms

    def rules(self, form: str | None = None) -> FormRules:
        """Return the platform's rules for a form."""
        from creatorflow.api import Form

        return load_rules(self.site.descriptor).form(Form(form or self.forms[0]))

    async def draft(self, content: Mapping[str, Any]) -> Draft:
        """Plan a content, as the engine does, and return what would be sent."""
        plan = (await self.app.publisher.plan(dict(content), [self.target], base_dir=self.folder))[0]
        blocking = [f"{item.field}: {item.message.en}" for item in plan.findings if item.severity.value != "warning"]
        assert not blocking, f"the sample content does not pass the platform's own rules: {blocking}"
        return plan.draft

    # ---- the engine ------------------------------------------------------------------------------------------------
    async def publish(self, content: Mapping[str, Any], **options: Any) -> JobView:
        """Publish on the account and return the job when it has ended or is parked."""
        return (await self.app.publisher.publish(dict(content), [self.target], base_dir=self.folder, **options))[0]

    async def reconcile(self, job: JobView, wait_s: float = WAIT_S) -> JobView:
        """Read back until the job is settled; never sends anything."""
        assert job.job_id is not None
        return (await self.app.publisher.reconcile(job.job_id, wait_s))[0]

    async def retry(self, job: JobView) -> JobView:
        """Start a new attempt."""
        assert job.job_id is not None
        return await self.app.publisher.retry(job.job_id)

    async def states(self, job: JobView) -> list[str]:
        """Return every state the job had, in order, from the event log."""
        found = await self.app.events.read(stream=f"job:{job.job_id}", types=["publish.state_changed"])
        states = [str(event.data["state"]) for event in found]
        return [state for number, state in enumerate(states) if number == 0 or states[number - 1] != state]

    async def settle_as_absent(self, job: JobView) -> JobView:
        """Bring a job whose post is not in the list to ``absent``: by reading, or by a person where reading proves nothing."""
        job = await self.reconcile(job)
        if self.site.descriptor.read_back.strength is ReadBackStrength.STRONG:
            assert job.state == "absent", (
                f"absent from a complete list over the settle time, but {job.state}: {job.reason}"
            )
            return job
        assert job.state == "needs_attention", f"a weak list proves no absence; a person must decide, but: {job.state}"
        task = next(item for item in await self.app.tasks.list(["open"]) if item.job_id == job.job_id)
        await self.app.tasks.answer(task.task_id, "absent", "kit")
        assert job.job_id is not None
        return await self.app.publisher.get(job.job_id)

    @asynccontextmanager
    async def adapter(self) -> AsyncIterator[PlatformAdapter]:
        """Open the account's adapter without the engine around it."""
        row = await self.app.accounts.get(self.target)
        async with self.app.accounts.open_adapter(row) as adapter:
            yield adapter

    async def post_by_hand(self, content: Mapping[str, Any]) -> Receipt:
        """Make a post beside the engine, as a person would in the browser; the engine knows nothing of it."""
        draft = await self.draft(content)
        async with self.adapter() as adapter:
            await adapter.check_session()
            return await adapter.submit(await adapter.prepare(draft), HandCommit())

    # ---- the site --------------------------------------------------------------------------------------------------
    async def arm(self, fault: str, *, kind: str = "", **options: Any) -> None:
        """Arm a fault of the replica, on every route of ``kind`` when given; skip the test when the replica has no such knob."""
        self.needs_fault(fault)
        routes = self.site.routes(kind) if kind else [""]
        if not routes:
            pytest.skip(f"the replica of {self.kit.platform} has no route of kind {kind!r}")
        for route in routes:
            await asyncio.to_thread(self.site.control.arm, fault, route=route, **options)

    def needs_fault(self, fault: str) -> None:
        """Skip where the replica has no such knob."""
        if fault not in self.site.known_faults:
            pytest.skip(f"the replica of {self.kit.platform} has no fault {fault!r}")

    async def clear(self, fault: str | None = None) -> None:
        """Disarm faults."""
        await asyncio.to_thread(self.site.control.clear, fault)

    async def posts(self) -> list[LedgerPost]:
        """Return what the site ever accepted: the truth of every test."""
        return await asyncio.to_thread(self.site.control.posts)

    async def only_post(self) -> LedgerPost:
        """Return the one post of the ledger; fails when there are none or two."""
        posts = await self.posts()
        assert len(posts) == 1, (
            f"the site must have exactly one post, it has {len(posts)}: {[item.text for item in posts]}"
        )
        return posts[0]

    async def nothing_sent(self) -> None:
        """Fail unless no publishing request reached the site and it holds no post."""
        assert await self.posts() == []
        assert await self.spy.publishing_requests() == 0, "a publishing request reached the site"

    async def site_has_answered(self, budget_s: float = 10.0) -> None:
        """Wait until the site is done with a publishing request; it notes requests when their answers are out, however late."""
        loop = asyncio.get_running_loop()
        end = loop.time() + budget_s
        while await self.spy.publishing_requests() == 0:
            assert loop.time() < end, "no publishing request reached the site"
            await asyncio.sleep(0.05)

    async def refusal(self) -> str:
        """Return the site's words of its newest refusal, from its own record."""
        entries = await asyncio.to_thread(self.site.control.entries, "refused")
        assert entries, "the site refused nothing"
        return str(entries[-1].data["reason"])

    def needs_read_back(self) -> None:
        """Skip where the platform cannot be read back at all."""
        if self.site.descriptor.read_back.strength is ReadBackStrength.NONE:
            pytest.skip(f"{self.kit.platform} declares that nothing can be read back")

    # ---- life ------------------------------------------------------------------------------------------------------
    async def add_account(self) -> None:
        """Make an account on the site and add it to the engine with its session."""
        account = self.account = await asyncio.to_thread(self.site.control.make_account)
        kinds = self.site.descriptor.credential_kinds
        given: dict[str, Any] = {}
        if "storage_state" in kinds:
            given["storage_state"] = account.storage_state
        elif "cookies" in kinds:
            given["cookies"] = account.cookies
        if "credentials" in kinds and "credentials" in account.extra:
            given["credentials"] = account.extra["credentials"]
        await self.app.accounts.add(self.kit.platform, ACCOUNT, **given)


@asynccontextmanager
async def open_world(kit: ContractBase, site: ContractSite, directory: Path) -> AsyncIterator[World]:
    """Build the world of one test and take it down; fails when the adapter leaves tasks running behind."""
    await asyncio.to_thread(site.control.reset, keep_accounts=False)
    settings = _SETTINGS.format(settle=kit.settle_s, wait=WAIT_S)
    home = write_home(directory / "home", site.sandbox.config_fragment(), settings)
    folder = directory / "content"
    folder.mkdir()
    app = App.load(home, {"CREATORFLOW_VAULT_PASSPHRASE": secrets.token_urlsafe(16)}, locale="en")
    spy = Spy(site)
    vars(app)["outbound"] = spy.factory(app.settings)  # a cached property: the app's own factory is never made
    world = World(kit, site, app, spy, folder)
    try:
        await world.add_account()
        await spy.start()
        spy.watch(app.accounts)
        yield world
    finally:
        await app.aclose(drain_s=2.0)
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"the adapter left tasks running after it was closed: {left}"
    assert spy.opened == spy.closed, f"{spy.opened} adapters were opened, aclose() ran {spy.closed} times"
