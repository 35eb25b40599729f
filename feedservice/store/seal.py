"""Secrets at rest: sealed with a key that lies in a file of its own, so that a copy of the database tells nobody's secrets.

AES-256-GCM. What a secret belongs to is sealed with it: moved to another row it cannot be opened. The key file is made with the
first secret; who has none to keep has no such file.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from feedservice.store import StoreError

_FORM = b"\x01"
"""First byte of what is sealed: how. Sealed with it, so that another one cannot be opened."""
_KEY = 32
_NONCE = 12


class Seal:
    """Seals and opens secrets. Raises ``StoreError`` when the key cannot be had."""

    def __init__(self, path: Path | None, *, name: str) -> None:
        """``path`` of the key file, None when there is to be none; ``name`` of the store, as errors say it."""
        self._path = path
        self._name = name
        self._cipher: AESGCM | None = None

    def close(self, secret: bytes | None, about: bytes) -> bytes | None:
        """Seal a secret of something."""
        if secret is None:
            return None
        cipher = self._ready(make=True)
        nonce = secrets.token_bytes(_NONCE)
        return _FORM + nonce + cipher.encrypt(nonce, secret, about + _FORM)

    def open(self, sealed: bytes | None, about: bytes) -> bytes | None:
        """Open what was sealed of the same thing."""
        if sealed is None:
            return None
        cipher = self._ready(make=False)
        try:
            return cipher.decrypt(sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :], about + sealed[:1])
        except (InvalidTag, ValueError) as error:
            text = f"{self._name}: a secret cannot be opened with the key in {self._path}"
            raise StoreError(text, "restore the key file that the store was used with", path=str(self._path)) from error

    def _ready(self, *, make: bool) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(self._key(make=make))
        return self._cipher

    def _key(self, *, make: bool) -> bytes:
        if self._path is None:
            raise StoreError(f"{self._name}: there is no key file for secrets", "name one", path=self._name)
        try:
            if make and not self._path.exists():
                self._make(self._path)
            text = self._path.read_text(encoding="ascii")
        except FileNotFoundError as error:
            text = f"{self._path}: the key file of the store's secrets is missing"
            raise StoreError(text, "restore it: without it nobody's secret can be read", path=str(self._path)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._path}: the key file cannot be used: {error}", _WRITABLE, path=str(self._path)) from error
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != _KEY:
            text = f"{self._path}: this is no key file: it holds 64 hexadecimal digits"
            raise StoreError(text, "restore the file that the store was used with", path=str(self._path))
        return key

    def _make(self, path: Path) -> None:
        """Write a new key, whole or not at all; one that another process has just made is left alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # For its owner only, which is what mkstemp sees to.
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_KEY) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
            _settle(path.parent)
        finally:
            Path(temporary).unlink()


def _settle(folder: Path) -> None:
    """See to it that the name of the key survives a power cut, as the secrets do that are sealed with it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_WRITABLE = "make the file and its directory readable and writable for the user that runs feedservice"
