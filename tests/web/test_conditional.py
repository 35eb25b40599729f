from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import Document, EntrySpan
from feedservice.web import conditional, delta
from feedservice.web.negotiation import Variant, acceptance, choose, entity_tag, weight

Lines = Sequence[tuple[str, str]]

NOW = datetime(2026, 8, 1, 12, 0, 0, 500_000, tzinfo=UTC)
MODIFIED = datetime(2026, 8, 1, 10, 0, 0, 250_000, tzinfo=UTC)
LAST_MODIFIED = "Sat, 01 Aug 2026 10:00:00 GMT"
BEFORE = "Sat, 01 Aug 2026 09:59:59 GMT"
AFTER = "Sat, 01 Aug 2026 10:00:01 GMT"
FUTURE = "Sat, 01 Aug 2026 12:00:01 GMT"
OLD_DATE = "Fri, 31 Jul 2026 10:00:00 GMT"
DIGEST = "aa11"
OLD = "bb22"
GET = "GET"


def document(etag: str = DIGEST, entries: Sequence[str] = ("e1", "e2", "e3")) -> Document:
    body = b"<f>" + b"".join(entry.encode() * 40 for entry in entries) + b"</f>"
    spans = tuple(EntrySpan(id=entry, digest=entry, start=3 + 80 * at, end=83 + 80 * at) for at, entry in enumerate(entries))
    return Document(
        feed="all",
        format="atom",
        url="https://example.org/feed.atom",
        path="feed.atom",
        media_type="application/atom+xml; charset=utf-8",
        body=body,
        etag=etag,
        last_modified=MODIFIED,
        entries=spans,
    )


CURRENT = document()
RESOURCE = conditional.Resource(
    media_type="application/atom+xml; charset=utf-8",
    last_modified=MODIFIED,
    variants={
        coding: Variant(coding=coding, etag=entity_tag(DIGEST, coding), length=length)
        for coding, length in {"identity": len(CURRENT.body), "gzip": 200, "br": 180, "zstd": 190}.items()
    },
    poll_interval=1800,
    links=('<https://example.org/feed.atom>; rel="self"', '<https://hub.example/>; rel="hub"'),
    document=CURRENT,
)
VERSIONS = {
    OLD: delta.Version(etag=OLD, last_modified=MODIFIED - timedelta(days=1), digests=frozenset({"e2", "e3"})),
    "cc33": delta.Version(etag="cc33", last_modified=MODIFIED - timedelta(days=2), digests=frozenset({"e3"})),
    "dd44": delta.Version(etag="dd44", last_modified=MODIFIED - timedelta(days=3), digests=frozenset({"zz"})),
}


def ask(
    method: str = GET,
    fields: Lines = (),
    resource: conditional.Resource = RESOURCE,
    versions: Mapping[str, delta.Version] = VERSIONS,
    now: datetime = NOW,
) -> conditional.Answer:
    return conditional.answer(method, tuple(fields), resource, versions=versions, now=now)


def header(answer: conditional.Answer, name: str) -> str | None:
    values = [value for field, value in answer.headers if field == name]
    assert len(values) < 2
    return values[0] if values else None


INM, IMS, IM, IUS, AE, AIM = "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "Accept-Encoding", "A-IM"

