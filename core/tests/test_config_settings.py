"""config.toml and the environment: what is read, and what is said about each mistake."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from creatorflow.api.errors import ConfigError, StorageError
from creatorflow.config import (
    Directories,
    NetworkSettings,
    OfflineMode,
    PublishSettings,
    Settings,
    choose_locale,
    find_home,
    host_matches,
    is_known_locale,
    load_settings,
)
from pydantic import ValidationError

SANDBOX = {"environment": "sandbox", "host_map": {"weibo.com": "127.0.0.1:8443"}}


def load(home: Path, text: str, **env: str) -> Settings:
    (home / "config.toml").write_text(text, encoding="utf-8")
    return load_settings(home, env)


def test_without_a_file_the_defaults_hold_and_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = load_settings(home, {})
    assert settings.home == home
    assert not home.exists()
    assert (settings.network.environment, settings.network.live, settings.network.offline) == (
        "live",
        True,
        OfflineMode.ONLINE,
    )
    assert settings.publish == PublishSettings(
        settle_seconds=None, human_wait_seconds=120, wait_seconds=90, late_minutes=15, lock_wait_seconds=60
    )
    assert (settings.vault.backend, settings.log.level, settings.log.content) == ("auto", "info", False)
    assert (settings.assets.roots, settings.assets.max_bytes) == ((), 8 * 1024**3)


def test_every_key_is_read(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        [network]
        environment = "sandbox"
        host_map = { "Weibo.com" = "127.0.0.1:8443", "*.sinaimg.cn" = "[::1]:8444" }
        ca_file = "sandbox/ca.pem"
        proxy = "http://user:pw@127.0.0.1:3128"
        offline = "allow-list"
        allow_hosts = ["api.deepseek.com", "*.example.org"]
        [plugins]
        allow = ["weibo", "markdown"]
        block = ["markdown"]
        [publish]
        settle_seconds = 3
        wait_seconds = 1.5
        [assets]
        roots = ["/srv/pictures", "~/videos"]
        max_bytes = 1000
        [vault]
        backend = "sealed"
        [log]
        level = "DEBUG"
        content = true
        file = true
        """,
    )
    assert settings.network.mapped("weibo.com") == ("127.0.0.1", 8443)
    assert settings.network.mapped("wx1.sinaimg.cn") == ("::1", 8444)
    assert settings.network.mapped("sinaimg.cn") is None
    assert settings.network.ca_file == tmp_path / "sandbox/ca.pem"
    assert settings.assets.roots == (Path("/srv/pictures"), Path.home() / "videos")
    assert settings.log.level == "debug"
    assert settings.plugin_wanted("weibo")
    assert not settings.plugin_wanted("markdown")
    assert not settings.plugin_wanted("pillow")
    assert "pw@" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[network]\nenviroment = 'x'", 2, 'unknown key "network.enviroment"; did you mean "environment"?'),
        ("[netwrok]\n", 1, 'unknown key "netwrok"; did you mean "network"?'),
        ("home = '/x'", 1, 'unknown key "home"; known here: network, plugins'),
        ("[log]\nzzz = 1", 2, 'unknown key "log.zzz"; known here: level, content, file'),
        ("\n[publish]\nwait_seconds = '90'", 3, "publish.wait_seconds must be a number"),
        ("[publish]\nlate_minutes = -1", 2, "publish.late_minutes must be at least 0"),
        ("[publish]\nwait_seconds = inf", 2, "publish.wait_seconds must be a finite number"),
        ("publish.wait_seconds = true", 1, "publish.wait_seconds must be a number"),
        ("[log]\ncontent = 'yes'", 2, "log.content must be true or false"),
        ("[log]\nlevel = 'loud'", 2, "log.level must be one of 'debug'"),
        ("log = 3", 1, "log must be a section"),
        ("[assets]\nmax_bytes = 1.5", 2, "assets.max_bytes must be a whole number"),
        ("[assets]\nroots = ['pictures']", 2, '"pictures" must be an absolute path'),
        ("[plugins]\nallow = 'weibo'", 2, "plugins.allow must be a list"),
        ("[network]\noffline = 'off'", 2, "network.offline must be one of 'online'"),
        ("[network]\nallow_hosts = ['https://x']", 2, '"https://x" is not a host name'),
        ("[network]\nenvironment = 'Sand Box'", 2, "network.environment must be a short name"),
        ("[network]\nproxy = 'socks5://h:1'", 2, "only http:// and https:// proxies"),
        ("[network]\nhost_map = {'weibo.com' = '127.0.0.1:1'}", 1, "sandbox and live never mix"),
        ("[network]\nenvironment = 'sandbox'", 1, "needs a host_map"),
        ("[network]\nenvironment = 'live'\nhost_map = {'weibo.com' = '127.0.0.1:1'}", 1, "sandbox and live never mix"),
        *(
            (
                f"[network]\nenvironment = 's'\n[network.host_map]\n'weibo.com' = '{address}'",
                4,
                "may only point to loopback",
            )
            for address in (
                "10.0.0.1:443",
                "localhost:1",
                "127.0.0.1",
                "127.0.0.1:0",
                "127.0.0.1:70000",
                "0.0.0.0:1",
                "x",
                "::1",
            )
        ),
        ("a = = 1", 1, "not valid TOML"),
        ("[log]\nlevel = 'info'\nlevel = 'debug'", 3, "not valid TOML"),
        ("[log\n", 1, "not valid TOML"),
        ("x = '''never ends", 1, "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line_in_both_languages(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    error = caught.value
    assert said in error.text.en
    assert f"{tmp_path / 'config.toml'}, line {line}: " in error.text.en
    assert f"{tmp_path / 'config.toml'} 第 {line} 行：" in error.text.zh
    assert error.details["line"] == line
    assert error.details["file"] == str(tmp_path / "config.toml")


def test_several_mistakes_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "[log]\nlevel = 'x'\n[vault]\nbackend = 'none'\n")
    assert [(one["key"], one["line"]) for one in caught.value.details["problems"]] == [
        ("vault.backend", 4),
        ("log.level", 2),
    ]
    assert "line 2" in caught.value.text.en
    assert "第 4 行" in caught.value.text.zh


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"[log]\nlevel = '\xff'\n")
    with pytest.raises(ConfigError, match=r"line 2: not UTF-8"):
        load_settings(tmp_path, {})


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbf[log]\r\nlevel = 'error'\r\n")
    assert load_settings(tmp_path, {}).log.level == "error"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()  # a folder in its place: unreadable for root too
    with pytest.raises(ConfigError, match=r"config\.toml cannot be read") as caught:
        load_settings(tmp_path, {})
    assert "无法读取" in caught.value.text.zh


