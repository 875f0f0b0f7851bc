"""Settings, directories and the environment variables, read in one place and nowhere else."""

from __future__ import annotations

from creatorflow.config.directories import Directories, find_home
from creatorflow.config.language import Locale, choose_locale, is_known_locale
from creatorflow.config.loading import load_settings
from creatorflow.config.settings import (
    LIVE,
    AssetSettings,
    LogSettings,
    NetworkSettings,
    OfflineMode,
    PluginSettings,
    PublishSettings,
    Settings,
    VaultSettings,
    check_proxy,
    host_matches,
)

__all__ = [
    "LIVE",
    "AssetSettings",
    "Directories",
    "Locale",
    "LogSettings",
    "NetworkSettings",
    "OfflineMode",
    "PluginSettings",
    "PublishSettings",
    "Settings",
    "VaultSettings",
    "check_proxy",
    "choose_locale",
    "find_home",
    "host_matches",
    "is_known_locale",
    "load_settings",
]