TABLE = [
    # nothing conditional
    (GET, [], 200),
    ("HEAD", [], 200),
    (GET, [("Cache-Control", "no-cache")], 200),
    (GET, [("Accept", "text/html")], 200),
    (GET, [("Range", "bytes=0-9")], 200),
    (GET, [("Range", "bytes=0-9"), ("If-Range", f'"{DIGEST}"')], 200),
    # methods
    ("OPTIONS", [], 204),
    ("OPTIONS", [(INM, "*")], 204),
    ("OPTIONS", [(AE, "*;q=0")], 204),
    ("POST", [], 405),
    ("PUT", [(IM, '"x"')], 405),
    ("DELETE", [], 405),
    ("PATCH", [], 405),
    ("TRACE", [], 405),
    ("get", [], 405),
    ("", [], 405),
    ("POST", [(INM, f'"{DIGEST}"')], 405),
    # If-None-Match
    (GET, [(INM, f'"{DIGEST}"')], 304),
    ("HEAD", [(INM, f'"{DIGEST}"')], 304),
    (GET, [(INM, f'W/"{DIGEST}"')], 304),
    (GET, [(INM, f'w/"{DIGEST}"')], 304),
    (GET, [(INM, DIGEST)], 304),
    (GET, [(INM, f'  "{DIGEST}"  ')], 304),
    (GET, [("if-none-match", f'"{DIGEST}"')], 304),
    (GET, [(INM, "*")], 304),
    (GET, [(INM, " * ")], 304),
    (GET, [(INM, f'"x", "{DIGEST}"')], 304),
    (GET, [(INM, f'"x","{DIGEST}","y"')], 304),
    (GET, [(INM, f'"x" , W/"{DIGEST}" ')], 304),
    (GET, [(INM, f'"a,b", "{DIGEST}"')], 304),
    (GET, [(INM, '"x"'), (INM, f'"{DIGEST}"')], 304),
    (GET, [(INM, f'"{DIGEST}-gzip"')], 304),
    (GET, [(INM, f'"{DIGEST}-br"'), (AE, "gzip, br")], 304),
    (GET, [(INM, f'"{DIGEST}-zstd"'), (AE, "zstd")], 304),
    (GET, [(INM, f'W/"{DIGEST}-gzip"'), (AE, "gzip")], 304),
    (GET, [(INM, f'"{DIGEST}--gzip"'), (AE, "gzip")], 304),
    (GET, [(INM, f'"{DIGEST};gzip"'), (AE, "gzip")], 304),
    (GET, [(INM, f'"{DIGEST};br"'), (AE, "br")], 304),
    (GET, [(INM, f'"{DIGEST}:gzip"'), (AE, "gzip")], 304),
    (GET, [(INM, f'"{DIGEST}-deflate"'), (AE, "gzip, deflate")], 304),
    (GET, [(INM, f'"{DIGEST}"'), (AE, "gzip, br")], 304),
    (GET, [(INM, f'"{DIGEST}-gzip"'), (AE, "x-gzip")], 304),
    (GET, [(INM, f'"{DIGEST}-gzip"'), (AE, "gzip;q=0.1, br")], 304),
    (GET, [(INM, f'"{DIGEST}-br"'), (AE, "gzip")], 200),
    (GET, [(INM, f'"{DIGEST}-gzip"'), (AE, "")], 200),
    (GET, [(INM, f'"{DIGEST}-gzip"'), (AE, "gzip;q=0, br")], 200),
    (GET, [(INM, f'"{DIGEST}"'), (AE, "identity;q=0, gzip")], 200),
    (GET, [(INM, f'"{DIGEST}-lzma"')], 200),
    (GET, [(INM, f'"{DIGEST}gzip"')], 200),
    (GET, [(INM, f'"{DIGEST}x"')], 200),
    (GET, [(INM, f'"x{DIGEST}"')], 200),
    (GET, [(INM, f'"{DIGEST.upper()}"')], 200),
    (GET, [(INM, '"x"')], 200),
    (GET, [(INM, f'"{OLD}"')], 200),
    (GET, [(INM, "")], 200),
    (GET, [(INM, ",")], 200),
    (GET, [(INM, '"')], 200),
    (GET, [(INM, 'W/""')], 200),
    (GET, [(INM, '*, "x"')], 200),
    (GET, [(INM, "*"), (INM, "*")], 200),
    (GET, [(INM, '"*"')], 200),
    # If-None-Match goes before If-Modified-Since
    (GET, [(INM, '"x"'), (IMS, LAST_MODIFIED)], 200),
    (GET, [(INM, ""), (IMS, LAST_MODIFIED)], 200),
    (GET, [(IMS, LAST_MODIFIED), (INM, '"x"')], 200),
    (GET, [(INM, f'"{DIGEST}"'), (IMS, BEFORE)], 304),
    (GET, [(INM, f'"{DIGEST}"'), (IMS, "rubbish")], 304),
    # If-Modified-Since
    (GET, [(IMS, LAST_MODIFIED)], 304),
    ("HEAD", [(IMS, LAST_MODIFIED)], 304),
    (GET, [("IF-MODIFIED-SINCE", LAST_MODIFIED)], 304),
    (GET, [(IMS, AFTER)], 304),
    (GET, [(IMS, BEFORE)], 200),
    (GET, [(IMS, "Saturday, 01-Aug-26 10:00:00 GMT")], 304),
    (GET, [(IMS, "Sat Aug  1 10:00:00 2026")], 304),
    (GET, [(IMS, "Sat, 01 Aug 2026 12:00:00 GMT")], 304),
    (GET, [(IMS, FUTURE)], 200),
    (GET, [(IMS, "Sat, 01 Aug 2099 10:00:00 GMT")], 200),
    (GET, [(IMS, "Sat, 01 Aug 2026 10:00:00 +0000")], 200),
    (GET, [(IMS, "2026-08-01T10:00:00Z")], 200),
    (GET, [(IMS, "Sat, 31 Feb 2026 10:00:00 GMT")], 200),
    (GET, [(IMS, "0")], 200),
    (GET, [(IMS, "")], 200),
    (GET, [(IMS, LAST_MODIFIED), (IMS, LAST_MODIFIED)], 200),
    (GET, [(IMS, LAST_MODIFIED + "; length=5")], 200),
    (GET, [(IMS, LAST_MODIFIED), (AE, "gzip")], 304),
    # If-Match and If-Unmodified-Since
    (GET, [(IM, "*")], 200),
    (GET, [(IM, f'"{DIGEST}"')], 200),
    (GET, [(IM, f'"x", "{DIGEST}"')], 200),
    (GET, [(IM, f'"{DIGEST}-gzip"'), (AE, "gzip, br")], 200),
    (GET, [(IM, f'"{DIGEST}-gzip"'), (AE, "br")], 412),
    (GET, [(IM, f'W/"{DIGEST}"')], 412),
    (GET, [(IM, f'"{DIGEST};gzip"')], 412),
    (GET, [(IM, '"x"')], 412),
    (GET, [(IM, "")], 412),
    ("HEAD", [(IM, '"x"')], 412),
    (GET, [(IM, '"x"'), (INM, f'"{DIGEST}"')], 412),
    (GET, [(IM, f'"{DIGEST}"'), (INM, f'"{DIGEST}"')], 304),
    (GET, [(IM, f'"{DIGEST}"'), (IUS, BEFORE)], 200),
    (GET, [(IUS, LAST_MODIFIED)], 200),
    (GET, [(IUS, AFTER)], 200),
    (GET, [(IUS, BEFORE)], 412),
    (GET, [(IUS, "rubbish")], 200),
    (GET, [(IUS, BEFORE), (INM, f'"{DIGEST}"')], 412),
    (GET, [(IUS, LAST_MODIFIED), (IMS, LAST_MODIFIED)], 304),
    # refused codings
    (GET, [(AE, "identity;q=0, *;q=0")], 406),
    (GET, [(AE, "*;q=0"), (INM, f'"{DIGEST}"')], 406),
    (GET, [(AE, "*;q=0"), (IM, '"x"')], 406),
    ("HEAD", [(AE, "*;q=0")], 406),
    # deltas
    (GET, [(AIM, "feed"), (INM, f'"{OLD}"')], 226),
    ("HEAD", [(AIM, "feed"), (INM, f'"{OLD}"')], 226),
    (GET, [(AIM, "FEED"), (INM, f'"{OLD}"')], 226),
    (GET, [(AIM, "vcdiff, feed, gzip"), (INM, f'"{OLD}"')], 226),
    (GET, [(AIM, "feed;q=0.1"), (INM, f'"{OLD}"')], 226),
    (GET, [(AIM, "gzip"), (AIM, "feed"), (INM, f'"{OLD}"')], 226),
    (GET, [(AIM, "feed"), (INM, f'W/"{OLD}"')], 226),
    (GET, [(AIM, "feed"), (INM, f'"{OLD}-gzip"'), (AE, "gzip")], 226),
    (GET, [(AIM, "feed"), (INM, f'"nope", "{OLD}"')], 226),
    (GET, [(AIM, "feed"), (INM, f'"{DIGEST}"')], 304),
    (GET, [(AIM, "feed"), (INM, f'"{OLD}", "{DIGEST}"')], 304),
    (GET, [(AIM, "feed"), (INM, "*")], 304),
    (GET, [(AIM, "feed"), (IMS, OLD_DATE)], 226),
    (GET, [(AIM, "feed"), (IMS, LAST_MODIFIED)], 304),
    (GET, [(AIM, "feed"), (IMS, BEFORE)], 200),
    (GET, [(AIM, "feed"), (IMS, "rubbish")], 200),
    (GET, [(AIM, "feed"), (INM, '"x"'), (IMS, OLD_DATE)], 200),
    (GET, [(AIM, "feed")], 200),
    (GET, [(AIM, "feed"), (INM, '"x"')], 200),
    (GET, [(AIM, "feed"), (INM, '"dd44"')], 200),
    (GET, [(AIM, "feed"), (INM, '"cc33"'), (AE, "gzip")], 226),
    (GET, [(AIM, "feed"), (INM, '"cc33"'), (AE, "br, zstd")], 226),
    (GET, [(AIM, "feed;q=0"), (INM, f'"{OLD}"')], 200),
    (GET, [(AIM, "feed;q=0.2, identity"), (INM, f'"{OLD}"')], 200),
    (GET, [(AIM, "vcdiff"), (INM, f'"{OLD}"')], 200),
    (GET, [(AIM, "feeds"), (INM, f'"{OLD}"')], 200),
    (GET, [(AIM, ""), (INM, f'"{OLD}"')], 200),
    (GET, [(AIM, "feed"), (INM, f'"{OLD}"'), (AE, "gzip, identity;q=0")], 200),
    (GET, [(AIM, "feed"), (INM, f'"{OLD}"'), (IM, '"x"')], 412),
    ("POST", [(AIM, "feed"), (INM, f'"{OLD}"')], 405),
]


