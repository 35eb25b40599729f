"""Which content coding a client gets (RFC 9110 §12.5.3). Media types and languages are not negotiated: one URL, one feed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from feedservice.web.fields import WHOLE, weighted

IDENTITY = "identity"
CODINGS = ("zstd", "br", "gzip", IDENTITY)
"""The codings there can be, the preferred first when weight and length are equal."""

_ALIASES = {"x-gzip": "gzip"}
_UNSTATED_IDENTITY = 1
_UNIVERSAL = frozenset({"gzip", IDENTITY})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One content coding of a resource, prepared when it was published.

    Each coding has a strong ETag of its own, because its bytes are its own: ``"<hash>"``, ``"<hash>-gzip"``, …
    """

    coding: str
    """``identity``, ``gzip``, ``br`` or ``zstd``."""
    etag: str
    """The whole quoted value (see ``entity_tag``)."""
    length: int
    """Of the coded body, in bytes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What an Accept-Encoding field says."""

    stated: bool
    """False when there is no such field: then every coding is acceptable."""
    weights: Mapping[str, int]
    """Named coding → weight in thousandths."""
    wildcard: int | None
    """Weight of ``*``; None when it is not named."""


def entity_tag(digest: str, coding: str) -> str:
    """Make the strong ETag of one coding: the hash of the uncoded bytes, and the coding's name unless it is ``identity``."""
    return f'"{digest}"' if coding == IDENTITY else f'"{digest}-{coding}"'


def acceptance(field: str | None) -> Acceptance:
    """Read a combined Accept-Encoding value; ``x-gzip`` is ``gzip``. Named twice, the lower weight counts."""
    weights: dict[str, int] = {}
    for name, q in weighted(field or ""):
        coding = _ALIASES.get(name, name)
        weights[coding] = min(q, weights.get(coding, WHOLE))
    wildcard = weights.pop("*", None)
    return Acceptance(stated=field is not None, weights=weights, wildcard=wildcard)


def weight(accepted: Acceptance, coding: str) -> int:
    """Say how welcome a coding is, in thousandths; 0 is unacceptable.

    ``identity`` that is neither named nor covered by ``*`` is acceptable, but any named coding is more welcome.
    """
    if not accepted.stated:
        return WHOLE
    if coding in accepted.weights:
        return accepted.weights[coding]
    if accepted.wildcard is not None:
        return accepted.wildcard
    return _UNSTATED_IDENTITY if coding == IDENTITY else 0


def choose(accepted: Acceptance, variants: Mapping[str, Variant]) -> Variant | None:
    """Choose the variant to send; None when the client refuses every one, which takes ``identity;q=0`` or ``*;q=0``.

    The highest weight wins, then the smallest body, then the order of ``CODINGS``. Two cautions: without the field the
    answer is ``identity``, and a ``*`` by itself never brings ``br`` or ``zstd`` while ``gzip`` or ``identity`` will do,
    because clients that write it seldom mean the newer codings.
    """
    if not accepted.stated:
        return variants[IDENTITY]
    candidates = [variant for variant in variants.values() if weight(accepted, variant.coding)]
    return max(
        candidates,
        key=lambda variant: (
            weight(accepted, variant.coding),
            variant.coding in accepted.weights or variant.coding in _UNIVERSAL,
            -variant.length,
            -CODINGS.index(variant.coding),
        ),
        default=None,
    )