def test_settings_are_frozen_and_closed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(ValidationError):
        settings.home = tmp_path  # type: ignore[misc]
    with pytest.raises(ValidationError):
        NetworkSettings(hosts={})  # type: ignore[call-arg]


def test_settle_seconds_can_only_lengthen_on_live(tmp_path: Path) -> None:
    def settle(wanted: float | None, **network: Any) -> float:
        sections = {"publish": {"settle_seconds": wanted}, "network": network}
        return Settings.model_validate({"home": tmp_path, **sections}).settle_s(10)

    assert (settle(None), settle(2), settle(30)) == (10, 10, 30)
    assert (settle(None, **SANDBOX), settle(2, **SANDBOX), settle(30, **SANDBOX)) == (10, 2, 30)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(None, {"a", "b", "c"}), ("", set()), (" a , b,", {"a", "b"}), ("c", {"c"})],
)
def test_creatorflow_plugins_decides_alone(tmp_path: Path, value: str | None, wanted: set[str]) -> None:
    settings = load(tmp_path, "", **({} if value is None else {"CREATORFLOW_PLUGINS": value}))
    assert {name for name in "abc" if settings.plugin_wanted(name)} == wanted
    blocked = load(tmp_path, "[plugins]\nblock = ['a']", CREATORFLOW_PLUGINS="a")
    assert blocked.plugin_wanted("a")


def test_the_passphrase_is_never_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, "", CREATORFLOW_VAULT_PASSPHRASE="correct horse")
    found = settings.vault_passphrase()
    assert found is not None
    assert found.get_secret_value() == "correct horse"
    assert "correct" not in repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_the_passphrase_file(tmp_path: Path) -> None:
    secret = tmp_path / "pass"
    settings = load(tmp_path, "", CREATORFLOW_VAULT_PASSPHRASE_FILE=str(secret))
    with pytest.raises(ConfigError, match="CREATORFLOW_VAULT_PASSPHRASE_FILE"):  # only when it is needed
        settings.vault_passphrase()
    secret.write_bytes(b" two words \r\n")
    found = settings.vault_passphrase()
    assert found is not None
    assert found.get_secret_value() == " two words "
    secret.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        settings.vault_passphrase()
    assert load(tmp_path, "").vault_passphrase() is None


