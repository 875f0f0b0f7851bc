"""Where the vault's master key can lie: the OS keyring (allow-listed back ends only), or a file sealed with a passphrase."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import threading
import unicodedata
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from creatorflow.accounts.envelope import KEY_BYTES, WrongKey, unwrap, wrap
from creatorflow.api.errors import KeyringLocked, Text, VaultError

__all__ = ["ALLOWED_BACKENDS", "KEYRING_SECONDS", "KeyringSource", "SealedFile"]

T = TypeVar("T")

#: Back ends that really protect what they hold. Never: null, fail, plaintext, chained or unknown ones.
ALLOWED_BACKENDS = (
    "keyring.backends.SecretService.Keyring",
    "keyring.backends.kwallet.DBusKeyring",
    "keyring.backends.macOS.Keyring",
    "keyring.backends.Windows.WinVaultKeyring",
)

#: How long a keyring may take, seconds: it may be asking its owner for the password.
KEYRING_SECONDS = 60.0
_SERVICE = "creatorflow"

_HOW = Text(
    en="Set CREATORFLOW_VAULT_PASSPHRASE or CREATORFLOW_VAULT_PASSPHRASE_FILE to keep the key in a file sealed with that "
    "passphrase, or run where an OS keyring is available. Secrets are never stored unprotected.",
    zh="请设置 CREATORFLOW_VAULT_PASSPHRASE 或 CREATORFLOW_VAULT_PASSPHRASE_FILE，密钥将保存在用该口令封存的文件中；"
    "或在有系统钥匙串的环境中运行。机密绝不会以明文保存。",
)


class KeyringSource:
    """The OS keyring that this session offers, if it is one of the allowed back ends.

    Args:
        backends: qualified class names that may be used.
        seconds: budget of one call.
    """

    def __init__(self, backends: Collection[str] = ALLOWED_BACKENDS, seconds: float = KEYRING_SECONDS) -> None:
        self._allowed = frozenset(backends)
        self._seconds = seconds

    async def find(self) -> tuple[Any, str]:
        """Return (back end or None, qualified name of what the session offers)."""
        return await _bounded(self._find, self._seconds)

    async def get(self, backend: Any, entry: str) -> bytes | None:
        """Return the key of an entry; None only when the back end says that there is no such entry.

        Raises:
            KeyringLocked: the keyring is locked, or did not answer in time.
            VaultError: it failed in another way, or holds something that is no key.
        """
        text = await self._call(backend, lambda: backend.get_password(_SERVICE, entry))
        if text is None:
            return None
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            key = b""
        if len(key) != KEY_BYTES:
            raise _broken(backend, "the entry is no key of ours", "该条目不是本程序的密钥")
        return key

    async def put(self, backend: Any, entry: str, key: bytes) -> None:
        """Store the key and read it back: a back end that forgets is found out before anything depends on it."""
        text = base64.b64encode(key).decode()
        await self._call(backend, lambda: backend.set_password(_SERVICE, entry, text))
        if await self.get(backend, entry) != key:
            raise _broken(backend, "it did not keep what was stored", "它没有保存写入的内容")

    def _find(self) -> tuple[Any, str]:
        import keyring  # 100 ms, and 60 more to choose: only when the vault is opened

        try:
            offered = keyring.get_keyring()
        except Exception as error:  # PYTHON_KEYRING_BACKEND or keyringrc.cfg may name anything
            return None, f"{type(error).__name__} while choosing a back end"
        candidates = [offered, *getattr(offered, "backends", ())]  # the chainer holds several
        for candidate in candidates:
            if backend_name(candidate) in self._allowed:
                return candidate, backend_name(candidate)
        return None, backend_name(offered)

    async def _call(self, backend: Any, call: Callable[[], T]) -> T:
        from keyring.errors import InitError
        from keyring.errors import KeyringLocked as Locked

        try:
            return await _bounded(call, self._seconds)
        except Locked:
            raise _locked(backend, "is locked", "已锁定") from None
        except (
            InitError
        ):  # Secret Service: a keyring had to be made or unlocked, and its dialog was closed or cannot be shown
            raise _locked(backend, "could not be opened", "未能打开") from None
        except TimeoutError:
            shown = f"{self._seconds:g}"
            raise _locked(backend, f"did not answer within {shown} s", f"在 {shown} 秒内没有响应") from None
        except Exception as error:
            # Denied, no session, broken: whatever it is, it is no proof that the key does not exist.
            raise _broken(backend, type(error).__name__, type(error).__name__) from None


def backend_name(backend: Any) -> str:
    """Return the qualified class name of a keyring back end."""
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def no_source(offered: str) -> VaultError:
    """Return the error for "no allowed keyring and no passphrase"; it names the refused back end."""
    return VaultError(
        Text(
            en=f"There is no safe place for the key of the vault: the keyring back end {offered} is not one that protects "
            f"secrets. {_HOW.en}",
            zh=f"没有安全的位置存放保险库密钥：系统钥匙串后端 {offered} 不能保护机密。{_HOW.zh}",
        ),
        {"backend": offered},
    )


class SealedFile:
    """``vault.key``: the master key, sealed with a passphrase (scrypt, AES-256-GCM), mode 0600."""

    # 2^15 * 8 * 128 bytes = 32 MiB and about 0.15 s per try.
    _N, _R, _P = 1 << 15, 8, 1

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Say whether there is a file; one that cannot be looked at counts as there."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def create(self, passphrase: str, key: bytes, vault_id: str) -> None:
        """Write the file; it is complete on disk or not there.

        Raises:
            OSError: it cannot be written.
        """
        salt = os.urandom(16)
        head = {"format": 1, "vault_id": vault_id, "kdf": "scrypt", "n": self._N, "r": self._R, "p": self._P}
        head["salt"] = salt.hex()
        wrapping = _derive(passphrase, salt, self._N, self._R, self._P)
        document = {**head, "sealed": base64.b64encode(wrap(wrapping, key, ("vault.key", _canonical(head)))).decode()}
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(self.path.parent)

    def open(self, passphrase: str | None) -> tuple[bytes, str]:
        """Return (master key, vault id).

        Raises:
            VaultError: no passphrase given, the wrong one, or the file is damaged or unreadable.
        """
        if passphrase is None:
            raise VaultError(
                Text(
                    en=f"The key of the vault is sealed in {self.path} and no passphrase was given. Set "
                    "CREATORFLOW_VAULT_PASSPHRASE or CREATORFLOW_VAULT_PASSPHRASE_FILE.",
                    zh=f"保险库密钥封存在 {self.path} 中，但没有提供口令。请设置 CREATORFLOW_VAULT_PASSPHRASE 或 "
                    "CREATORFLOW_VAULT_PASSPHRASE_FILE。",
                )
            )
        document = self._read()
        head = {name: value for name, value in document.items() if name != "sealed"}
        try:
            wrapping = _derive(passphrase, bytes.fromhex(head["salt"]), *_bounded_cost(head["n"], head["r"], head["p"]))
            box = base64.b64decode(document["sealed"], validate=True)
            vault_id = str(head["vault_id"])
        except (KeyError, TypeError, ValueError):
            raise self._damaged() from None
        try:
            return unwrap(wrapping, box, ("vault.key", _canonical(head))), vault_id
        except WrongKey:
            raise VaultError(
                Text(
                    en=f"The passphrase does not open {self.path}. Give the one it was sealed with; nothing was changed. "
                    "If it is lost, remove the accounts, move the file away and add them again.",
                    zh=f"口令无法打开 {self.path}。请提供封存时使用的口令；没有改动任何内容。若口令已丢失，请移除账号、移走该文件后重新添加。",
                )
            ) from None

    def _read(self) -> dict[str, Any]:
        try:
            if os.name != "nt" and self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)  # a copy or a backup loosened it
            document = json.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise VaultError(
                Text(
                    en=f"{self.path} cannot be read ({reason}). Correct its owner and rights.",
                    zh=f"无法读取 {self.path}（{reason}）。请修正其所有者与权限。",
                )
            ) from error
        except ValueError:
            raise self._damaged() from None
        if not isinstance(document, dict) or document.get("format") != 1 or document.get("kdf") != "scrypt":
            raise self._damaged()
        return document

    def _damaged(self) -> VaultError:
        return VaultError(
            Text(
                en=f"{self.path} is damaged or was written by a newer CreatorFlow. Restore it from a backup; nothing was changed.",
                zh=f"{self.path} 已损坏，或由更新版本的 CreatorFlow 写入。请从备份恢复；没有改动任何内容。",
            )
        )


def _derive(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    # The same letters may be typed composed or decomposed, depending on the system.
    typed = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(typed)


def _bounded_cost(n: Any, r: Any, p: Any) -> tuple[int, int, int]:
    # The file says how much work to do; a forged one must not make us take all memory, nor weaken what we do.
    if not all(isinstance(value, int) for value in (n, r, p)) or n not in {1 << bits for bits in range(14, 21)}:
        raise ValueError("scrypt cost")
    if not (1 <= r <= 16 and 1 <= p <= 4):
        raise ValueError("scrypt cost")
    return n, r, p


def _canonical(head: dict[str, Any]) -> str:
    return json.dumps(head, sort_keys=True, separators=(",", ":"))


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _bounded(call: Callable[[], T], seconds: float) -> T:
    """Run ``call`` on a daemon thread: a keyring that waits for its owner must not keep the process from ending.

    Raises:
        TimeoutError: no result within ``seconds``.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        outcome: tuple[T | None, BaseException | None]
        try:
            outcome = (call(), None)
        except Exception as error:
            outcome = (None, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=run, name="creatorflow-keyring", daemon=True).start()
    return await asyncio.wait_for(done, seconds)


def _locked(backend: Any, en: str, zh: str) -> KeyringLocked:
    name = backend_name(backend)
    return KeyringLocked(
        Text(
            en=f"The OS keyring ({name}) {en}. Unlock it and try again; on a machine without a desktop set [vault] backend = "
            '"sealed" before the first account is added. No new key was made.',
            zh=f"系统钥匙串（{name}）{zh}。请解锁后重试；无桌面的机器请在添加第一个账号前设置 [vault] backend = "
            '"sealed"。没有生成新密钥。',
        ),
        {"backend": name},
    )


def _broken(backend: Any, en: str, zh: str) -> VaultError:
    name = backend_name(backend)
    return VaultError(
        Text(
            en=f"The OS keyring ({name}) cannot be used: {en}. Check it with your system's password manager; no new key was made.",
            zh=f"系统钥匙串（{name}）无法使用：{zh}。请用系统的密码管理器检查；没有生成新密钥。",
        ),
        {"backend": name},
    )
