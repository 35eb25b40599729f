from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.web.fairness import (
    Allowance,
    Limits,
    PollerState,
    Reason,
    Request,
    Verdict,
    client_address,
    judge,
    poller_network,
    trusted_proxies,
)

Steps = Sequence[tuple[float, Request]]
Field = Literal["x-forwarded-for", "forwarded"]

START = datetime(2026, 8, 1, tzinfo=UTC)
LIMITS = Limits(
    waste=Allowance(interval=timedelta(minutes=30), burst=3),
    visits=Allowance(interval=timedelta(seconds=10), burst=5),
)
FULL = Request(status=200, with_body=True, version="v1")
OTHER = Request(status=200, with_body=True, version="v2")
HEAD = Request(status=200, with_body=False, version="v1")
SAME = Request(status=304, with_body=False, version="v1")
DELTA = Request(status=226, with_body=True, version="v2")


def run(steps: Steps, limits: Limits = LIMITS) -> list[Verdict]:
    """steps: (seconds since the start, request) → verdicts."""
    state, verdicts = None, []
    for seconds, request in steps:
        state, verdict = judge(state, request, START + timedelta(seconds=seconds), limits)
        verdicts.append(verdict)
    return verdicts


def served(steps: Steps, limits: Limits = LIMITS) -> list[bool]:
    return [verdict.served for verdict in run(steps, limits)]


@pytest.mark.parametrize("request_", [FULL, HEAD, SAME, DELTA])
def test_a_first_visit_is_served(request_: Request) -> None:
    tight = Limits(
        waste=Allowance(interval=timedelta(days=1), burst=1),
        visits=Allowance(interval=timedelta(days=1), burst=1),
    )
    assert served([(0, request_)], tight) == [True]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # the first body is no waste, three more are the allowance
        ([(at * 60, FULL) for at in range(5)], [True] * 4 + [False]),
        # one every half hour for ever is within it
        ([(at * 1800, FULL) for at in range(40)], [True] * 40),
        # one every quarter of an hour uses it up in the end
        ([(at * 900, FULL) for at in range(8)], [True] * 6 + [False, True]),
        # validators cost nothing of it
        ([(at * 60, SAME) for at in range(200)], [True] * 200),
        ([(0, FULL)] + [(at * 10, SAME) for at in range(1, 200)], [True] * 200),
        # HEAD has no body
        ([(at * 60, HEAD) for at in range(200)], [True] * 200),
        # deltas are no waste
        ([(at * 60, DELTA) for at in range(200)], [True] * 200),
        # a new version is no waste, however often there is one
        ([(at * 60, Request(status=200, with_body=True, version=f"v{at}")) for at in range(200)], [True] * 200),
        # waste of one version, then a new version, then waste of that one
        (
            [(0, FULL), (60, FULL), (120, FULL), (180, FULL), (240, FULL), (300, OTHER), (360, OTHER)],
            [True, True, True, True, False, True, False],
        ),
        # any request in a loop
        ([(at, SAME) for at in range(8)], [True] * 5 + [False] * 3),
        ([(0, SAME)] * 6 + [(10, SAME), (20, SAME)], [True] * 5 + [False, True, True]),
    ],
)
def test_sequences(steps: Steps, expected: object) -> None:
    assert served(steps) == expected


def test_a_refusal_says_when_and_why() -> None:
    waste = run([(at * 60, FULL) for at in range(5)])[-1]
    # The allowance was whole at 0:01; three units of 30 minutes are spent, the next one comes 30 minutes after 0:01.
    assert (waste.retry_after, waste.reason) == (1800 - 180, Reason.WASTE)
    visits = run([(0, SAME)] * 6)[-1]
    assert (visits.retry_after, visits.reason) == (10, Reason.VISITS)


def test_knocking_while_refused_does_not_make_it_worse() -> None:
    steps = [(at * 60, FULL) for at in range(5)]
    impatient = [(240 + at * 20, FULL) for at in range(60)]
    assert served([*steps, *impatient, (1860, FULL)])[-1]


def test_a_clock_set_back_costs_no_more_than_one_allowance() -> None:
    state = PollerState(version="v1", waste=START + timedelta(days=400), visits=START + timedelta(days=400))
    _, verdict = judge(state, FULL, START, LIMITS)
    assert not verdict.served
    assert verdict.retry_after == 1800


