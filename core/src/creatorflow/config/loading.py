"""From ``config.toml`` and the environment to ``Settings``; every mistake becomes one ``ConfigError``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from creatorflow.api.errors import ConfigError, Text
from creatorflow.config.directories import Directories, find_home
from creatorflow.config.language import choose_locale
from creatorflow.config.settings import Settings

__all__ = ["load_settings"]

SECTIONS = ("network", "plugins", "publish", "assets", "vault", "log")

# pydantic's error types, as people say them; anything else falls back to pydantic's own English.
_EXPECTED: dict[str, tuple[str, str]] = {
    "string_type": ("text in quotes", "加引号的文本"),
    "bool_type": ("true or false", "true 或 false"),
    "int_type": ("a whole number", "整数"),
    "int_from_float": ("a whole number", "整数"),
    "float_type": ("a number", "数字"),
    "finite_number": ("a finite number", "有限的数字"),
    "tuple_type": ("a list in brackets", "方括号列表"),
    "mapping_type": ("a table", "表"),
    "dict_type": ("a table", "表"),
    "model_type": ("a section", "一个小节"),
    "model_attributes_type": ("a section", "一个小节"),
    "path_type": ("a path in quotes", "加引号的路径"),
    "greater_than": ("greater than {gt}", "大于 {gt} 的数"),
    "greater_than_equal": ("at least {ge}", "不小于 {ge} 的数"),
    "literal_error": ("one of {expected}", "{expected} 之一"),
    "enum": ("one of {expected}", "{expected} 之一"),
    "string_pattern_mismatch": (
        "a short name of small letters, digits, - and _",
        "由小写字母、数字、- 和 _ 组成的短名称",
    ),
}


def load_settings(home: Path | None, env: Mapping[str, str], *, locale: str | None = None) -> Settings:
    """Read the settings of one installation.

    Args:
        home: the value of ``--home``; None: ``CREATORFLOW_HOME``, else the platform's user data directory.
        env: the process environment; the only place where ``CREATORFLOW_*`` variables are read.
        locale: the value of ``--locale``.

    Raises:
        ConfigError: ``config.toml`` is unreadable, is not TOML, or holds a wrong key or value; ``details["file"]``, ``["line"]`` (1-based,
            where known) and ``["problems"]`` (key, line, en, zh) say where.
    """
    found = find_home(home, env)
    path = Directories(found).config_file
    text = _read(path)
    data = _parse(path, text)
    for name in data:
        if name not in SECTIONS:  # before validation: ``home`` and its like are fields, but no keys of the file
            raise _error(path, [_unknown(name, name, SECTIONS, _line_of(text, (name,)))])
    passphrase = env.get("CREATORFLOW_VAULT_PASSPHRASE")
    passphrase_file = env.get("CREATORFLOW_VAULT_PASSPHRASE_FILE")
    plugins = env.get("CREATORFLOW_PLUGINS")
    from_process = {
        "home": found,
        "locale": choose_locale(locale, env),
        "only_plugins": None if plugins is None else tuple(filter(None, (name.strip() for name in plugins.split(",")))),
        "passphrase": SecretStr(passphrase) if passphrase else None,
        "passphrase_file": Path(passphrase_file) if passphrase_file else None,
    }
    try:
        settings = Settings.model_validate({**data, **from_process})
    except ValidationError as error:
        raise _error(path, [_problem(found_error, text) for found_error in error.errors(include_url=False)]) from None
    return _anchored(settings)


def _anchored(settings: Settings) -> Settings:
    """Make a relative ``ca_file`` relative to the home directory, so that the working directory does not matter."""
    ca_file = settings.network.ca_file
    if ca_file is None or ca_file.is_absolute():
        return settings
    network = settings.network.model_copy(update={"ca_file": settings.home / ca_file})
    return settings.model_copy(update={"network": network})


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            Text(
                en=f"{path}, line {line}: not UTF-8 text. Save the file as UTF-8.",
                zh=f"{path} 第 {line} 行：不是 UTF-8 文本。请把文件另存为 UTF-8。",
            ),
            details={"file": str(path), "line": line},
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            Text(
                en=f"{path} cannot be read ({reason}). Correct its rights, or choose another home with --home or CREATORFLOW_HOME.",
                zh=f"无法读取 {path}（{reason}）。请修正文件权限，或用 --home、CREATORFLOW_HOME 指定其他目录。",
            ),
            details={"file": str(path), "reason": reason},
        ) from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    import tomllib  # most homes have no config file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        # Without a position the parser ran into the end of the text.
        line = int(at[1]) if at else text.count("\n") + 1
        reason = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise ConfigError(
            Text(
                en=f"{path}, line {line}: not valid TOML ({reason}). Correct this line.",
                zh=f"{path} 第 {line} 行：不是有效的 TOML（{reason}）。请修正此行。",
            ),
            details={"file": str(path), "line": line},
        ) from None


def _problem(error: ErrorDetails, text: str) -> dict[str, Any]:
    loc = tuple(str(part) for part in error["loc"] if part != "[key]")
    key = ".".join(loc)
    line = _line_of(text, loc)
    if error["type"] == "extra_forbidden":
        return _unknown(key, loc[-1], _known_keys(loc[:-1]), line)
    context = error.get("ctx", {})
    if error["type"] == "creatorflow":
        return {"key": key, "line": line, "en": f"{key}: {context['en']}", "zh": f"{key}：{context['zh']}"}
    en, zh = _EXPECTED.get(error["type"], (error["msg"], error["msg"]))
    if error["type"] in _EXPECTED:
        en, zh = en.format(**context), zh.format(**context).replace(" or ", "、").replace("', '", "'、'")
    return {"key": key, "line": line, "en": f"{key} must be {en}", "zh": f"{key} 必须是{zh}"}


def _unknown(key: str, name: str, known: Sequence[str], line: int | None) -> dict[str, Any]:
    import difflib

    near = next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.5)), None)
    listed = ", ".join(known)
    return {
        "key": key,
        "line": line,
        "nearest": near,
        "en": f'unknown key "{key}"; ' + (f'did you mean "{near}"?' if near else f"known here: {listed}"),
        "zh": f"未知的键“{key}”；" + (f"是否想写“{near}”？" if near else f"此处可用：{listed}"),
    }


def _known_keys(loc: Sequence[str]) -> list[str]:
    model: Any = Settings
    for part in loc:
        model = model.model_fields[part].annotation
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _line_of(text: str, loc: Sequence[str]) -> int | None:
    """Find the line (1-based) of a key by reading headers and assignments; None when it is written in an unusual way."""
    section: tuple[str, ...] = ()
    best: int | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line)
        assigned = re.match(r"\s*([\w.\"'*-]+?)\s*=", line)
        if header:
            section = _split_key(header[1])
            here = section
        elif assigned:
            here = section + _split_key(assigned[1])
        else:
            continue
        if here == tuple(loc):
            return number
        if here and here == tuple(loc[: len(here)]):
            best = number  # the table or list that holds it
    return best


def _split_key(key: str) -> tuple[str, ...]:
    return tuple(a or b or c for a, b, c in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^.\s\"']+)", key))


def _error(path: Path, problems: list[dict[str, Any]]) -> ConfigError:
    first = problems[0]
    en = "; ".join(f"line {one['line']}: {one['en']}" if one["line"] else str(one["en"]) for one in problems)
    zh = "；".join(f"第 {one['line']} 行：{one['zh']}" if one["line"] else str(one["zh"]) for one in problems)
    details: dict[str, Any] = {"file": str(path), "problems": problems}
    if first["line"]:
        details["line"] = first["line"]
    return ConfigError(Text(en=f"{path}, {en}", zh=f"{path} {zh}"), details=details)
