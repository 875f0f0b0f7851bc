"""Queries on stored files."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from creatorflow.store.records import AssetRecord, record
from creatorflow.store.schema import assets

__all__ = ["add_asset", "get_asset"]


def add_asset(connection: Connection, asset: AssetRecord) -> None:
    """Remember a stored file; the same content twice is one row."""
    if get_asset(connection, asset.sha256) is None:
        connection.execute(insert(assets).values(**{name: getattr(asset, name) for name in AssetRecord.__slots__}))


def get_asset(connection: Connection, sha256: str) -> AssetRecord | None:
    """Return the stored file, or None."""
    row = connection.execute(select(assets).where(assets.c.sha256 == sha256)).mappings().first()
    return None if row is None else record(AssetRecord, row)
