"""The shape of ``config.toml``: frozen, closed, one section per concern.

Own checks raise ``PydanticCustomError`` with both languages in its context; ``creatorflow.config.loading`` turns every kind of validation
error into one ``ConfigError``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictBool,
    model_validator,
)
from pydantic_core import PydanticCustomError

from creatorflow.api.errors import ConfigError, Text
from creatorflow.config.directories import Directories
from creatorflow.config.language import Locale

__all__ = [
    "LIVE",
    "AssetSettings",
    "LogSettings",
    "NetworkSettings",
    "OfflineMode",
    "PluginSettings",
    "PublishSettings",
    "Settings",
    "VaultSettings",
    "check_proxy",
    "host_matches",
]

LIVE = "live"
_GIB = 1024**3
_HOST = re.compile(
    r"(\*\.)?([a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?|\[[0-9a-f:.]+\]"
)


class OfflineMode(StrEnum):
    """How much of the network may be used (protocol_notes §15), widest first."""

    ONLINE = "online"
    ALLOW_LIST = "allow-list"  # only ``allow_hosts``, and loopback
    LOOPBACK = "loopback"  # only this machine
    NONE = "none"  # nothing at all

    def narrower(self, other: OfflineMode | None) -> OfflineMode:
        """Return the stricter of the two; a run can narrow the mode of the process, never widen it."""
        order = list(OfflineMode)
        return self if other is None else order[max(order.index(self), order.index(other))]


def host_matches(host: str, pattern: str) -> bool:
    """Tell whether a host is meant by an exact name or a ``*.suffix`` pattern (which does not mean the bare suffix)."""
    host = host.lower().rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def check_proxy(url: str) -> str:
    """Return the proxy URL unchanged if it is one that we can use.

    Raises:
        ConfigError: not ``http://`` or ``https://``, or no host. The message holds no user name or password.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/")
        usable = usable and parts.port != 0 and not parts.query
    except ValueError:
        raise ConfigError(_proxy_text("", "")) from None
    if not usable:
        raise ConfigError(_proxy_text(parts.scheme, parts.hostname or ""), details={"scheme": parts.scheme})
    return url


def _proxy_text(scheme: str, host: str) -> Text:
    shown = f"{scheme}://{host}" if scheme else host
    return Text(
        en=f'The proxy "{shown}" cannot be used: only http:// and https:// proxies are supported. Write http://HOST:PORT.',
        zh=f"无法使用代理“{shown}”：只支持 http:// 与 https:// 代理。请写成 http://主机:端口。",
    )


def _wrong(en: str, zh: str) -> PydanticCustomError:
    # The sentences travel in the context: a template would trip over braces in user input.
    return PydanticCustomError("creatorflow", "wrong setting", {"en": en, "zh": zh})


def _host_pattern(value: str) -> str:
    lowered = value.strip().lower().rstrip(".")
    if not _HOST.fullmatch(lowered):
        raise _wrong(
            f'"{value}" is not a host name; write a name such as weibo.com or *.sinaimg.cn, without scheme, port or path',
            f"“{value}”不是主机名；请写成 weibo.com 或 *.sinaimg.cn 的形式，不带协议、端口和路径",
        )
    return lowered.strip("[]")  # as a URL's host is seen: without the brackets of IPv6


def _loopback_address(value: str) -> str:
    host, _, port = value.strip().rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        good = address.is_loopback and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    except ValueError:
        good = False
    if not good:
        raise _wrong(
            f'"{value}" is not an address of this machine; a host map may only point to loopback, such as 127.0.0.1:8443',
            f"“{value}”不是本机地址；host_map 只能指向回环地址，例如 127.0.0.1:8443",
        )
    return value.strip()


