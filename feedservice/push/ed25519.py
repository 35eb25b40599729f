"""Signing by ed25519 (RFC 8032). The door of ``cryptography`` for signatures."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED = 32
"""Bytes of a private key."""
PAIR = 64
"""Bytes of a private key with its public key behind it."""


def signer(seed: bytes) -> Callable[[bytes], bytes]:
    """Return what signs with a private key of ``SEED`` bytes; a signature has 64."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign
