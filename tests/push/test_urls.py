"""URLs of strangers, forms, and budgets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.push import budgets, forms, urls
from feedservice.push.budgets import Budget

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://example.org/%7Euser/%61b", "https://example.org/~user/ab"),
        ("https://example.org/a%2Fb%3Fc%20d", "https://example.org/a%2Fb%3Fc%20d"),
        ("https://example.org/%e3%81%82", "https://example.org/%e3%81%82"),
        ("https://example.org/%2", "https://example.org/%2"),
        ("https://example.org/%%41", "https://example.org/%A"),
    ],
)
def test_only_what_needs_no_encoding_is_decoded(url: str, plain: str) -> None:
    assert urls.plain(url) == plain


@pytest.mark.parametrize(
    "url", ["http://example.org", "HTTPS://example.org/x?y=1&y=2", "https://example.org:8443/", "http://[2001:db8::1]:80/a"]
)
def test_a_url_that_may_be_called(url: str) -> None:
    assert urls.fault(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "blanks"),
        ("https://example.org/\n", "blanks"),
        ("https://example.org/a b", "blanks"),
        ("https://example.org/\x00", "blanks"),
        ("https://日本.example/", "percent-encoded"),
        ("https:\\\\example.org", "percent-encoded"),
        ("https://example.org/" + "a" * 2048, "longer than 2048"),
        ("http://[::1", "no URL"),
        ("https://example.org:99999/", "no URL"),
        ("https://example.org:0/", "no host"),
        ("https:///path", "no host"),
        ("ftp://example.org/", "no http"),
        ("javascript:alert(1)", "no http"),
        ("//example.org/", "no http"),
        ("https://user:pw@example.org/", "user name"),
        ("https://@example.org/", "user name"),
        ("https://example.org/#part", "fragment"),
    ],
)
def test_a_url_that_may_not(url: str, words: str) -> None:
    assert words in (urls.fault(url) or "")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.ORG/x", "example.org:443"),
        ("http://example.org.:8080", "example.org:8080"),
        ("http://[2001:DB8::1]/", "2001:db8::1:80"),
    ],
)
def test_a_host_is_named_in_one_way(url: str, host: str) -> None:
    assert urls.host_of(url) == host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/p", "https://h/p?hub.mode=a%26b"),
        ("https://h/p?", "https://h/p?hub.mode=a%26b"),
        ("https://h/p?x=%20y", "https://h/p?x=%20y&hub.mode=a%26b"),
        ("https://h/p?hub.mode=own", "https://h/p?hub.mode=own&hub.mode=a%26b"),
        ("https://h/p?x=1&", "https://h/p?x=1&hub.mode=a%26b"),
    ],
)
def test_a_query_is_kept_and_added_to(url: str, expected: str) -> None:
    assert urls.appended(url, [("hub.mode", "a&b")]) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_added_is_read_back(value: str) -> None:
    query = urlsplit(urls.appended("https://h/?a=1", [("hub.topic", value)])).query
    assert parse_qsl(query, keep_blank_values=True) == [("a", "1"), ("hub.topic", value)]


def test_a_form_is_read() -> None:
    found = forms.read("Application/X-WWW-Form-URLencoded ; charset=UTF-8", b"a=1&b=&a=%E3%81%82+x&unknown=%26")
    assert found == {"a": ("1", "あ x"), "b": ("",), "unknown": ("&",)}


@pytest.mark.parametrize("charset", ["", ";charset=utf8", '; charset="utf-8"'])
def test_utf8_may_be_said(charset: str) -> None:
    assert forms.read(forms.FORM + charset, b"a=1") == {"a": ("1",)}


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        ("application/json", b"{}", "must be application/x-www-form-urlencoded"),
        ("", b"a=1", "must be application/x-www-form-urlencoded"),
        ("multipart/form-data; boundary=x", b"a=1", "must be application/x-www-form-urlencoded"),
        (forms.FORM + "; charset=iso-8859-1", b"a=1", "must be in UTF-8"),
        (forms.FORM, b"a=\xff", "not in UTF-8"),
        (forms.FORM, b"a=%FF", "not in UTF-8"),
        (forms.FORM, b"a=" + b"x" * forms.LONGEST, "longer than"),
        (forms.FORM, b"a&" * 101, "more than 100"),
    ],
)
def test_what_is_no_form(content_type: str, body: bytes, words: str) -> None:
    with pytest.raises(forms.FormError, match=words):
        forms.read(content_type, body)


@given(st.binary(max_size=300))
def test_no_body_crashes(body: bytes) -> None:
    try:
        forms.read(forms.FORM, body)
    except forms.FormError:
        return


def test_a_form_is_written() -> None:
    assert forms.written(hub_mode="publish", url="https://h/?a=b&c") == b"hub.mode=publish&url=https%3A%2F%2Fh%2F%3Fa%3Db%26c"


def test_a_budget_lets_a_burst_through_and_then_one_at_a_time() -> None:
    budget, whole = Budget(interval=6, burst=3), None
    for _ in range(3):
        whole, wait = budgets.spend(whole, NOW, budget)
        assert wait == 0
    assert budgets.spend(whole, NOW, budget)[1] == 6
    assert budgets.spend(whole, NOW + timedelta(seconds=5), budget)[1] == 1
    assert budgets.spend(whole, NOW + timedelta(seconds=6), budget)[1] == 0


def test_a_refusal_costs_nothing() -> None:
    budget = Budget(interval=10, burst=1)
    whole, _ = budgets.spend(None, NOW, budget)
    for _ in range(100):
        whole, wait = budgets.spend(whole, NOW, budget)
        assert wait == 10


def test_a_clock_set_back_leaves_no_longer_debt_than_a_full_budget() -> None:
    budget = Budget(interval=10, burst=2)
    whole, _ = budgets.spend(None, NOW + timedelta(days=300), budget)
    assert budgets.spend(whole, NOW, budget)[1] <= 20


@given(st.lists(st.floats(0, 30), max_size=80))
def test_over_any_time_no_more_than_the_budget_is_spent(pauses: list[float]) -> None:
    budget, whole, now, spent = Budget(interval=5, burst=4), None, NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        whole, wait = budgets.spend(whole, now, budget)
        spent += wait == 0
        assert spent <= budget.burst + (now - NOW).total_seconds() / budget.interval + 1e-3


@pytest.mark.parametrize("budget", [{"interval": 0, "burst": 1}, {"interval": 1, "burst": 0}])
def test_a_budget_that_lets_nothing_through_is_a_bug(budget: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="lets something through"):
        Budget(**budget)
