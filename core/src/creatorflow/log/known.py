"""The secrets known at run time, and where any written form of them stands in a text."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote, quote_plus

__all__ = ["KnownSecrets", "written_forms"]

HEAD = 6  # characters; shorter values are ignored: they would blank out ordinary words
MAX_KEPT = 20_000  # values; a server that lives for years sees cookies rotate, so the oldest quarter is dropped then


class KnownSecrets:
    """A set of secret values; thread-safe.

    Forms are indexed by their first six characters: a line is looked at once per position whatever the number of secrets, and adding one
    costs no rebuild. (One regular expression over all of them took 1.7 s to compile and 1.8 ms per line with 5,000 values; this takes 10 µs.)
    """

    def __init__(self) -> None:
        self._values: dict[str, None] = {}  # in order of registration
        self._forms: dict[str, tuple[str, ...]] = {}  # head -> forms, longest first
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """Remember a value of at least six characters."""
        if len(value) < HEAD or value in self._values:
            return
        with self._lock:
            self._values[value] = None
            if len(self._values) > MAX_KEPT:
                self._values = dict.fromkeys(list(self._values)[MAX_KEPT // 4 :])
                self._forms = {}
                for kept in self._values:
                    self._index(kept)
            else:
                self._index(value)

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values, self._forms = {}, {}

    def replace(self, text: str, by: str) -> str:
        """Return the text with every form of every known secret replaced."""
        forms = self._forms
        if not forms:
            return text
        places = [at for at in range(len(text) - HEAD + 1) if text[at : at + HEAD] in forms]
        if not places:
            return text
        parts: list[str] = []
        done = 0
        for at in places:
            if at < done:
                continue
            # Longest first: a secret that begins with another one goes as a whole.
            found = next((form for form in forms.get(text[at : at + HEAD], ()) if text.startswith(form, at)), None)
            if found is not None:
                parts += (text[done:at], by)
                done = at + len(found)
        return "".join(parts) + text[done:]

    def _index(self, value: str) -> None:
        for form in written_forms(value):
            others = self._forms.get(form[:HEAD], ())
            self._forms[form[:HEAD]] = tuple(sorted({*others, form}, key=len, reverse=True))


def written_forms(value: str) -> set[str]:
    """Return a secret as it may stand in text: plain, URL-encoded, inside JSON, and in base64 at each of the three alignments."""
    forms = {
        value,
        quote(value, safe="", errors="replace"),
        quote(value, errors="replace"),
        quote_plus(value, errors="replace"),
    }
    forms.update((json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]))
    raw = value.encode("utf-8", "surrogatepass")
    for shift in range(3):
        # Inside a longer base64 text (user:password) the first and last characters also carry bits of the neighbours: leave those off.
        length = len(raw) - (len(raw) + shift) % 3
        coded = base64.b64encode(b"\0" * shift + raw[:length]).decode("ascii")[(0, 2, 3)[shift] :]
        forms.update((coded, coded.translate({ord("+"): "-", ord("/"): "_"})))
    return {form for form in forms if len(form) >= HEAD}