@pytest.mark.parametrize(("method", "fields", "status"), TABLE)
def test_status(method: str, fields: Lines, status: int) -> None:
    assert ask(method, fields).status == status


@pytest.mark.parametrize(("method", "fields", "status"), TABLE)
def test_bodies_and_lengths_go_together(method: str, fields: Lines, status: int) -> None:
    answer = ask(method, fields)
    length = header(answer, "content-length")
    if method == "HEAD" or status not in {200, 226}:
        assert (answer.coding, answer.delta) == (None, None)
    elif status == 226:
        assert (answer.coding, length) == (None, str(len(delta.body(CURRENT, answer.delta))))
    else:
        assert (answer.delta, length) == (None, str(RESOURCE.variants[answer.coding].length))
    assert (length is None) == (status in {204, 304})


@pytest.mark.parametrize(("method", "fields", "status"), [row for row in TABLE if row[0] == GET])
def test_head_is_get_without_the_body(method: str, fields: Lines, status: int) -> None:
    head = ask("HEAD", fields)
    assert head == dataclasses.replace(ask(method, fields), coding=None, delta=None)
    assert head.status == status


def test_the_whole_answer() -> None:
    assert ask(fields=[(AE, "gzip")]) == conditional.Answer(
        status=200,
        headers=(
            ("date", "Sat, 01 Aug 2026 12:00:00 GMT"),
            ("content-type", "application/atom+xml; charset=utf-8"),
            ("content-length", "200"),
            ("content-encoding", "gzip"),
            ("etag", '"aa11-gzip"'),
            ("last-modified", LAST_MODIFIED),
            ("cache-control", "public, max-age=1800"),
            ("vary", "Accept-Encoding, Sec-Fetch-Dest, A-IM"),
            ("link", '<https://example.org/feed.atom>; rel="self", <https://hub.example/>; rel="hub"'),
            ("accept-ranges", "none"),
            ("x-content-type-options", "nosniff"),
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "Date, Delta-Base, ETag, IM, Link, Retry-After"),
        ),
        coding="gzip",
    )


