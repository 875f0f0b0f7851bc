"""Asset addresses to checked files: what a post names, and what the host put into the store."""

from __future__ import annotations

from creatorflow.assets.paths import contained_file
from creatorflow.assets.resolver import AssetResolver, StoredAsset
from creatorflow.assets.sniffing import sniff
from creatorflow.assets.uri import AssetURI

__all__ = ["AssetResolver", "AssetURI", "StoredAsset", "contained_file", "sniff"]
