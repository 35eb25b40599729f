from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from typing import Any, Literal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.web.target import LONGEST, Refusal, Target, resolve

Form = Literal["NFC", "NFD"]

OWN = frozenset({"example.org", "127.0.0.1:8080", "[::1]:8080"})
HOST = ("example.org",)


def ask(
    target: bytes, hosts: Sequence[str] = HOST, *, method: str = "GET", own: Collection[str] = OWN, **options: Any
) -> Target | Refusal:
    return resolve(method, target, hosts, own=own, **options)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/feeds/all.atom", "/feeds/all.atom", ""),
        (b"/feeds/all.atom?x=1", "/feeds/all.atom", "x=1"),
        (b"/feeds/all.atom?", "/feeds/all.atom", ""),
        (b"/feeds/all.atom?a=/../&b=%00", "/feeds/all.atom", "a=/../&b=%00"),
        (b"/feeds/all.atom?a?b", "/feeds/all.atom", "a?b"),
        (b"/feeds/", "/feeds/", ""),
        (b"/%66eeds/all.atom", "/feeds/all.atom", ""),
        (b"/a%20b", "/a b", ""),
        (b"/a+b", "/a+b", ""),
        (b"/a:b@c;d=e,f", "/a:b@c;d=e,f", ""),
        (b"/%3Fq", "/?q", ""),
        (b"/%23f", "/#f", ""),
        (b"/100%25", "/100%", ""),
        (b"/%252e%252e/x", "/%2e%2e/x", ""),
        (b"/%252F", "/%2F", ""),
        (b"/...", "/...", ""),
        (b"/.well-known/x", "/.well-known/x", ""),
        (b"/a..b", "/a..b", ""),
        (b"/%E6%8A%95%E8%B3%87.xml", "/投資.xml", ""),
        (b"/%e6%8a%95%e8%b3%87.xml", "/投資.xml", ""),
        ("/投資.xml".encode(), "/投資.xml", ""),
        (quote(unicodedata.normalize("NFD", "/ガイド.xml")).encode(), "/ガイド.xml", ""),
        (quote("/ガイド.xml").encode(), "/ガイド.xml", ""),
        (b"/cafe%CC%81", "/café", ""),
        (b"/caf%C3%A9", "/café", ""),
        (b"http://example.org/feeds/all.atom?x", "/feeds/all.atom", "x"),
        (b"HTTP://EXAMPLE.org/a", "/a", ""),
        (b"https://example.org/a", "/a", ""),
        (b"http://example.org:80/a", "/a", ""),
        (b"http://example.org", "/", ""),
        (b"http://example.org?x", "/", "x"),
        (b"/http://example.org", None, None),
    ],
)
def test_own_targets(target: bytes, path: str | None, query: str | None) -> None:
    answer = ask(target)
    if path is None:
        assert isinstance(answer, Refusal)
    else:
        assert isinstance(answer, Target)
        assert (answer.path, answer.query) == (path, query)


