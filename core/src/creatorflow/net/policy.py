"""What may be called, and which way: decided before anything is sent, again for each hop of a redirect.

Order of the questions: the scheme, the plugin's declared hosts, the host map, the environment, the offline mode, the address.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from creatorflow.api.errors import OfflineDenied, Text, UrlDenied
from creatorflow.config import NetworkSettings, OfflineMode, host_matches

__all__ = ["OutboundPolicy", "Route", "Via", "allowed_address"]

# Proxy programs in "fake IP" mode answer every name with an address of this range (RFC 2544) and carry the connection themselves; it is
# common among our users, and no network puts services there.
_FAKE_IP = ipaddress.ip_network("198.18.0.0/15")
# Azure's platform endpoint: a public address by form, the host's control service by function.
_AZURE_PLATFORM = ipaddress.ip_address("168.63.129.16")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Via(StrEnum):
    """How a request travels."""

    MAP = "map"  # to the loopback address of the host map
    PROXY = "proxy"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Route:
    """The decision for one hop; ``address`` is set for ``Via.MAP`` only."""

    via: Via
    address: tuple[str, int] | None = None


class OutboundPolicy:
    """The rules of one client; immutable."""

    def __init__(
        self,
        network: NetworkSettings,
        hosts: Sequence[str],
        *,
        plugin: str,
        proxied: bool = False,
        offline: OfflineMode | None = None,
    ) -> None:
        self.network = network
        self.hosts = tuple(pattern.lower().rstrip(".") for pattern in hosts)
        self.plugin = plugin
        self.proxied = proxied
        self.offline = network.offline.narrower(offline)

    def route(self, scheme: str, host: str) -> Route:
        """Decide about a URL.

        Args:
            scheme: ``https`` or other.
            host: as in the URL (IDNA-encoded, IPv6 without brackets).

        Raises:
            UrlDenied: the address may not be called.
            OfflineDenied: it may be, but not in the present offline mode.
        """
        host = host.lower().rstrip(".")
        if scheme != "https" and not (scheme == "http" and _names_loopback(host)):
            raise denied(
                host,
                "scheme",
                f'"{scheme}" is not allowed; only https:// leaves this machine',
                f"不允许使用“{scheme}”；只有 https:// 可以访问外网",
            )
        if not any(host_matches(host, pattern) for pattern in self.hosts):
            raise denied(
                host,
                "undeclared",
                f"the plugin {self.plugin} did not declare this host in its requirements",
                f"插件 {self.plugin} 未在其需求中声明该主机",
            )
        address = self.network.mapped(host)
        if address is None and not self.network.live:
            raise denied(
                host,
                "sandbox",
                f'the environment "{self.network.environment}" does not serve it; add it to [network] host_map if the sandbox has it',
                f"环境“{self.network.environment}”未提供该主机；若沙箱中有，请加入 [network] host_map",
            )
        self._check_offline(host, mapped=address is not None)
        if address is not None:
            return Route(Via.MAP, address)
        if _names_loopback(host) or not allowed_literal(host):
            raise private(host)
        return Route(Via.PROXY if self.proxied else Via.DIRECT)

    def _check_offline(self, host: str, *, mapped: bool) -> None:
        match self.offline:
            case OfflineMode.ONLINE:
                return
            case OfflineMode.ALLOW_LIST:
                allowed = mapped or any(host_matches(host, pattern) for pattern in self.network.allow_hosts)
            case OfflineMode.LOOPBACK:
                allowed = mapped
            case OfflineMode.NONE:
                allowed = False
        if not allowed:
            mode = self.offline.value
            raise OfflineDenied(
                Text(
                    en=f'{host} was not called: the offline mode is "{mode}". Change [network] offline or add the host to allow_hosts.',
                    zh=f"未访问 {host}：当前离线模式为“{mode}”。请修改 [network] offline，或将该主机加入 allow_hosts。",
                ),
                details={"host": host, "offline": mode, "sent": False},
            )


def allowed_address(address: str) -> bool:
    """Tell whether an address that a name resolved to may be connected to: public ones only, also behind IPv6 wrappers."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return allowed_address(str(inner))
        return ip.is_global and not ip.is_multicast
    return ip in _FAKE_IP or (ip.is_global and not ip.is_multicast and ip != _AZURE_PLATFORM)


def allowed_literal(host: str) -> bool:
    """Tell whether a host is a name, or an address that may be connected to."""
    try:
        return allowed_address(host)
    except ValueError:
        return True


def _names_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def private(host: str) -> UrlDenied:
    """Return the refusal of an address inside this machine or its network."""
    return denied(
        host,
        "private_address",
        "it leads to this machine, a private network or a metadata service; only public addresses may be called",
        "该主机指向本机、内网或元数据服务；只允许访问公网地址",
    )


def denied(host: str, reason: str, en: str, zh: str) -> UrlDenied:
    """Return a refusal; ``details["sent"]`` is False because the refused address got nothing."""
    return UrlDenied(
        Text(en=f"{host or 'The address'} was not called: {en}.", zh=f"未访问 {host or '该地址'}：{zh}。"),
        details={"host": host, "reason": reason, "sent": False},
    )
