"""What the engine tests share: publish one line, make the site fail, read a job's story."""

from __future__ import annotations

from collections.abc import Callable

from creatorflow.api import Text
from creatorflow.app import App
from creatorflow.publish import JobView

from .conftest import Site

T = Text(en="the site's words", zh="平台的话")


def fail(error: BaseException) -> Callable[[], None]:
    def hook() -> None:
        raise error

    return hook


def post_and(site: Site, error: BaseException) -> Callable[[], None]:
    def hook() -> None:
        site.make("第一条内容")
        raise error

    return hook


async def publish(app: App, text: str = "第一条内容", target: str = "toy:alice", **options: object) -> JobView:
    return (await app.publisher.publish({"text": text}, [target], **options))[0]  # type: ignore[arg-type]


async def states(app: App, job_id: str) -> list[str]:
    events = await app.events.read(stream=f"job:{job_id}", types=["publish.state_changed"])
    told = [str(event.data["state"]) for event in events]
    return [state for index, state in enumerate(told) if index == 0 or told[index - 1] != state]
