"""Distributions that this project publishes: what to install for what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from creatorflow.plugins.records import canonical

__all__ = ["OFFICIAL", "OfficialDistribution", "accepts", "brings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialDistribution:
    """``name`` is the entry point's; ``kinds`` maps kinds of capabilities to names it brings (empty: not listed one by one)."""

    name: str
    kinds: Mapping[str, tuple[str, ...]]
    mimes: tuple[str, ...] = field(default=())

    @property
    def distribution(self) -> str:
        """Name on the package index."""
        return canonical(f"creatorflow-{self.name}")

    @property
    def pip(self) -> str:
        """The command that brings it."""
        return f"pip install {self.distribution}"

    def as_dict(self) -> dict[str, Any]:
        """Return its entry under ``not_installed`` of the capability document."""
        kinds = {kind: list(names) for kind, names in sorted(self.kinds.items())}
        return {"name": self.name, "distribution": self.distribution, "kinds": kinds, "pip": self.pip}


#: Sorted by name. The one place of the core where plugins of ours are named: only for hints, nothing else depends on it.
OFFICIAL: tuple[OfficialDistribution, ...] = (
    OfficialDistribution(name="anthropic", kinds={"llm_provider": ("anthropic",)}),
    OfficialDistribution(
        name="bettafish",
        kinds={
            "tool": ("bettafish.hot_topic_discovery", "bettafish.sentiment"),
            "cli_command": ("report", "sentiment", "topics"),
        },
    ),
    OfficialDistribution(name="bilibili", kinds={"platform": ("bilibili",)}),
    OfficialDistribution(name="douyin", kinds={"platform": ("douyin",)}),
    OfficialDistribution(name="ffmpeg", kinds={"processor": ("ffmpeg",)}, mimes=("video/*", "audio/*")),
    OfficialDistribution(
        name="graphs", kinds={"graph": ("analytics", "content_creation", "publish_workflow", "viral_content")}
    ),
    OfficialDistribution(name="markdown", kinds={"processor": ("markdown",)}, mimes=("text/markdown",)),
    OfficialDistribution(name="openai", kinds={"llm_provider": ("openai",)}),
    OfficialDistribution(name="pillow", kinds={"processor": ("pillow",)}, mimes=("image/*",)),
    OfficialDistribution(name="testkit", kinds={"cli_command": ("demo", "sandbox")}),
    OfficialDistribution(name="wechat_mp", kinds={"platform": ("wechat_mp",)}),
    OfficialDistribution(name="weibo", kinds={"platform": ("weibo",)}),
    OfficialDistribution(name="xiaohongshu", kinds={"platform": ("xiaohongshu",)}),
)


def brings(kind: str, name: str) -> OfficialDistribution | None:
    """Return the distribution of ours that brings the capability, or None."""
    wanted = canonical(name)
    for item in OFFICIAL:
        if any(canonical(known) == wanted for known in item.kinds.get(kind, ())):
            return item
    return None


def accepts(patterns: Iterable[str], mime: str) -> bool:
    """Say whether one of ``patterns`` (``text/markdown``, ``image/*``) covers ``mime``; parameters after ``;`` do not count."""
    bare = mime.partition(";")[0].strip().lower()
    family = bare.partition("/")[0]
    return any(pattern.lower() in (bare, f"{family}/*", "*/*") for pattern in patterns)
