"""Which of the two languages to speak."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

__all__ = ["Locale", "choose_locale", "is_known_locale"]

Locale = Literal["zh-CN", "en"]


def is_known_locale(name: str) -> bool:
    """Tell whether a name, such as ``en``, ``en_GB.UTF-8`` or ``zh-Hans``, means one of the two languages."""
    return re.split(r"[-_.@]", name.strip().lower(), maxsplit=1)[0] in ("zh", "en")


def choose_locale(flag: str | None, env: Mapping[str, str]) -> Locale:
    """Pick the language: ``--locale``, then ``CREATORFLOW_LOCALE``, then the system's; any ``zh…`` is zh-CN, all else en.

    An unknown ``--locale`` never gets here: the command line refuses it. An unknown name in the environment may be meant for other
    programs, too, so it is no error.

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