def test_not_modified_says_what_the_whole_answer_says_of_freshness() -> None:
    fields = [(AE, "gzip, br")]
    whole = ask(fields=fields)
    same = ask(fields=[*fields, (INM, header(whole, "etag"))])
    assert same.status == 304
    for name in ("date", "etag", "cache-control", "vary", "access-control-allow-origin"):
        assert header(same, name) == header(whole, name)
    for name in ("content-type", "content-encoding", "content-length", "last-modified", "link"):
        assert header(same, name) is None


def test_identity_has_no_content_encoding() -> None:
    assert header(ask(), "content-encoding") is None
    assert header(ask(), "etag") == '"aa11"'


def test_a_tag_of_another_acceptable_coding_is_answered_with_that_coding() -> None:
    assert header(ask(fields=[(AE, "gzip, br"), (INM, '"aa11-gzip"')]), "etag") == '"aa11-gzip"'
    assert header(ask(fields=[(AE, "gzip, br"), (INM, '"aa11-gzip", "aa11-br"')]), "etag") == '"aa11-br"'
    assert header(ask(fields=[(AE, "gzip, br"), (INM, '"aa11"')]), "etag") == '"aa11"'
    assert header(ask(fields=[(AE, "deflate"), (INM, '"aa11-deflate"')]), "etag") == '"aa11"'


