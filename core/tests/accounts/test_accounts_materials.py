"""What an account can be added with: every accepted form becomes one, every other is refused without repeating a value."""

from __future__ import annotations

from typing import Any

import pytest
from creatorflow.accounts.materials import read_materials, session_cookies, with_cookies
from creatorflow.api import PlatformDescriptor, ReadBack, ReadBackStrength, Requirements, Text
from creatorflow.api.errors import InvalidInput

SECRET = "s3cret-canary-value"


def platform(*kinds: str, hosts: tuple[str, ...] = ("*.pinboard.example",)) -> PlatformDescriptor:
    return PlatformDescriptor(
        name="pinboard",
        version="1",
        title=Text(en="Pinboard", zh="图钉板"),
        loader="a.b:C",
        content_forms=("text",),
        operations=(),
        read_back=ReadBack(strength=ReadBackStrength.STRONG, settle_s=0),
        rules="a:rules.toml",
        requirements=Requirements(hosts=hosts),
        credential_kinds=kinds or ("cookies", "storage_state", "credentials"),
    )


def test_a_map_of_cookies_belongs_to_the_first_host() -> None:
    materials = read_materials(platform(), cookies={"sid": SECRET, "empty": ""})
    [sid, empty] = session_cookies(materials)
    assert sid == {
        "name": "sid",
        "value": SECRET,
        "domain": ".pinboard.example",
        "path": "/",
        "expires": -1,
        "secure": False,
        "httpOnly": False,
    }
    assert empty["value"] == ""
    [plain] = session_cookies(read_materials(platform(hosts=("m.pinboard.example",)), cookies={"sid": SECRET}))
    assert plain["domain"] == ".m.pinboard.example"


def test_a_browser_extensions_list_is_read_like_playwrights() -> None:
    exported = {
        "name": "sid",
        "value": SECRET,
        "domain": "www.pinboard.example",
        "path": "/x",
        "expirationDate": 1893456000.25,
        "hostOnly": True,
        "httpOnly": True,
        "sameSite": "no_restriction",
        "secure": True,
        "session": False,
        "storeId": "0",
    }
    [cookie] = session_cookies(read_materials(platform(), cookies=[exported]))
    assert (cookie["expires"], cookie["sameSite"], cookie["domain"], cookie["httpOnly"], cookie["secure"]) == (
        1893456000.25,
        "None",
        "www.pinboard.example",
        True,
        True,
    )
    assert "storeId" not in cookie


@pytest.mark.parametrize("expires", [-1, 0, None, "soon", float("nan"), float("inf"), True])
def test_an_odd_expiry_means_the_session(expires: object) -> None:
    [cookie] = session_cookies(read_materials(platform(), cookies=[{"name": "a", "value": SECRET, "expires": expires}]))
    assert cookie["expires"] == -1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "Give one session"),
        (
            {"cookies": {"a": SECRET}, "storage_state": {"cookies": [{"name": "a", "value": SECRET}]}},
            "Give one session",
        ),
        ({"cookies": []}, "cookies is neither"),
        ({"cookies": {}}, "cookies is neither"),
        ({"cookies": SECRET}, "cookies is neither"),
        ({"cookies": [SECRET]}, "cookies[0] is no object"),
        ({"cookies": {"a": 7}}, "cookies[0].value is no text"),
        ({"cookies": [{"name": "a", "value": SECRET}, {"value": SECRET}]}, "cookies[1].name is missing"),
        ({"cookies": [{"name": "", "value": SECRET}]}, "cookies[0].name is missing"),
        ({"cookies": [{"name": "a"}]}, "cookies[0].value is missing"),
        ({"cookies": [{"name": "a", "value": SECRET, "domain": 7}]}, "cookies[0].domain is no text"),
        ({"cookies": [{"name": "a", "value": SECRET, "domain": "."}]}, "cookies[0].domain is missing"),
        ({"cookies": {"a": f"{SECRET}\r\nX-Evil: 1"}}, "cookies[0] contains control characters"),
        ({"cookies": [{"name": "a", "value": SECRET}] * 2001}, "more than 2000"),
        (
            {"cookies": {"cookies": [{"name": "a", "value": SECRET}], "origins": []}},
            "with --storage-state (RPC: storage_state)",
        ),
        ({"storage_state": [SECRET]}, "no Playwright storage state"),
        ({"storage_state": {"cookies": {"a": SECRET}}}, "no Playwright storage state"),
        ({"storage_state": {"cookies": [], "origins": []}}, "holds no session"),
        ({"storage_state": {"cookies": [], "origins": SECRET}}, "storage_state.origins is no list"),
        ({"storage_state": {"cookies": [{"name": "a"}]}}, "storage_state.cookies[0].value is missing"),
        ({"credentials": SECRET}, "credentials is no object"),
        ({"credentials": {}}, "credentials is no object"),
    ],
)
def test_another_shape_is_refused_without_its_value(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_materials(platform(), **given)
    assert field in caught.value.text.en
    assert SECRET not in f"{caught.value.text} {caught.value.details}"
    assert caught.value.text.zh != caught.value.text.en


def test_a_storage_state_given_as_cookies_needs_no_new_export() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_materials(platform(), cookies={"cookies": [{"name": "a", "value": SECRET}]})
    text = caught.value.text
    assert "Export the session" not in text.en
    assert "请重新导出" not in text.zh
    for sentence in (text.en, text.zh):
        assert "--storage-state" in sentence
        assert "storage_state" in sentence
    assert caught.value.details == {"field": "cookies", "give_as": "storage_state"}


def test_a_kind_that_the_platform_does_not_take_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"cannot be added with cookies\. It takes: credentials"):
        read_materials(platform("credentials"), cookies={"a": SECRET})


def test_a_storage_state_without_cookies_is_kept_for_browser_plugins() -> None:
    origins = [{"origin": "https://pinboard.example", "localStorage": [{"name": "k", "value": SECRET}]}]
    materials = read_materials(platform(), storage_state={"cookies": [], "origins": origins})
    assert materials["storage_state"]["origins"] == origins
    assert session_cookies(materials) == []


def test_renewed_cookies_leave_the_rest_alone() -> None:
    state = {"cookies": [{"name": "a", "value": "1"}], "origins": [{"origin": "x"}], "extra": 1}
    renewed = [{"name": "a", "value": "2"}]
    changed = with_cookies({"storage_state": state, "proxy": {"url": "p"}}, renewed)
    assert changed == {"storage_state": {**state, "cookies": renewed}, "proxy": {"url": "p"}}
    assert with_cookies({"credentials": {"k": 1}}, renewed) == {"credentials": {"k": 1}}
    assert state["cookies"] == [{"name": "a", "value": "1"}]
