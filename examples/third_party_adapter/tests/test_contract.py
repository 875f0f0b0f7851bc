"""The contract of CreatorFlow adapters, run against the replica of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from creatorflow_testkit import PlatformAdapterContract, sample_png


class TestPinboard(PlatformAdapterContract):
    platform = "pinboard"
    visibility_words: ClassVar[Mapping[str, str]] = {"public": "everyone", "private": "me"}

    def sample(self, directory: Path) -> Mapping[str, Mapping[str, Any]]:
        said = {"declarations": {"ai_generated": False}}
        pictures = [sample_png(directory / f"{number}.png", number) for number in range(2)]
        return {
            "text": {"body": "今天的图钉：路边的猫。\n第二行 & <符号>", **said},
            "image": {"body": "两张照片", "images": [str(picture) for picture in pictures], **said},
        }