def _proxy(value: str) -> str:
    try:
        return check_proxy(value)
    except ConfigError as error:
        raise _wrong(error.text.en.rstrip("."), error.text.zh.rstrip("。")) from None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _user_path(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        raise _wrong(f'the home directory in "{value}" is unknown', f"找不到“{value}”中的用户目录") from None


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise _wrong(f'"{value}" must be an absolute path', f"“{value}”必须是绝对路径")
    return value


HostPattern = Annotated[str, AfterValidator(_host_pattern)]
LoopbackAddress = Annotated[str, AfterValidator(_loopback_address)]
Seconds = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
UserPath = Annotated[Path, AfterValidator(_user_path)]
Root = Annotated[Path, AfterValidator(_user_path), AfterValidator(_absolute)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NetworkSettings(_Section):
    """``[network]``: which world we talk to, and how."""

    environment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")] = LIVE
    host_map: Mapping[HostPattern, LoopbackAddress] = Field(default_factory=dict)
    ca_file: UserPath | None = None
    proxy: Annotated[str, AfterValidator(_proxy)] | None = Field(default=None, repr=False)  # may hold a password
    offline: OfflineMode = OfflineMode.ONLINE
    allow_hosts: tuple[HostPattern, ...] = ()

    @model_validator(mode="after")
    def _never_mix(self) -> Self:
        if self.host_map and self.live:
            raise _wrong(
                'a host_map needs an environment of its own: sandbox and live never mix. Set environment = "sandbox", or remove host_map',
                '使用 host_map 时必须另设环境：沙箱与正式环境不可混用。请设置 environment = "sandbox"，或删除 host_map',
            )
        if not self.host_map and not self.live:
            raise _wrong(
                f'environment "{self.environment}" needs a host_map: without it the real sites would be called. Run `creatorflow sandbox up`'
                " and paste what it prints, or remove environment",
                f"环境“{self.environment}”必须配 host_map，否则会访问真实网站。请运行 `creatorflow sandbox up` 并粘贴其输出，或删除 environment",
            )
        return self

    @property
    def live(self) -> bool:
        """Whether the real sites are meant."""
        return self.environment == LIVE

    def mapped(self, host: str) -> tuple[str, int] | None:
        """Return the loopback (address, port) that stands in for a host, or None; an exact name wins over ``*.suffix``, a longer over a shorter."""
        best = max((pattern for pattern in self.host_map if host_matches(host, pattern)), key=_specific, default=None)
        if best is None:
            return None
        address, _, port = self.host_map[best].rpartition(":")
        return address.strip("[]"), int(port)


def _specific(pattern: str) -> tuple[bool, int]:
    return not pattern.startswith("*."), len(pattern)


class PluginSettings(_Section):
    """``[plugins]``: ``allow`` (when given: only these) and ``block``, by entry-point name."""

    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()


class PublishSettings(_Section):
    """``[publish]``: waiting times, in seconds unless the name says minutes."""

    settle_seconds: Seconds | None = None
    human_wait_seconds: Seconds = 120.0
    wait_seconds: Seconds = 90.0
    late_minutes: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 15.0
    lock_wait_seconds: Seconds = 60.0


class AssetSettings(_Section):
    """``[assets]``: folders that files may be read from beside the post's own folder, and the largest file in bytes (8 GiB)."""

    roots: tuple[Root, ...] = ()
    max_bytes: Annotated[int, Field(strict=True, gt=0)] = 8 * _GIB


class VaultSettings(_Section):
    """``[vault]``: where the master key lives; ``auto`` is the OS keyring, else the file sealed with the passphrase."""

    backend: Literal["auto", "keyring", "sealed"] = "auto"


class LogSettings(_Section):
    """``[log]``: ``content`` also logs prompts and posts (for debugging); ``file`` also writes a rotating file in the home's ``logs``."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    content: StrictBool = False
    file: StrictBool = False


class Settings(_Section):
    """All that a process was told: the file's sections, and what came by argument or environment variable.

    ``home``, ``locale``, ``only_plugins``, ``passphrase`` and ``passphrase_file`` are not keys of the file.
    """

    network: NetworkSettings = Field(default_factory=NetworkSettings)
    plugins: PluginSettings = Field(default_factory=PluginSettings)
    publish: PublishSettings = Field(default_factory=PublishSettings)
    assets: AssetSettings = Field(default_factory=AssetSettings)
    vault: VaultSettings = Field(default_factory=VaultSettings)
    log: LogSettings = Field(default_factory=LogSettings)

    home: Path
    locale: Locale = "en"
    only_plugins: tuple[str, ...] | None = None  # CREATORFLOW_PLUGINS: None = not set, empty = load none
    passphrase: SecretStr | None = Field(default=None, exclude=True)
    passphrase_file: Path | None = None

    @property
    def directories(self) -> Directories:
        """The places below ``home``."""
        return Directories(self.home)

    def plugin_wanted(self, name: str) -> bool:
        """Tell whether a plugin may be loaded; ``CREATORFLOW_PLUGINS`` decides alone where it is set (design §3)."""
        if self.only_plugins is not None:
            return name in self.only_plugins
        return name not in self.plugins.block and (self.plugins.allow is None or name in self.plugins.allow)

    def settle_s(self, declared: float) -> float:
        """Return the seconds to let a site settle before a read-back may say "absent".

        Args:
            declared: what the adapter asks for, in seconds. On live the setting can only lengthen it: a shorter wait could call a post
                absent that is merely slow, and publish it twice.
        """
        wanted = self.publish.settle_seconds
        if wanted is None:
            return declared
        return max(wanted, declared) if self.network.live else wanted

    def vault_passphrase(self) -> SecretStr | None:
        """Return the passphrase of the sealed vault, reading its file if one is named; None when neither variable is set.

        Raises:
            ConfigError: the file cannot be read or is empty.
        """
        if self.passphrase is not None or self.passphrase_file is None:
            return self.passphrase
        try:
            # One line end is the editor's; anything else belongs to the passphrase.
            found = self.passphrase_file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise _passphrase_file(self.passphrase_file, "cannot be read", "无法读取") from error
        if not found:
            raise _passphrase_file(self.passphrase_file, "is empty", "是空的")
        return SecretStr(found)


def _passphrase_file(path: Path, en: str, zh: str) -> ConfigError:
    return ConfigError(
        Text(
            en=f"The passphrase file {path} {en}. Point CREATORFLOW_VAULT_PASSPHRASE_FILE to a text file that holds the passphrase.",
            zh=f"口令文件 {path} {zh}。请让 CREATORFLOW_VAULT_PASSPHRASE_FILE 指向存放口令的文本文件。",
        ),
        details={"file": str(path)},
    )