def test_a_delta_says_what_it_starts_from_and_where_it_leads() -> None:
    answer = ask(fields=[(AE, "gzip"), (AIM, "feed"), (INM, f'W/"{OLD}-gzip"')])
    assert header(answer, "im") == "feed"
    assert header(answer, "delta-base") == f'"{OLD}"'
    assert header(answer, "etag") == '"aa11"'
    assert header(answer, "cache-control") == "no-store, im, max-age=1800"
    assert header(answer, "content-encoding") is None
    assert header(answer, "vary") == "Accept-Encoding, Sec-Fetch-Dest, A-IM, If-None-Match, If-Modified-Since"
    assert header(answer, "link") == header(ask(), "link")
    assert answer.delta is not None
    assert delta.body(CURRENT, answer.delta) == b"<f>" + b"e1" * 40 + b"</f>"


def test_the_tag_of_a_delta_is_not_modified_next_time_even_when_compression_is_welcome() -> None:
    tag = header(ask(fields=[(AIM, "feed"), (INM, f'"{OLD}"')]), "etag")
    assert ask(fields=[(AE, "gzip, br, zstd"), (AIM, "feed"), (INM, tag)]).status == 304


def test_a_delta_larger_than_the_compressed_document_is_not_sent() -> None:
    small = dataclasses.replace(RESOURCE.variants["gzip"], length=50)
    resource = dataclasses.replace(RESOURCE, variants={**RESOURCE.variants, "gzip": small})
    fields = [(AIM, "feed"), (INM, f'"{OLD}"')]
    assert ask(fields=[*fields, (AE, "gzip")], resource=resource).status == 200
    assert ask(fields=fields, resource=resource).status == 226


def test_two_versions_of_one_second_cannot_be_told_apart_by_date() -> None:
    twin = dataclasses.replace(VERSIONS[OLD], etag="ee55", last_modified=VERSIONS[OLD].last_modified + timedelta(microseconds=9))
    fields = [(AIM, "feed"), (IMS, OLD_DATE)]
    assert ask(fields=fields).status == 226
    assert ask(fields=fields, versions={**VERSIONS, "ee55": twin}).status == 200