def test_home_comes_from_the_argument_then_the_variable_then_the_platform(tmp_path: Path) -> None:
    env = {"CREATORFLOW_HOME": str(tmp_path / "b")}
    assert find_home(tmp_path / "a", env) == tmp_path / "a"
    assert find_home(None, env) == tmp_path / "b"
    assert find_home(None, {"CREATORFLOW_HOME": "~/x"}) == Path.home() / "x"
    assert find_home(Path("rel"), {}) == Path.cwd() / "rel"
    assert find_home(None, {"CREATORFLOW_HOME": ""}).name == "creatorflow"
    assert find_home(None, {}).is_absolute()


def test_folders_are_made_when_asked_for_and_private(tmp_path: Path) -> None:
    directories = Directories(tmp_path / "deep" / "home")
    assert directories.config_file == directories.home / "config.toml"
    assert directories.database.parent == directories.home
    assert not directories.home.exists()
    for name in ("assets", "locks", "logs", "bundles", "work"):
        folder: Path = getattr(directories, name)
        assert folder == directories.home / name
        assert folder.is_dir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(directories.home.stat().st_mode) == 0o700
    assert directories.ready() == directories.home


def test_a_home_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="CREATORFLOW_HOME") as caught:
            _ = Directories(home).work
        assert str(home) in caught.value.text.zh


@pytest.mark.skipif(os.name != "posix", reason="POSIX rights")
def test_a_home_without_write_permission() -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from creatorflow.api.errors import StorageError\nfrom creatorflow.config import Directories\n"
        "if os.getuid() == 0: os.setuid(65534)\n"  # root may write everywhere
        "try: Directories(Path(sys.argv[1])).ready()\nexcept StorageError as error: print(error.details['reason'])"
    )
    with tempfile.TemporaryDirectory() as outer:  # not tmp_path: the other user could not walk there
        Path(outer).chmod(0o755)
        home = Path(outer) / "locked"
        home.mkdir(mode=0o555)
        done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip().lower(), done.stderr) == ("permission denied", "")


@pytest.mark.parametrize(
    ("flag", "env", "locale"),
    [
        ("zh", {"CREATORFLOW_LOCALE": "en"}, "zh-CN"),
        ("fr", {"LANG": "zh_CN.UTF-8"}, "en"),
        (None, {"CREATORFLOW_LOCALE": "fr", "LANG": "zh_CN.UTF-8"}, "en"),
        (None, {"CREATORFLOW_LOCALE": "zh-TW", "LANG": "en_US.UTF-8"}, "zh-CN"),
        (None, {"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        (None, {"LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US"}, "zh-CN"),
        (None, {"LANG": "zh_CN.GB18030"}, "zh-CN"),
        (None, {"LANG": "de_DE"}, "en"),
    ],
)
def test_language(flag: str | None, env: dict[str, str], locale: str) -> None:
    assert choose_locale(flag, env) == locale


@pytest.mark.parametrize("name", ["en", "EN_gb.UTF-8", "en-US", "zh", "zh-CN", "zh_TW", " zh-Hans "])
def test_a_known_language(name: str) -> None:
    assert is_known_locale(name)


@pytest.mark.parametrize("name", ["", "fr", "english", "zhx", "C", "cn", "-zh"])
def test_an_unknown_language(name: str) -> None:
    assert not is_known_locale(name)


def test_the_language_reaches_the_settings(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {"CREATORFLOW_LOCALE": "en"}, locale="zh-CN").locale == "zh-CN"
    assert load_settings(tmp_path, {"LANG": "zh_CN.UTF-8"}).locale == "zh-CN"


@pytest.mark.parametrize(
    ("host", "pattern", "meant"),
    [
        ("weibo.com", "weibo.com", True),
        ("WEIBO.com.", "weibo.com", True),
        ("m.weibo.com", "weibo.com", False),
        ("a.b.weibo.com", "*.weibo.com", True),
        ("weibo.com", "*.weibo.com", False),
        ("evilweibo.com", "*.weibo.com", False),
    ],
)
def test_host_patterns(host: str, pattern: str, meant: bool) -> None:
    assert host_matches(host, pattern) is meant


def test_the_rooms_import_nothing_heavy() -> None:
    code = (
        "import sys, creatorflow.config, creatorflow.log, creatorflow.net\n"
        "heavy = {'httpx', 'httpcore', 'ssl', 'asyncio', 'platformdirs', 'tomllib', 'logging.handlers', 'sqlalchemy', 'keyring'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