@pytest.mark.parametrize(("burst", "interval"), [(0, 1), (-1, 1), (1, -1)])
def test_an_allowance_that_refuses_everybody_is_a_bug(burst: int, interval: int) -> None:
    with pytest.raises(ValueError, match="allowance"):
        Allowance(interval=timedelta(seconds=interval), burst=burst)


REQUESTS = st.builds(
    Request, status=st.sampled_from([200, 226, 304]), with_body=st.booleans(), version=st.sampled_from(["v1", "v2"])
)
STEPS = st.lists(st.tuples(st.integers(min_value=0, max_value=4000), REQUESTS), max_size=30)


@given(STEPS)
def test_who_waits_as_told_is_served(gaps: Steps) -> None:
    state, now = None, START
    for gap, request in gaps:
        now += timedelta(seconds=gap)
        before = state
        state, verdict = judge(state, request, now, LIMITS)
        assert verdict.served == (verdict.retry_after is None) == (verdict.reason is None)
        if not verdict.served:
            assert state == before is not None
            assert verdict.retry_after >= 1
            _, later = judge(state, request, now + timedelta(seconds=verdict.retry_after), LIMITS)
            assert later.served


@given(STEPS)
def test_waste_is_the_only_thing_that_costs_more_than_a_visit(gaps: Steps) -> None:
    """Someone who leaves ten seconds between requests and never takes a version twice is always served."""
    state, now = None, START
    for version, (gap, request) in enumerate(gaps):
        now += timedelta(seconds=10 + gap)
        fresh = Request(status=request.status, with_body=request.with_body, version=f"n{version}")
        state, verdict = judge(state, fresh, now, LIMITS)
        assert verdict.served


PROXY = "10.0.0.1"
XFF = "X-Forwarded-For"
OWN = ["10.0.0.0/8", "fd00::/8", "unix:"]