def test_without_deltas_nothing_varies_by_a_im() -> None:
    resource = dataclasses.replace(RESOURCE, document=None)
    answer = ask(fields=[(AIM, "feed"), (INM, f'"{OLD}"')], resource=resource)
    assert answer.status == 200
    assert header(answer, "vary") == "Accept-Encoding, Sec-Fetch-Dest"


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ([], "application/atom+xml; charset=utf-8"),
        ([("Sec-Fetch-Dest", "document")], "application/xml; charset=utf-8"),
        ([("sec-fetch-dest", " Document ")], "application/xml; charset=utf-8"),
        ([("Sec-Fetch-Dest", "empty")], "application/atom+xml; charset=utf-8"),
        ([("Sec-Fetch-Dest", "iframe")], "application/atom+xml; charset=utf-8"),
        ([("Sec-Fetch-Dest", "documents")], "application/atom+xml; charset=utf-8"),
        ([("Sec-Fetch-Dest", "")], "application/atom+xml; charset=utf-8"),
    ],
)
def test_the_type_for_navigation(destination: Lines, expected: object) -> None:
    answer = ask(fields=destination)
    assert header(answer, "content-type") == expected
    assert header(answer, "etag") == '"aa11"'
    switched_off = ask(fields=destination, resource=dataclasses.replace(RESOURCE, browser_type=None))
    assert header(switched_off, "content-type") == "application/atom+xml; charset=utf-8"
    assert header(switched_off, "vary") == "Accept-Encoding, A-IM"


@pytest.mark.parametrize(("method", "fields", "status"), TABLE)
def test_vary_does_not_depend_on_the_request(method: str, fields: Lines, status: int) -> None:
    expected = {200: "Accept-Encoding, Sec-Fetch-Dest, A-IM", 204: None, 405: None}
    expected[226] = expected[200] + ", If-None-Match, If-Modified-Since"
    assert header(ask(method, fields), "vary") == expected.get(status, expected[200])


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "BREW"])
def test_allow(method: str) -> None:
    assert header(ask(method), "allow") == "GET, HEAD, OPTIONS"


def test_a_web_reader_may_ask_with_validators() -> None:
    answer = ask("OPTIONS", [("Origin", "https://reader.example"), ("Access-Control-Request-Headers", "if-none-match")])
    assert "If-None-Match" in header(answer, "access-control-allow-headers")
    assert "A-IM" in header(answer, "access-control-allow-headers")
    assert header(answer, "access-control-allow-origin") == "*"


@pytest.mark.parametrize(("method", "fields", "status"), TABLE)
def test_every_answer_has_a_date_and_is_readable_across_origins(method: str, fields: Lines, status: int) -> None:
    answer = ask(method, fields)
    assert answer.status == status
    assert header(answer, "date") == "Sat, 01 Aug 2026 12:00:00 GMT"
    assert header(answer, "access-control-allow-origin") == "*"
    assert all(name == name.lower() for name, _ in answer.headers)


def test_last_modified_is_never_later_than_date() -> None:
    # Said as of now it would be the date of the version before, for a version that came a moment after that.
    assert header(ask(now=MODIFIED - timedelta(microseconds=1)), "last-modified") is None
    assert header(ask(now=MODIFIED), "last-modified") == header(ask(now=MODIFIED), "date")


def test_an_archive_is_fresh_for_a_year() -> None:
    resource = dataclasses.replace(RESOURCE, immutable=True, next_change=NOW)
    assert header(ask(resource=resource), "cache-control") == "public, max-age=31536000, immutable"


def test_no_link_field_without_links() -> None:
    assert header(ask(resource=dataclasses.replace(RESOURCE, links=())), "link") is None


def test_too_many() -> None:
    answer = conditional.too_many(90, NOW)
    assert answer.status == 429
    assert header(answer, "retry-after") == "90"
    assert header(answer, "cache-control") == "no-store"


def test_a_resource_needs_a_plain_variant_and_an_aware_date() -> None:
    with pytest.raises(ValueError, match="identity"):
        dataclasses.replace(RESOURCE, variants={})
    with pytest.raises(ValueError, match="UTC"):
        dataclasses.replace(RESOURCE, last_modified=datetime(2026, 8, 1))


