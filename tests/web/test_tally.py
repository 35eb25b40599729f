from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.web.readers import identify
from feedservice.web.tally import CAPACITY, WINDOW, WORST, FeedReport, Observation, Tally, add, client_token, report

START = datetime(2026, 8, 1, tzinfo=UTC)
EMPTY = Tally(since=START)


def seen(
    user_agent: str = "MyReader/1", *, client: str = "c", feed: str = "all", form: str = "atom", hours: float = 0.0, **facts: Any
) -> Observation:
    facts = {"conditional": True, "status": 304, "sent": 0, "full": 1000} | facts
    return Observation(
        feed=feed, format=form, reader=identify(user_agent), client=client, at=START + timedelta(hours=hours), **facts
    )


def feed_report(observations: list[Observation], hours: float = 1.0, feed: str = "all") -> FeedReport:
    made = report(add(EMPTY, observations), START + timedelta(hours=hours))
    return next(line for line in made.feeds if line.feed == feed)


def people(observations: list[Observation], hours: float = 1.0) -> dict[str, int]:
    return {line.reader: line.subscribers for line in feed_report(observations, hours).readers}


@pytest.mark.parametrize(
    ("facts", "sent", "saved"),
    [
        ({"status": 304}, 0, 1000),
        ({"status": 200, "sent": 1000}, 1000, 0),
        ({"status": 200, "sent": 300}, 300, 700),
        ({"status": 226, "sent": 100}, 100, 900),
        ({"status": 429}, 0, 0),
        ({"status": 412}, 0, 0),
        ({"status": 200, "sent": 1200}, 1200, 0),
    ],
)
def test_bytes(facts: Any, sent: int, saved: int) -> None:
    line = feed_report([seen(**facts)])
    assert (line.sent, line.saved) == (sent, saved)


def test_shares_and_counts() -> None:
    line = feed_report(
        [
            seen(),
            seen(),
            seen(status=226, sent=10),
            seen(status=429, conditional=False),
            seen(status=200, conditional=False, sent=1000),
        ]
    )
    assert (line.requests, line.deltas, line.refused) == (5, 1, 1)
    assert (line.conditional_share, line.not_modified_share) == (0.6, 0.4)


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ([seen("Feedly/1.0 (16 subscribers)")], {"Feedly": 16}),
        # two machines of one service
        ([seen("Feedly/1.0 (16 subscribers)", client="x"), seen("Feedly/1.0 (14 subscribers)", client="y")], {"Feedly": 16}),
        ([seen("Feedly/1.0 (16 subscribers)"), seen("Feedly/1.0 (18 subscribers)")], {"Feedly": 18}),
        # two formats of one feed, two feed ids
        ([seen("Feedly/1.0 (16 subscribers)"), seen("Feedly/1.0 (4 subscribers)", form="rss")], {"Feedly": 20}),
        ([seen("Feedbin feed-id:1 - 5 subscribers"), seen("Feedbin feed-id:2 - 3 subscribers")], {"Feedbin": 8}),
        # a service that states a figure is not counted by its machines as well
        ([seen("Feedly/1.0 (16 subscribers)"), seen("Feedly/1.0", client="x"), seen("Feedly/1.0", client="x")], {"Feedly": 16}),
        # a person is a client that comes back
        ([seen("newsboat/2.21")], {}),
        ([seen("newsboat/2.21"), seen("newsboat/2.21")], {"Newsboat": 1}),
        ([seen("newsboat/2.21", client=c) for c in "aabbb"], {"Newsboat": 2}),
        ([seen("Miniflux/2", client=c) for c in "aabb"], {"Miniflux": 2}),
        ([seen("Mozilla/5.0 AppleWebKit/1 Safari/1")] * 3, {}),
        ([seen("Googlebot/2.1")] * 3, {}),
        ([seen("Feedly/1.0 (0 subscribers)")], {"Feedly": 0}),
    ],
)
def test_people(observations: list[Observation], expected: dict[str, int]) -> None:
    assert people(observations) == expected
    assert feed_report(observations).subscribers == sum(expected.values())


def test_who_is_not_seen_any_more_does_not_count() -> None:
    observations = [seen("Feedly/1.0 (16 subscribers)"), seen("newsboat/2", client="n"), seen("newsboat/2", client="n")]
    week = WINDOW.total_seconds() / 3600
    assert people(observations, week) == {"Feedly": 16, "Newsboat": 1}
    assert people(observations, week + 0.1) == {}


