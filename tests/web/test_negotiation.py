from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.web.negotiation import CODINGS, Variant, acceptance, choose, entity_tag, weight

LENGTHS = {"identity": 1000, "gzip": 300, "br": 250, "zstd": 280}


def variants(**lengths: int) -> dict[str, Variant]:
    return {coding: Variant(coding=coding, etag=entity_tag("h", coding), length=length) for coding, length in lengths.items()}


ALL = variants(**LENGTHS)


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        (",", "identity"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("X-GZip;q=0.1", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("deflate", "identity"),
        ("compress, deflate", "identity"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("zstd, gzip", "zstd"),
        ("gzip;q=1, br;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("gzip;q=0.2, zstd;q=0.1", "gzip"),
        ("identity", "identity"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0, br", "br"),
        ("gzip;q=0.001", "gzip"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("identity;q=0, gzip;q=0", None),
        ("identity;q=0, deflate", None),
        ("identity;q=0, gzip", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("*;q=0, identity", "identity"),
        ("*;q=0, identity;q=0.1", "identity"),
        ("*", "gzip"),
        ("*;q=0.1", "gzip"),
        ("*, gzip;q=0", "identity"),
        ("*, br", "br"),
        ("identity;q=0, *", "gzip"),
        ("identity;q=0, gzip;q=0, *", "br"),
        ("br;q=0.5, *;q=0.1", "br"),
        ("gzip;q=0.5, *", "identity"),
        ("gzip, gzip;q=0", "identity"),
        ("gzip;q=banana", "identity"),
        ("gzip;q=banana, *", "gzip"),
        ("identity;q=banana", "identity"),
        ("gzip;q=2, br", "br"),
        ("gzip;q=0.5;x=1, br;q=0.4", "gzip"),
        ("br\t;\tq=0.9 ,  gzip;q=1.0", "gzip"),
        ("aes128gcm", "identity"),
        ("é", "identity"),
    ],
)
def test_choice(field: str | None, coding: str | None) -> None:
    chosen = choose(acceptance(field), ALL)
    assert (chosen and chosen.coding) == coding


@pytest.mark.parametrize(
    ("available", "field", "coding"),
    [
        (variants(identity=10), "gzip, br", "identity"),
        (variants(identity=10), "identity;q=0, *", None),
        (variants(identity=10, gzip=30), "gzip", "gzip"),
        (variants(identity=10, gzip=30), "*", "identity"),
        (variants(identity=10, gzip=5, br=5, zstd=5), "gzip, br, zstd", "zstd"),
        (variants(identity=10, gzip=5, br=5), "gzip, br", "br"),
        (variants(identity=10, br=5), "identity;q=0, *", "br"),
        (variants(identity=10, br=5), "*", "identity"),
    ],
)
def test_choice_among_what_is_available(available: Mapping[str, Variant], field: str | None, coding: str | None) -> None:
    chosen = choose(acceptance(field), available)
    assert (chosen and chosen.coding) == coding


def test_each_coding_has_its_own_strong_etag() -> None:
    tags = [entity_tag("0badc0de", coding) for coding in CODINGS]
    assert tags == ['"0badc0de-zstd"', '"0badc0de-br"', '"0badc0de-gzip"', '"0badc0de"']


MEMBER = st.builds(
    "{}{}".format,
    st.sampled_from([*CODINGS, "x-gzip", "deflate", "*", "GZIP"]),
    st.sampled_from(["", ";q=0", ";q=1", ";q=0.5", "; q=0.001", ";q=oops", ";q=0.0"]),
)
FIELD = st.none() | st.text() | st.lists(MEMBER, max_size=6).map(", ".join)


@given(FIELD, st.sets(st.sampled_from(CODINGS)))
def test_the_choice_is_acceptable_and_never_worse_than_another(field: str | None, available: Mapping[str, Variant]) -> None:
    accepted = acceptance(field)
    offered = variants(**{coding: LENGTHS[coding] for coding in {*available, "identity"}})
    chosen = choose(accepted, offered)
    weights = {coding: weight(accepted, coding) for coding in offered}
    if chosen is None:
        assert not any(weights.values())
    else:
        assert weights[chosen.coding] == max(weights.values()) > 0


@given(FIELD)
def test_identity_is_refused_only_by_a_zero(field: str | None) -> None:
    if weight(acceptance(field), "identity") == 0:
        assert "q=0" in (field or "").lower().replace(" ", "")