@pytest.mark.parametrize(
    ("target", "status", "rule"),
    [
        (b"", 400, "target.form"),
        (b"feeds/all.atom", 400, "target.form"),
        (b"*", 400, "target.form"),
        (b"example.org:443", 400, "target.form"),
        (b"ftp://example.org/", 400, "target.form"),
        (b"?x", 400, "target.form"),
        (b"\\feeds", 400, "target.form"),
        (b"/a b", 400, "target.control"),
        (b"/a\tb", 400, "target.control"),
        (b"/a\x00b", 400, "target.control"),
        (b"/a\x7f", 400, "target.control"),
        (b"/a\r\nX: y", 400, "target.control"),
        (b"/a?b c", 400, "target.control"),
        (b"/a?b\x00", 400, "target.control"),
        (b"/%00", 400, "target.control"),
        (b"/a%00.atom", 400, "target.control"),
        (b"/a%0d%0aX:y", 400, "target.control"),
        (b"/%1b[2J", 400, "target.control"),
        (b"/%7F", 400, "target.control"),
        (b"/%C2%80", 400, "target.control"),
        (b"/%C2%9b", 400, "target.control"),
        (b"/a#b", 400, "target.fragment"),
        (b"http://example.org/a#b", 400, "target.form"),
        (b"/%", 400, "target.percent"),
        (b"/%4", 400, "target.percent"),
        (b"/%zz", 400, "target.percent"),
        (b"/%%41", 400, "target.percent"),
        (b"/%u0041", 400, "target.percent"),
        (b"/%+1", 400, "target.percent"),
        (b"/%\xe6\x8a", 400, "target.percent"),
        (b"/%2F", 404, "target.slash"),
        (b"/a%2fb", 404, "target.slash"),
        (b"/..%2f..%2fetc%2fpasswd", 404, "target.slash"),
        (b"/a\\b", 400, "target.backslash"),
        (b"/a%5Cb", 400, "target.backslash"),
        (b"/..%5c..%5cx", 400, "target.backslash"),
        (b"/%C0%AE%C0%AE/x", 400, "target.utf8"),
        (b"/%c0%af", 400, "target.utf8"),
        (b"/%E0%80%AF", 400, "target.utf8"),
        (b"/%F0%80%80%AF", 400, "target.utf8"),
        (b"/%C0%80", 400, "target.utf8"),
        (b"/%ED%A0%80", 400, "target.utf8"),
        (b"/%FF", 400, "target.utf8"),
        (b"/%E6%8A", 400, "target.utf8"),
        (b"/\xff", 400, "target.utf8"),
        (b"/%F4%90%80%80", 400, "target.utf8"),
        (b"/..", 404, "target.dots"),
        (b"/.", 404, "target.dots"),
        (b"/../etc/passwd", 404, "target.dots"),
        (b"/feeds/../../etc/passwd", 404, "target.dots"),
        (b"/feeds/./all.atom", 404, "target.dots"),
        (b"/feeds/..", 404, "target.dots"),
        (b"/%2e%2e/x", 404, "target.dots"),
        (b"/%2E./x", 404, "target.dots"),
        (b"/.%2e", 404, "target.dots"),
        (b"http://example.org/../x", 404, "target.dots"),
        (b"//", 404, "target.empty"),
        (b"//etc/passwd", 404, "target.empty"),
        (b"//evil.example/x", 404, "target.empty"),
        (b"/feeds//all.atom", 404, "target.empty"),
        (b"/feeds//", 404, "target.empty"),
        (b"http://evil.example/", 421, "target.foreign"),
        (b"http://example.org.evil.example/", 421, "target.foreign"),
        (b"http://user@example.org/", 400, "host.malformed"),
        (b"http://example.org@evil.example/", 400, "host.malformed"),
        (b"http:///a", 400, "host.malformed"),
        (b"http://example%2eorg/a", 400, "host.malformed"),
        (b"/" + b"a" * LONGEST, 414, "target.long"),
        (b"/?" + b"a" * LONGEST, 414, "target.long"),
    ],
)
def test_refused_targets(target: bytes, status: int, rule: str) -> None:
    answer = ask(target)
    assert isinstance(answer, Refusal)
    assert (answer.status, answer.rule) == (status, rule)
    assert answer.message.isprintable()


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["example.org"], "example.org"),
        (["EXAMPLE.ORG"], "example.org"),
        (["example.org."], "example.org"),
        (["example.org:80"], "example.org:80"),
        (["example.org:8443"], "example.org:8443"),
        (["example.org:"], "example.org"),
        ([" example.org "], "example.org"),
        (["127.0.0.1:8080"], "127.0.0.1:8080"),
        (["[::1]:8080"], "[::1]:8080"),
        (["127.0.0.1"], 421),
        (["127.0.0.1:8081"], 421),
        (["[::1]"], 421),
        (["[::1]:80"], 421),
        (["evil.example"], 421),
        (["example.org.evil.example"], 421),
        (["evil-example.org"], 421),
        (["localhost"], 421),
        ([], 400),
        ([""], 400),
        ([" "], 400),
        (["."], 400),
        ([":80"], 400),
        (["example.org", "example.org"], 400),
        (["example.org", "evil.example"], 400),
        (["example.org, evil.example"], 400),
        (["example.org/x"], 400),
        (["user@example.org"], 400),
        (["example.org:http"], 400),
        (["example.org:123456"], 400),
        (["example.org:80:80"], 400),
        (["exam ple.org"], 400),
        (["exa\0mple.org"], 400),
        (["http://example.org"], 400),
        (["[::1"], 400),
        (["例え.jp"], 400),
    ],
)
def test_hosts(hosts: Sequence[str], expected: object) -> None:
    answer = ask(b"/", hosts)
    assert (answer.status if isinstance(answer, Refusal) else answer.host) == expected


