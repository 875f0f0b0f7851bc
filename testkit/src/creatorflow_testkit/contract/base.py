"""What a contract class says about its platform, and how its tests run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from creatorflow_testkit.contract.pictures import sample_png

if TYPE_CHECKING:
    from creatorflow_testkit.contract.site import ContractSite
    from creatorflow_testkit.contract.world import World
    from creatorflow_testkit.replica import Replica

__all__ = ["ContractBase", "scenario"]


def scenario(test: Callable[[Any, World], Awaitable[None]]) -> Callable[..., None]:
    """Turn ``async def test(self, world)`` into a pytest test on an event loop of its own, whatever asyncio mode its user has."""

    @wraps(test)
    def run(self: ContractBase, creatorflow_contract_site: ContractSite, tmp_path: Path) -> None:
        from creatorflow_testkit.contract.world import open_world

        async def inside() -> None:
            async with open_world(self, creatorflow_contract_site, tmp_path) as world:
                await test(self, world)

        asyncio.run(inside())

    del run.__wrapped__  # pytest reads the fixtures from the signature
    return run


class ContractBase:
    """What a contract class says about its platform.

    Attributes:
        platform: the installed descriptor's name.
        replica: class or ``package.module:Class``; the descriptor's ``sandbox`` when missing.
        visibility_words: our word to the site's own, where they differ, as the replica's ledger records it.
        declaration_words: our declaration to the site's own value, where they differ, as the replica's ledger records it.
        settle_s: seconds within which the replica's lists are complete; stands in for the descriptor's ``settle_s``.
        patience_s: seconds after which the adapter's one request gives up where the answer comes too late, whatever time-out it asks for.
    """

    platform: ClassVar[str] = ""
    replica: ClassVar[str | type[Replica] | None] = None
    visibility_words: ClassVar[Mapping[str, str]] = {}
    declaration_words: ClassVar[Mapping[str, str]] = {}
    settle_s: ClassVar[float] = 0.6
    patience_s: ClassVar[float] = 1.0

    def sample(self, directory: Path) -> Mapping[str, Mapping[str, Any]]:
        """Return one content per declared form, with the keys of the post file and ``body``; must pass the platform's rules.

        Override it where a platform demands declarations or a title, or has other forms. Files go into ``directory``.
        """
        pictures = [str(sample_png(directory / f"picture{number}.png", number)) for number in range(2)]
        return {
            "text": {"body": "契约测试：第一行\n第二行 & <b>符号</b> 👍🏽"},
            "image": {"body": "契约测试：两张图片", "images": pictures},
        }

    def expected_declaration(self, content: Mapping[str, Any]) -> str | None:
        """Return what the site must have recorded as declaration of a content; one slot: AI, fiction, reprint, original."""
        said = content.get("declarations", {})
        made = next(
            (name for name in ("ai_generated", "fiction", "reprint_source", "original") if said.get(name)), None
        )
        return None if made is None else self.declaration_words.get(made, made)
