"""The contract of CreatorFlow adapters, run against the Weibo replica."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from creatorflow_testkit import PlatformAdapterContract


class TestWeibo(PlatformAdapterContract):
    platform = "weibo"
    visibility_words: ClassVar[Mapping[str, str]] = {"public": "0", "private": "1", "friends": "6"}
    declaration_words: ClassVar[Mapping[str, str]] = {
        "ai_generated": "1",
        "fiction": "2",
        "reprint_source": "3",
        "original": "4",
    }