@pytest.mark.parametrize(
    ("own", "host", "is_own"),
    [
        (["example.org:80"], "example.org", True),
        (["example.org:443"], "example.org", True),
        (["example.org:8080"], "example.org", False),
        (["[2001:db8::1]"], "[2001:DB8::1]:9000", True),
        ([], "anything.example", True),
    ],
)
def test_ports_of_own_names(own: Collection[str], host: str, is_own: bool) -> None:
    assert isinstance(ask(b"/", [host], own=own), Target) == is_own


def test_the_host_of_an_absolute_target_replaces_the_field() -> None:
    answer = ask(b"http://example.org/a", ["evil.example"])
    assert answer == Target(path="/a", query="", host="example.org")
    assert ask(b"http://evil.example/a", ["example.org"]).status == 421
    assert ask(b"http://example.org/a", ["example.org", "example.org"]).status == 400
    assert ask(b"http://example.org/a", []).status == 400


def test_http_1_0_may_leave_the_host_out() -> None:
    assert ask(b"/a", [], host_required=False) == Target(path="/a", query="", host="")


def test_options_of_the_whole_server() -> None:
    assert ask(b"*", method="OPTIONS") == Target(path="*", query="", host="example.org")


def test_the_limit_is_inclusive() -> None:
    assert isinstance(ask(b"/" + b"a" * 9, longest=10), Target)
    assert ask(b"/" + b"a" * 10, longest=10).status == 414


NAME = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/\\"), min_size=1, max_size=12).filter(
    lambda name: unicodedata.normalize("NFC", name) not in {".", ".."}
)


@given(st.lists(NAME, max_size=4), st.sampled_from(["NFC", "NFD"]), st.booleans())
def test_every_encoding_of_a_path_finds_the_one_resource(names: list[str], form: Form, lower: bool) -> None:
    path = unicodedata.normalize("NFC", "/" + "/".join(names))
    encoded = "/" + "/".join(quote(unicodedata.normalize(form, name), safe="") for name in path[1:].split("/"))
    encoded = "".join(part.lower() if lower and at % 2 else part for at, part in enumerate(_escapes(encoded)))
    answer = ask(encoded.encode("ascii"))
    assert isinstance(answer, Target)
    assert answer.path == path


def _escapes(encoded: str) -> list[str]:
    """Split into (plain, escape, plain, escape, …)."""
    parts, rest = [], encoded
    while "%" in rest:
        at = rest.index("%")
        parts += [rest[:at], rest[at : at + 3]]
        rest = rest[at + 3 :]
    return [*parts, rest]


PIECE = st.sampled_from(
    [b"/", b"..", b".", b"%2e", b"%2f", b"%5c", b"\\", b"%00", b"%c0%ae", b"a", b"%", b"http://", b"example.org", b"?", b"#"]
)


@given(
    st.binary(max_size=60)
    | st.lists(PIECE, max_size=10).map(b"".join)
    | st.lists(PIECE, max_size=10).map(lambda p: b"/" + b"".join(p))
)
def test_no_target_leaves_its_place(target: bytes) -> None:
    answer = ask(target)
    if isinstance(answer, Refusal):
        assert answer.status in {400, 404, 414, 421}
    else:
        segments = answer.path[1:].split("/")
        assert answer.path.startswith("/")
        assert not {".", ".."} & set(segments)
        assert "" not in segments[:-1]
        assert not any(unicodedata.category(character) in {"Cc", "Cs"} or character == "\\" for character in answer.path)
        assert unicodedata.is_normalized("NFC", answer.path)


@given(st.lists(st.text(max_size=20) | st.from_regex(r"[A-Za-z0-9.:\[\]-]{0,12}", fullmatch=True), max_size=2))
def test_any_host_text_is_judged(hosts: Sequence[str]) -> None:
    answer = ask(b"/", hosts, own=())
    if isinstance(answer, Target):
        assert len(hosts) == 1
        assert answer.host
        assert answer.host.isascii()
        assert answer.host == answer.host.lower()
    else:
        assert answer.status == 400