@pytest.mark.parametrize(
    ("peer", "fields", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", [(XFF, "198.51.100.1")], "192.0.2.1"),
        (PROXY, [], PROXY),
        (PROXY, [(XFF, "")], PROXY),
        (PROXY, [(XFF, "192.0.2.1")], "192.0.2.1"),
        (PROXY, [(XFF, "198.51.100.1, 192.0.2.1")], "192.0.2.1"),
        (PROXY, [(XFF, "198.51.100.1"), (XFF, "192.0.2.1")], "192.0.2.1"),
        (PROXY, [(XFF, "192.0.2.1, 10.0.0.2")], "192.0.2.1"),
        (PROXY, [(XFF, "198.51.100.1, 192.0.2.1, 10.0.0.3, 10.0.0.2")], "192.0.2.1"),
        (PROXY, [(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        (PROXY, [(XFF, "10.0.0.9, 192.0.2.1, 10.0.0.2")], "192.0.2.1"),
        (PROXY, [(XFF, "192.0.2.1, unknown")], PROXY),
        (PROXY, [(XFF, "192.0.2.1, _hidden, 10.0.0.2")], "10.0.0.2"),
        (PROXY, [(XFF, "192.0.2.1,")], PROXY),
        (PROXY, [(XFF, "192.0.2.1:4711")], "192.0.2.1"),
        (PROXY, [(XFF, "2001:db8::1")], "2001:db8::1"),
        (PROXY, [(XFF, "2001:DB8:0:0::1")], "2001:db8::1"),
        (PROXY, [(XFF, "[2001:db8::1]:4711")], "2001:db8::1"),
        (PROXY, [(XFF, "[2001:db8::1]")], "2001:db8::1"),
        (PROXY, [(XFF, '"[2001:db8::1]:80"')], "2001:db8::1"),
        (PROXY, [(XFF, "::ffff:192.0.2.1")], "192.0.2.1"),
        (PROXY, [(XFF, '"198.51.100.1, 192.0.2.1')], "192.0.2.1"),
        (PROXY, [(XFF, "192.0.2.999")], PROXY),
        (PROXY, [(XFF, "010.0.0.1")], PROXY),
        (PROXY, [(XFF, "localhost")], PROXY),
        (PROXY, [("Forwarded", "for=192.0.2.1")], PROXY),
        (PROXY, [("X-Real-IP", "192.0.2.1")], PROXY),
        ("::ffff:10.0.0.1", [(XFF, "192.0.2.1")], "192.0.2.1"),
        ("fd00::1", [(XFF, "192.0.2.1")], "192.0.2.1"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("2001:db8::1", [(XFF, "192.0.2.1")], "2001:db8::1"),
        (None, [], "unix:"),
        ("", [], "unix:"),
        ("unix:/run/feeds.sock", [], "unix:"),
        (None, [(XFF, "192.0.2.1")], "192.0.2.1"),
        ("unix:", [(XFF, "198.51.100.1, 192.0.2.1")], "192.0.2.1"),
        ("testclient", [(XFF, "192.0.2.1")], "testclient"),
    ],
)
def test_client_address(peer: str | None, fields: list[tuple[str, str]], expected: object) -> None:
    assert client_address(peer, fields, trusted_proxies(OWN)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=192.0.2.1;proto=https;by=10.0.0.1", "192.0.2.1"),
        ("proto=https; FOR=192.0.2.1", "192.0.2.1"),
        ('for="192.0.2.1:4711"', "192.0.2.1"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="[2001:db8::1]"', "2001:db8::1"),
        ("for=198.51.100.1, for=192.0.2.1", "192.0.2.1"),
        ("for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
        ("for=unknown", PROXY),
        ("for=_abc", PROXY),
        ("proto=https", PROXY),
        ("", PROXY),
        # a quote that the client left open swallows nothing of what the proxy added
        ('for="198.51.100.1, for=192.0.2.1', "192.0.2.1"),
        ('for="198.51.100.1, for="[2001:db8::1]"', "2001:db8::1"),
        ('host="a;for=198.51.100.1";for=192.0.2.1', "192.0.2.1"),
        ('for=192.0.2.1;host="a,for=198.51.100.1"', "192.0.2.1"),
        ('for=192.0.2.1;host="a\\",for=198.51.100.1"', "192.0.2.1"),
    ],
)
def test_forwarded(value: str, expected: object) -> None:
    proxies = trusted_proxies(OWN, field="forwarded")
    assert client_address(PROXY, [("Forwarded", value), (XFF, "203.0.113.9")], proxies) == expected


def test_without_trusted_proxies_nobody_speaks_for_another() -> None:
    nobody = trusted_proxies([])
    for peer in ("10.0.0.1", "127.0.0.1", "::1"):
        assert client_address(peer, [(XFF, "192.0.2.1")], nobody) == peer
    assert client_address(None, [(XFF, "192.0.2.1")], nobody) == "unix:"


@pytest.mark.parametrize("entry", ["proxy.example", "10.0.0.0/40", "", "10.0.0"])
def test_a_trusted_proxy_that_cannot_be_read(entry: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        trusted_proxies([entry])


CLIENT_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60) | st.sampled_from(
    ['for="', "10.0.0.2", "for=10.0.0.2;", '"', '\\"', "10.0.0.2, 10.0.0.3", 'for="\\']
)


@given(CLIENT_TEXT, st.sampled_from(["x-forwarded-for", "forwarded"]), st.booleans())
def test_no_client_can_say_it_is_another(forged: str, field: Field, own_line: bool) -> None:
    """The proxy appends the true address, in the same line or a new one; what the client had sent makes no difference."""
    added = "192.0.2.1" if field == "x-forwarded-for" else 'for="192.0.2.1:99";proto=https'
    fields = [(field, forged), (field, added)] if own_line else [(field, f"{forged}, {added}")]
    assert client_address(PROXY, fields, trusted_proxies(OWN, field=field)) == "192.0.2.1"


@given(st.text(max_size=30), st.lists(st.tuples(st.sampled_from([XFF, "Forwarded"]), st.text(max_size=40)), max_size=3))
def test_any_header_text_gives_an_address(peer: str | None, fields: list[tuple[str, str]]) -> None:
    for field in ("x-forwarded-for", "forwarded"):
        assert isinstance(client_address(peer, fields, trusted_proxies(["0.0.0.0/0", "::/0", "unix"], field=field)), str)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix:", "unix:"),
    ],
)
def test_poller_network(address: str, expected: object) -> None:
    assert poller_network(address) == expected