def test_a_smaller_figure_counts_once_the_larger_is_old() -> None:
    week = WINDOW.total_seconds() / 3600
    high, low = "Feedly/1.0 (16 subscribers)", "Feedly/1.0 (4 subscribers)"
    assert people([seen(high), seen(low, hours=week)], week) == {"Feedly": 16}
    assert people([seen(high), seen(low, hours=week + 1)], week + 1) == {"Feedly": 4}


def test_feeds_are_told_apart_and_sorted() -> None:
    made = report(add(EMPTY, [seen(feed="b"), seen(feed="a"), seen(feed="b")]), START)
    assert [(line.feed, line.requests) for line in made.feeds] == [("a", 1), ("b", 2)]


def test_worst_pollers() -> None:
    rude = [seen("Rude/1", client="rude", conditional=False, status=200, sent=1000) for _ in range(5)]
    worse = [seen("Worse/1", client="worse", conditional=False, status=200, sent=1000) for _ in range(9)]
    once = [seen("Once/1", client="once", conditional=False, status=200, sent=1000)]
    polite = [seen("Polite/1", client="polite") for _ in range(50)]
    made = report(add(EMPTY, [*rude, *worse, *once, *polite]), START)
    assert [(poller.client, poller.reader, poller.unconditional, poller.sent) for poller in made.worst] == [
        ("worse", "Worse", 9, 9000),
        ("rude", "Rude", 5, 5000),
    ]


def test_a_report_names_ten_pollers() -> None:
    crowd = [seen("Rude/1", client=str(at), conditional=False) for at in range(30) for _ in range(2)]
    assert len(report(add(EMPTY, crowd), START).worst) == WORST


def test_adding_leaves_the_old_tally_as_it_was() -> None:
    first = add(EMPTY, [seen("Feedly/1.0 (1 subscriber)")])
    before = report(first, START)
    add(first, [seen("Feedly/1.0 (5 subscribers)", feed="all"), seen(feed="other")])
    assert report(first, START) == before
    assert report(EMPTY, START).feeds == ()


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    batch = [seen(f"Liar{at}/1 ({at} subscribers)", client=str(at), hours=at / 3600) for at in range(CAPACITY + 50)]
    counts = add(EMPTY, batch).feeds["all"]
    assert len(counts.clients) == len(counts.audiences) == CAPACITY
    assert "49" not in counts.clients
    assert {"50", str(CAPACITY + 49)} <= set(counts.clients)
    assert counts.requests == CAPACITY + 50


OBSERVATIONS = st.lists(
    st.builds(
        seen,
        st.sampled_from(["Feedly/1.0 (16 subscribers)", "Feedly/1.0 (9 subscribers)", "newsboat/2", "Googlebot/2.1", ""]),
        client=st.sampled_from("abc"),
        feed=st.sampled_from(["all", "x"]),
        hours=st.just(0.0),
        conditional=st.booleans(),
        status=st.sampled_from([200, 226, 304, 429]),
        sent=st.integers(min_value=0, max_value=2000),
    ),
    max_size=20,
)


@given(OBSERVATIONS, st.integers(min_value=0, max_value=20))
def test_batches_add_up(observations: list[Observation], cut: int) -> None:
    whole = add(EMPTY, observations)
    assert add(add(EMPTY, observations[:cut]), observations[cut:]) == whole
    made = report(whole, START)
    assert sum(line.requests for line in made.feeds) == len(observations)
    assert sum(line.sent for line in made.feeds) == sum(observation.sent for observation in observations)
    assert all(0 <= line.not_modified_share <= 1 and 0 <= line.conditional_share <= 1 for line in made.feeds)


def test_tokens_depend_on_key_address_and_program() -> None:
    tokens = {
        client_token(key, address, agent)
        for key in (b"k1", b"k2")
        for address in ("192.0.2.1", "192.0.2.2")
        for agent in ("a", "b", "\ud800")
    }
    assert len(tokens) == 12
    assert all(len(token) == 16 and int(token, 16) >= 0 for token in tokens)
    assert client_token(b"k1", "192.0.2.1", "a") == client_token(b"k1", "192.0.2.1", "a")