@pytest.mark.parametrize(
    ("interval", "seconds", "expected"),
    [
        (1800, None, 1800),
        (1800, 7200, 1800),
        (1800, 1801, 1800),
        (1800, 1800, 1800),
        (1800, 1799, 1799),
        (1800, 60.2, 61),
        (1800, 5, 5),
        (1800, 4.9, 5),
        (1800, 1, 5),
        (1800, 0, 5),
        (1800, -1, 5),
        (1800, -86400, 5),
        (3, None, 3),
        (3, 1, 3),
        (0, 60, 0),
        (-5, None, 0),
        (-5, 60, 0),
    ],
)
def test_max_age(interval: int, seconds: float | None, expected: object) -> None:
    change = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert conditional.max_age(interval, change, NOW) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('"a"', [("a", False)]),
        ('W/"a"', [("a", True)]),
        ('"a", W/"b",c', [("a", False), ("b", True), ("c", False)]),
        ('"a,b"', [("a,b", False)]),
        ('""', [("", False)]),
        ("*", []),
        ('"*"', [("*", False)]),
        ("", []),
        ('"a', [("a", False)]),
        ('"a"b"c"', [("a", False), ("b", False), ("c", False)]),
    ],
)
def test_entity_tags(value: str, expected: object) -> None:
    assert [(tag.opaque, tag.weak) for tag in conditional.entity_tags(value)] == expected


TAG = st.builds(
    '{}"{}{}"'.format,
    st.sampled_from(["", "W/"]),
    st.sampled_from([DIGEST, OLD, "cc33", "x"]),
    st.sampled_from(["", "-gzip", "-br", "--gzip", ";br", "-zstd"]),
)
FIELD = st.one_of(
    st.tuples(st.just(INM), st.lists(TAG, max_size=3).map(", ".join) | st.just("*")),
    st.tuples(st.just(IMS), st.sampled_from([LAST_MODIFIED, BEFORE, AFTER, FUTURE, OLD_DATE, "rubbish"])),
    st.tuples(st.just(AE), st.sampled_from(["gzip", "br, gzip", "identity;q=0, gzip", "*", "*;q=0", "zstd;q=0.5, br;q=0.4", ""])),
    st.tuples(st.just(AIM), st.sampled_from(["feed", "gzip", "feed;q=0"])),
    st.tuples(st.sampled_from([INM, IMS, IM, IUS, AE, AIM, "Sec-Fetch-Dest", "Range", "X"]), st.text(max_size=30)),
)
FIELDS = st.lists(FIELD, max_size=5)


@given(st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]) | st.text(max_size=8), FIELDS)
def test_any_request_gets_an_answer_that_can_be_sent(method: str, fields: Lines) -> None:
    answer = ask(method, fields)
    assert answer.status in {200, 204, 226, 304, 405, 406, 412}
    assert all(value.isascii() and value.isprintable() for _, value in answer.headers)
    assert len({name for name, _ in answer.headers}) == len(answer.headers)


@given(FIELDS)
def test_the_coding_sent_is_acceptable(fields: Lines) -> None:
    answer = ask(fields=fields)
    lines = [value for name, value in fields if name == AE]
    accepted = acceptance(", ".join(lines) if lines else None)
    if answer.status in {200, 226}:
        assert weight(accepted, answer.coding or "identity")
    assert (answer.status == 406) == (choose(accepted, RESOURCE.variants) is None)


@given(FIELDS)
def test_not_modified_only_for_who_holds_the_current_version(fields: Lines) -> None:
    answer = ask(fields=fields)
    held = [value for name, value in fields if name == INM]
    since = [value for name, value in fields if name == IMS]
    if answer.status == 304:
        if held:
            assert DIGEST in ",".join(held) or "*" in ",".join(held)
        else:
            assert since in ([LAST_MODIFIED], [AFTER])


@given(
    st.sampled_from([None, "gzip", "br, gzip", "zstd", "gzip, identity;q=0", "*", "deflate", ""]), st.sampled_from(["{}", "W/{}"])
)
def test_what_was_sent_is_not_modified_when_asked_for_again(accept: str | None, pattern: str) -> None:
    fields = [] if accept is None else [(AE, accept)]
    first = ask(fields=fields)
    again = ask(fields=[*fields, (INM, pattern.format(header(first, "etag")))])
    assert again.status == 304
    assert header(again, "etag") == header(first, "etag")
    dated = ask(fields=[*fields, (IMS, header(first, "last-modified"))])
    assert dated.status == 304
