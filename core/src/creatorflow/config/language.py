"""Which of the two languages to speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

__all__ = ["Locale", "choose_locale"]

Locale = Literal["zh-CN", "en"]


def choose_locale(flag: str | None, env: Mapping[str, str]) -> Locale:
    """Pick the language: ``--locale``, then ``CREATORFLOW_LOCALE``, then the system's; any ``zh…`` is zh-CN, all else en.

    Args:
        flag: the value of ``--locale``, None when not given.
        env: the process environment.
    """
    named = flag or env.get("CREATORFLOW_LOCALE") or _posix_choice(env) or _system_choice()
    lowered = named.strip().lower()
    # Windows names its locales in words ("Chinese (Simplified)_China"), everybody else by code.
    return "zh-CN" if lowered.startswith(("zh", "chinese")) else "en"


def _posix_choice(env: Mapping[str, str]) -> str:
    # POSIX order: the first variable that is set and not empty decides, even if it says "C".
    return next((env[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(name)), "")


def _system_choice() -> str:
    import locale  # only where the environment says nothing: Windows, or a bare service

    try:
        return locale.getlocale()[0] or ""
    except ValueError:  # an unknown name in the C library's own setting
        return ""
