"""Makes outbound clients that share one TLS context and obey the same settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from creatorflow.api.errors import ConfigError, Text
from creatorflow.config import OfflineMode, Settings, check_proxy
from creatorflow.log import register_secret
from creatorflow.net.policy import OutboundPolicy

if TYPE_CHECKING:
    import ssl

    from creatorflow.api.context import Clock
    from creatorflow.net.client import OutboundClient

__all__ = ["MAX_RESPONSE_BYTES", "OutboundFactory"]

MAX_RESPONSE_BYTES = 32 * 1024 * 1024


class OutboundFactory:
    """The only maker of HTTP clients in the process.

    Args:
        settings: ``[network]`` decides environment, host map, certificate, proxy and offline mode.
        clock: decides which cookies have expired; None: the system's.
        max_response_bytes: largest decoded body of one answer.
    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, max_response_bytes: int = MAX_RESPONSE_BYTES
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._max_response_bytes = max_response_bytes
        self._tls: ssl.SSLContext | None = None

    @property
    def settings(self) -> Settings:
        """What this factory obeys."""
        return self._settings

    def client(
        self,
        hosts: Sequence[str],
        *,
        proxy: str | None = None,
        user_agent: str | None = None,
        locale: str = "zh-CN",
        cookies: Sequence[Mapping[str, Any]] | None = None,
        plugin: str = "core",
        offline: OfflineMode | None = None,
    ) -> OutboundClient:
        """Make the client of one account, tool or provider; close it with ``aclose()``.

        Args:
            hosts: what the plugin declared: exact names or ``*.suffix``.
            proxy: ``http://`` or ``https://`` URL of this account; None: the one in the settings, if any. Without the proxy nothing is sent.
            user_agent: the account's own; None: our name and version.
            locale: decides Accept-Language.
            cookies: as Playwright writes them (name, value, domain, path, expires, secure, httpOnly, sameSite).
            plugin: who asks, for messages and the log.
            offline: a mode for this client; it can only narrow the mode of the process.

        Raises:
            ConfigError: the proxy is not usable, or ``ca_file`` cannot be read.
        """
        from creatorflow.net.client import (
            OutboundClient,
        )  # brings in httpx, 60 ms: not for a process that only answers questions
        from creatorflow.net.cookies import CookieStore
        from creatorflow.net.transport import GuardedTransport

        network = self._settings.network
        proxy = check_proxy(proxy) if proxy else network.proxy
        if proxy:
            register_secret(unquote(urlsplit(proxy).password or ""))
        policy = OutboundPolicy(network, hosts, plugin=plugin, proxied=proxy is not None, offline=offline)
        return OutboundClient(
            transport=GuardedTransport(policy, tls=self._tls_context(), proxy=proxy),
            cookies=CookieStore(cookies or (), clock=self._clock),
            user_agent=user_agent,
            locale=locale,
            plugin=plugin,
            max_response_bytes=self._max_response_bytes,
        )

    def _tls_context(self) -> ssl.SSLContext:
        """Build the TLS context once: reading the certificate store takes about 20 ms."""
        if self._tls is None:
            import httpx

            network = self._settings.network
            if network.ca_file is None:
                self._tls = httpx.create_ssl_context(trust_env=False)
            else:
                try:
                    if network.live:  # a company's own authority, beside the public ones
                        self._tls = httpx.create_ssl_context(trust_env=False)
                        self._tls.load_verify_locations(cafile=network.ca_file)
                    else:  # a sandbox is known by its own authority and nothing else
                        import ssl

                        self._tls = ssl.create_default_context(cafile=str(network.ca_file))
                except OSError as error:  # ssl.SSLError is one
                    self._tls = None
                    raise _unusable_ca(str(network.ca_file), error) from error
        return self._tls


def _unusable_ca(path: str, error: OSError) -> ConfigError:
    reason = error.strerror or "no certificate in it"
    return ConfigError(
        Text(
            en=f"[network] ca_file {path} cannot be used ({reason}). Point it to a PEM file with the authority's certificate; "
            "`creatorflow sandbox up` prints the one of the sandbox.",
            zh=f"[network] ca_file {path} 无法使用（{reason}）。请指向包含 CA 证书的 PEM 文件；`creatorflow sandbox up` 会给出沙箱的证书路径。",
        ),
        details={"file": path, "reason": reason},
    )
