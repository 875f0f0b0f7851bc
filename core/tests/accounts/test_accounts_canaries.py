"""Twenty secrets go through everything an account can do; afterwards none of them is found outside the vault's sealing."""

from __future__ import annotations

import base64
import contextlib
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from creatorflow.api.errors import CreatorFlowError
from creatorflow.log import configure_logging, redact, shutdown_logging
from creatorflow.plugins import Catalogue
from creatorflow.store import Store

from .conftest import Team, open_team, sealed_settings, stored

PASSPHRASE = "canary/00 pass+phrase=ü"
CANARIES = [f"canary/{n:02} v+l&e=ü~{n * 7919:06}" for n in range(1, 20)] + [PASSPHRASE]


def forms(value: str) -> set[bytes]:
    """Return a value as it could stand in a file: raw, URL-encoded, JSON-escaped, UTF-16, and base64 at every alignment."""
    raw = value.encode()
    found = {raw, quote(value, safe="").encode(), quote(value).encode(), quote_plus(value).encode()}
    found |= {value.encode("unicode_escape"), value.encode("utf-16-le"), value.encode("utf-16-be")}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift] :][: len(raw)]
        found |= {coded, coded.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def traces(folder: Path) -> list[str]:
    """Return where a canary stands, file by file, in names and contents."""
    searched = [path for path in folder.rglob("*") if path.is_file()]
    assert searched
    return [
        f"{path.name}: {canary}"
        for path in searched
        for canary in CANARIES
        if any(form in path.read_bytes() or form in path.name.encode() for form in forms(canary))
    ]


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    for n, form in enumerate(sorted(forms(CANARIES[0]))):
        (tmp_path / "found").write_bytes(b"x" * n + form + b"y")
        assert traces(tmp_path), form


async def everything(team: Team) -> list[str]:
    """Use every canary in every way there is; return what people were told."""
    told: list[str] = []
    cookies = [
        {"name": f"c{n}", "value": quote(value, safe=""), "domain": ".pinboard.example"}
        for n, value in enumerate(CANARIES[:5])
    ]
    cookies.append({"name": "sid", "value": "sid-canary-1", "domain": ".pinboard.example"})
    team.board.sessions = {
        "sid-canary-1": {"uid": "1001", "name": "Alice"},
        "sid-canary-2": {"uid": "2002", "name": "B"},
    }
    origins = [
        {"origin": "https://pinboard.example", "localStorage": [{"name": "k", "value": v} for v in CANARIES[5:8]]}
    ]
    proxy = f"http://bob:{quote(CANARIES[8], safe='')}@127.0.0.1:9"
    team.board.extra = {"token": CANARIES[9]}
    team.board.set_cookies = [f"renewed={quote(CANARIES[10], safe='')}; Path=/"]

    async def attempt(call: object) -> None:
        try:
            told.append(repr(await call))  # type: ignore[misc]
        except CreatorFlowError as error:
            told.append(f"{error!r} {error} {error.text} {error.details}")
            told.append(redact(f"{error.__cause__!r} {error.__context__!r}"))  # as the log would write it

    await attempt(
        team.accounts.add("pinboard", "alice", storage_state={"cookies": cookies, "origins": origins}, proxy=proxy)
    )
    await attempt(team.accounts.check("pinboard:alice"))
    await attempt(team.credentials.put("pinboard", "alice", "extra", {"deep": [{"er": CANARIES[11]}]}))
    await attempt(team.credentials.put("pinboard", "alice", "cookies", {"sid": "sid-canary-2", "x": CANARIES[12]}))
    await attempt(team.accounts.add("pinboard", "carol", cookies={"sid": CANARIES[13]}))
    await attempt(team.accounts.add("pinboard", "dave", cookies=[{"name": "a", "value": 1, "x": CANARIES[14]}]))
    await attempt(team.accounts.add("pinboard", "erin", credentials={"appid": "wx1", "secret": CANARIES[15]}))
    await attempt(team.accounts.add("pinboard", "fred", cookies={"sid": "s", "y": CANARIES[16]}, check=False))
    team.board.extra = {"boom": CANARIES[17]}
    await attempt(team.accounts.check("pinboard:alice"))
    team.board.extra, team.board.status = {}, "502 Bad Gateway"
    await attempt(team.accounts.check("pinboard:alice"))
    team.board.sessions.clear()
    await attempt(team.accounts.check("pinboard:alice"))
    alice = await team.accounts.get("alice")
    with contextlib.suppress(RuntimeError):
        async with team.accounts.open_adapter(alice) as adapter:
            await adapter.context.secrets.put("token", {"value": CANARIES[18]})
            adapter.context.log.warning("careless", token=CANARIES[18], text=f"and {CANARIES[9]}")
            told.append(repr(adapter.context))
            raise RuntimeError(CANARIES[18])
    told += [
        repr(await team.credentials.list()),
        repr(await team.vault.status()),
        repr(team.vault),
        repr(team.accounts),
    ]
    told += [repr(event) for event in await team.events.read()]
    return told


async def test_no_secret_is_found_outside_the_sealing(
    tmp_path: Path, store: Store, catalogue: Catalogue, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with open_team(tmp_path, store, catalogue) as team:
        settings = sealed_settings(home, PASSPHRASE, network=team.settings.network)
        team.vault._settings = settings
        configure_logging("debug", human=False, log_dir=settings.directories.logs)
        try:
            told = await everything(team)
        finally:
            shutdown_logging()
            logging.getLogger().setLevel(logging.WARNING)
        assert len(await team.credentials.list()) >= 4  # it was not an empty exercise
    await store.close()
    with closing(sqlite3.connect(store.path)) as direct:
        direct.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert traces(home) == []
    shown = "\n".join(told) + "".join(capfd.readouterr())
    # The adapter raised CANARIES[17] itself: it was never in the vault, so nothing can know that it is a secret.
    assert [
        canary for canary in CANARIES if canary != CANARIES[17] for form in forms(canary) if form in shown.encode()
    ] == []


async def test_what_comes_out_of_the_vault_is_known_to_the_redaction(team: Team, store: Store) -> None:
    row = await stored(store)
    state = {
        "cookies": [
            {"name": "session-name", "value": "cookie-canary", "domain": "pinboard.example", "path": "/path-of-it"}
        ],
        "origins": [
            {
                "origin": "https://pinboard.example",
                "localStorage": [{"name": "storage-name", "value": "storage-canary"}],
            }
        ],
    }
    record = await team.vault.seal(row, "storage_state", state)
    assert await team.vault.unseal(row, record) == state
    told = redact("session-name=cookie-canary at pinboard.example/path-of-it, storage-name=storage-canary")
    assert "canary" not in told
    for plain in ("session-name", "pinboard.example", "path-of-it", "storage-name"):
        assert plain in told
