"""A plain httpx client for production URLs that ends at a sandbox: for tests of replicas, without any product code."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Protocol

import httpx

from creatorflow_testkit.replica.accounts import TestAccount

__all__ = ["RunningSandbox", "SandboxTransport", "sandbox_client"]


class RunningSandbox(Protocol):
    """What every way of running a sandbox offers."""

    @property
    def port(self) -> int:
        """TLS port on 127.0.0.1."""

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority."""


class SandboxTransport(httpx.HTTPTransport):
    """Connects every URL to one loopback port; Host header, SNI and the certificate's name stay the production's."""

    def __init__(self, port: int, ca_file: Path) -> None:
        super().__init__(verify=ssl.create_default_context(cafile=str(ca_file)))
        self._port = port

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a copy of the request to loopback; the original keeps its URL, so cookies and redirects stay right."""
        redirected = httpx.Request(
            request.method,
            request.url.copy_with(host="127.0.0.1", port=self._port),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return super().handle_request(redirected)


def sandbox_client(sandbox: RunningSandbox, account: TestAccount | None = None, **options: Any) -> httpx.Client:
    """A client with the cookies of a test account.

    Args:
        sandbox: a running sandbox.
        account: whose cookies it holds; nobody's when missing.
        options: for ``httpx.Client`` (headers, timeout, follow_redirects …).
    """
    jar = httpx.Cookies()
    for item in account.cookies if account else []:
        jar.set(item["name"], item["value"], domain=item["domain"], path=item["path"])
    transport = SandboxTransport(sandbox.port, sandbox.ca_file)
    return httpx.Client(transport=transport, cookies=jar, trust_env=False, **{"timeout": 10, **options})
