"""Who is told of what, kind by kind."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.deliveries import Delivery, Failure, Lane, Notice, State, TopicVersion, Trust
from feedservice.model import EntrySpan
from feedservice.push import announce, indexnow, outbox, signing, webhooks, weblogs, xmlrpc
from feedservice.push.kinds import Before, Terms
from feedservice.push.outbox import Reading, Verdict
from tests.push.conftest import Make

EVERYTHING = """\
  websub: {hubs: [https://hub.example/, https://other.example/publish]}
  xmlrpc: [https://ping.example/RPC2]
  microblog: on
  indexnow: {key_file: key.txt}
  webhooks:
  - {url: https://hook.example/in, events: [post.published, post.updated, post.removed]}
"""


def kinds(deliveries: tuple[Delivery, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in deliveries:
        found[each.kind] = found.get(each.kind, 0) + 1
    return found


def only(deliveries: tuple[Delivery, ...], kind: str) -> Delivery:
    (found,) = [each for each in deliveries if each.kind == kind]
    return found


# Who is told ------------------------------------------------------------------------------------------------------------


def test_a_new_post_is_told_to_everybody(make: Make) -> None:
    planned = announce.plan(make.occasion(EVERYTHING))
    assert kinds(planned) == {"websub": 6, "xmlrpc": 1, "microblog": 1, "indexnow": 1, "webhook": 1}
    assert all(each.state is State.QUEUED and each.lane is Lane.FIRST for each in planned)
    assert len({each.id for each in planned}) == len(planned)


@pytest.mark.parametrize(
    ("websub", "hubs"),
    [
        ("{hub: embedded}", set()),
        ("{hub: embedded, moved: 'https://new.example/'}", {"https://new.example/"}),
        ("{hub: embedded, moved: 'https://new.example/', hubs: ['https://new.example/', 'https://b.example/']}", None),
        ("{moved: 'https://new.example/'}", set()),
    ],
)
def test_a_hub_that_took_our_own_ones_place_is_told_once(make: Make, websub: str, hubs: set[str] | None) -> None:
    planned = announce.plan(make.occasion(f"  websub: {websub}\n"))
    wanted = {"https://new.example/", "https://b.example/"} if hubs is None else hubs
    assert sorted(each.target for each in planned) == sorted([*wanted] * 3)


def test_everything_waits_for_its_document_to_be_live(make: Make) -> None:
    assert all(
        each.topic.startswith("https://example.org/feeds/all.") and each.version == 2
        for each in announce.plan(make.occasion(EVERYTHING))
    )


def test_the_same_occasion_has_the_same_ids(make: Make) -> None:
    assert announce.plan(make.occasion(EVERYTHING)) == announce.plan(make.occasion(EVERYTHING))
    later = announce.plan(make.occasion(EVERYTHING, now=make.now + timedelta(seconds=1)))
    assert not {each.id for each in later} & {each.id for each in announce.plan(make.occasion(EVERYTHING))}


def test_nothing_is_configured_nobody_is_told(make: Make) -> None:
    assert announce.plan(make.occasion()) == ()


def test_a_first_version_is_a_baseline(make: Make) -> None:
    of = make.occasion(EVERYTHING, changes=(make.change(first=True),), published=(), quiet=(make.facts(),))
    assert announce.plan(of) == ()
    assert announce.announcement(of, ()).remembered == (make.facts(),)


def test_an_edit_is_told_to_hubs_search_engines_and_webhooks_but_not_to_weblogs(make: Make) -> None:
    changes = (make.change(new=(), changed=(make.facts().id,)),)
    planned = announce.plan(make.occasion(EVERYTHING, changes=changes, published=(), updated=(make.facts(),)))
    assert kinds(planned) == {"websub": 2, "indexnow": 1, "webhook": 1}


def test_a_feed_that_is_not_to_be_announced_is_not(make: Make) -> None:
    changes = (make.change(announce=False),)
    assert "websub" not in kinds(announce.plan(make.occasion(EVERYTHING, changes=changes)))


def test_a_post_that_is_not_to_be_announced_changes_its_topic_all_the_same(make: Make) -> None:
    quiet = make.facts(announce=False)
    planned = announce.plan(make.occasion(EVERYTHING, published=(quiet,), updated=(quiet,), removed=(quiet,)))
    assert kinds(planned) == {"websub": 6}


def test_what_is_removed_is_forgotten_and_the_rest_is_remembered(make: Make) -> None:
    one, two, three, four = (make.facts(number) for number in range(1, 5))
    of = make.occasion(published=(one,), updated=(two,), quiet=(three,), removed=(four,))
    found = announce.announcement(of, (), retired=("https://example.org/old",))
    assert (found.remembered, found.forgotten, found.retired, found.live) == (
        (one, two, three),
        (four.id,),
        ("https://example.org/old",),
        True,
    )


# Hubs -------------------------------------------------------------------------------------------------------------------


def test_each_hub_hears_of_each_topic_under_both_names(make: Make) -> None:
    planned = [each for each in announce.plan(make.occasion(EVERYTHING)) if each.kind == "websub"]
    assert {(each.target, each.subject) for each in planned} == {
        (hub, f"https://example.org/feeds/all.{name}")
        for hub in ("https://hub.example/", "https://other.example/publish")
        for name in ("atom", "rss", "json")
    }
    request = announce.request(planned[0], Terms(now=make.now))
    assert (request.method, request.url, request.trust) == ("POST", planned[0].target, Trust.OPERATOR)
    assert request.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    topic = planned[0].topic
    assert parse_qsl(request.body.decode()) == [("hub.mode", "publish"), ("hub.url", topic), ("hub.topic", topic)]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.CONFIRMED),
        (204, Verdict.CONFIRMED),
        (202, Verdict.CONFIRMED),
        (302, Verdict.LATER),
        (404, Verdict.REFUSED),
        (503, Verdict.LATER),
    ],
)
def test_any_2xx_of_a_hub_is_success(make: Make, status: int, verdict: Verdict) -> None:
    planned = announce.plan(make.occasion(EVERYTHING))
    assert announce.read(planned[0], make.outcome(status), make.now).verdict is verdict


def test_microblog_is_told_of_one_feed(make: Make) -> None:
    found = only(announce.plan(make.occasion(EVERYTHING)), "microblog")
    request = announce.request(found, Terms(now=make.now))
    assert (request.url, parse_qsl(request.body.decode())) == (
        "https://micro.blog/ping",
        [("url", "https://example.org/feeds/all.json")],
    )
    assert announce.read(found, make.outcome(200), make.now).verdict is Verdict.CONFIRMED


# Weblog pings ---------------------------------------------------------------------------------------------------------


def ping(make: Make, layout: str = "extended", **values: Any) -> Delivery:
    settings = f"  xmlrpc: [{{url: 'https://ping.example/RPC2', layout: {layout}}}]\n"
    return only(announce.plan(make.occasion(settings, **values)), "xmlrpc")


@pytest.mark.parametrize(
    ("layout", "method", "arguments"),
    [
        (
            "extended",
            "weblogUpdates.extendedPing",
            ("AIコンパス", "https://example.org", "https://example.org/1/", "https://example.org/feeds/all.rss"),
        ),
        ("wordpress", "weblogUpdates.extendedPing", ("AIコンパス", "https://example.org", "https://example.org/feeds/all.rss")),
        ("plain", "weblogUpdates.ping", ("AIコンパス", "https://example.org")),
    ],
)
def test_a_ping_has_the_layout_of_its_endpoint(make: Make, layout: str, method: str, arguments: tuple[str, ...]) -> None:
    request = announce.request(ping(make, layout), Terms(now=make.now))
    assert request.headers == (("Content-Type", "text/xml; charset=utf-8"),)
    assert xmlrpc.read_call(request.body) == xmlrpc.Call(method=method, arguments=arguments)


def test_no_url_of_a_ping_is_longer_than_its_api_allows(make: Make) -> None:
    def said(delivery: Delivery) -> tuple[str, ...]:
        return xmlrpc.read_call(announce.request(delivery, Terms(now=make.now)).body).arguments

    long = "https://example.org/" + "%E6%97%A5" * 27
    assert len(long) > weblogs.LONGEST_URL
    pages = (make.facts(1, url=long), make.facts(2))
    assert said(ping(make, published=pages))[2] == "https://example.org/2/"
    assert said(ping(make, published=pages[:1]))[2] == "https://example.org"
    feed = (make.change("rss", topic=long),)
    assert said(ping(make, changes=feed)) == ("AIコンパス", "https://example.org")


def test_an_endpoint_hears_of_a_site_at_most_every_five_minutes(make: Make) -> None:
    place = ("xmlrpc", "https://ping.example/RPC2", "https://example.org")
    of = make.occasion(EVERYTHING)
    assert place in announce.places(of)
    before = {place: Before(attempted_at=make.now - timedelta(seconds=100))}
    assert ping(make, standings=before).due_at == make.now + timedelta(seconds=200)
    long_ago = {place: Before(attempted_at=make.now - timedelta(seconds=1000))}
    assert ping(make, standings=long_ago).due_at == make.now
    assert ping(make).spacing == weblogs.SPACING == 300


def test_flerror_is_read(make: Make) -> None:
    fine = xmlrpc.answer({"flerror": False, "message": "Thanks for the ping."})
    found = announce.read(ping(make), make.outcome(200, fine), make.now)
    assert (found.verdict, found.detail, found.follow) == (Verdict.CONFIRMED, "Thanks for the ping.", ())


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (xmlrpc.answer({"flerror": True, "message": "Slow down."}), "flerror: Slow down."),
        (xmlrpc.fault(4, "no such method"), "fault: no such method"),
        (b"<html>", "the answer is no XML-RPC"),
        (b"", "the answer is no XML-RPC"),
    ],
)
def test_a_refused_extended_ping_is_followed_by_a_plain_one_five_minutes_later(make: Make, answer: bytes, detail: str) -> None:
    found = announce.read(ping(make), make.outcome(200, answer), make.now)
    assert found.verdict is Verdict.REFUSED
    assert found.detail.startswith(detail)
    (plain,) = found.follow
    assert (plain.due_at, plain.subject, plain.spacing) == (make.now + timedelta(seconds=300), "https://example.org", 300)
    assert xmlrpc.read_call(announce.request(plain, Terms(now=make.now)).body).method == "weblogUpdates.ping"
    assert announce.read(plain, make.outcome(200, answer), make.now).follow == ()


def test_an_endpoint_that_is_down_is_tried_again(make: Make) -> None:
    assert announce.read(ping(make), make.outcome(None, failure=Failure.CONNECT), make.now).verdict is Verdict.LATER
    assert announce.read(ping(make), make.outcome(503), make.now).verdict is Verdict.LATER


# IndexNow ---------------------------------------------------------------------------------------------------------------


def test_urls_that_are_new_changed_or_gone_are_one_request(make: Make) -> None:
    of = make.occasion(
        EVERYTHING,
        published=(make.facts(1),),
        updated=(make.facts(2),),
        removed=(make.facts(3), make.facts(4, url="https://elsewhere.example/4")),
    )
    found = only(announce.plan(of), "indexnow")
    terms = Terms(now=make.now, indexnow_key="k" * 8, indexnow_location="https://example.org/kkkkkkkk.txt")
    request = announce.request(found, terms)
    assert json.loads(request.body) == {
        "host": "example.org",
        "key": "kkkkkkkk",
        "keyLocation": "https://example.org/kkkkkkkk.txt",
        "urlList": ["https://example.org/1/", "https://example.org/2/", "https://example.org/3/"],
    }
    assert b"kkkk" not in found.payload


def test_urls_that_wait_are_sent_with_the_new_ones(make: Make) -> None:
    first = only(announce.plan(make.occasion(EVERYTHING)), "indexnow")
    place = (first.kind, first.target, first.subject)
    of = make.occasion(EVERYTHING, published=(make.facts(2), make.facts(1)), standings={place: Before(waiting=first)})
    assert place in announce.places(of)
    second = only(announce.plan(of), "indexnow")
    assert (second.kind, second.target, second.subject) == place
    assert json.loads(second.payload)["urls"] == ["https://example.org/1/", "https://example.org/2/"]


def test_ten_thousand_urls_at_most_are_one_request(make: Make) -> None:
    many = tuple(make.facts(number) for number in range(indexnow.MOST + 5))
    found = [
        each for each in announce.plan(make.occasion("  indexnow: {key_file: k}\n", published=many)) if each.kind == "indexnow"
    ]
    assert [len(json.loads(each.payload)["urls"]) for each in found] == [10_000, 5]
    # The second does not take the place of the first.
    assert [bool(each.subject) for each in found] == [True, False]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.CONFIRMED),
        (202, Verdict.CONFIRMED),
        (400, Verdict.REFUSED),
        (403, Verdict.REFUSED),
        (422, Verdict.REFUSED),
        (429, Verdict.LATER),
        (500, Verdict.LATER),
    ],
)
def test_answers_of_indexnow(make: Make, status: int, verdict: Verdict) -> None:
    found = only(announce.plan(make.occasion(EVERYTHING)), "indexnow")
    reading = announce.read(found, make.outcome(status), make.now)
    assert reading.verdict is verdict
    assert (reading.at_least >= 3600) is (status == 429)
    assert bool(reading.detail) is (status in {400, 403, 422, 429})


@pytest.mark.parametrize(
    ("text", "fits"),
    [("a1-B2-c3", True), ("a" * 128, True), ("a" * 7, False), ("a" * 129, False), ("a b c d e", False), ("aaaaaaaa\n", False)],
)
def test_what_can_be_a_key(text: str, fits: bool) -> None:
    assert indexnow.is_key(text) is fits


# Webhooks ---------------------------------------------------------------------------------------------------------------


def hook(make: Make, settings: str, **values: Any) -> tuple[Delivery, ...]:
    planned = announce.plan(make.occasion(f"  webhooks: [{{url: 'https://hook.example/a/topic', {settings}}}]\n", **values))
    return tuple(each for each in planned if each.kind == "webhook")


def test_the_operator_hears_of_held_feeds_where_that_is_wanted(make: Make) -> None:
    url = "https://example.org/feeds/tea.atom"
    held = Notice(held=True, feed="tea", url=url, at=make.now, reasons="7 entries would be new at once")
    free = Notice(held=False, feed="tea", url=url, at=make.now)
    assert [each.post for each in hook(make, "events: post.published", notices=(held, free))] == [make.facts().id]
    first, second = hook(make, "events: [feed.held, feed.released]", notices=(held, free))
    # Nothing of it waits for a document: the feed that is held has none.
    assert {(each.topic, each.post, each.subject) for each in (first, second)} == {("", "", "")}
    assert json.loads(first.payload)["body"] == {
        "type": "feed.held",
        "timestamp": "2026-11-26T12:00:00Z",
        "data": {
            "feed": "tea",
            "url": url,
            "since": "2026-11-26T12:00:00Z",
            "reasons": "7 entries would be new at once",
            "hint": "feedservice release tea, or feedservice reject tea",
            "site": {"title": "AIコンパス", "url": "https://example.org"},
        },
    }
    assert json.loads(second.payload)["body"]["type"] == "feed.released"
    assert hook(make, "events: feed.held, feeds: [ink]", notices=(held,)) == ()
    (said,) = hook(make, "format: discord, events: feed.held, text: '{title}, {summary}'", notices=(held,))
    assert json.loads(said.payload)["body"]["content"] == (
        "The feed 'tea' is held: 7 entries would be new at once, feedservice release tea, or feedservice reject tea"
    )
    (said,) = hook(make, "format: slack, events: feed.released", notices=(free,))
    assert json.loads(said.payload)["body"]["text"] == f"The feed 'tea' is held no more\n{url}"


def test_each_event_of_each_post_is_a_message_of_its_own(make: Make) -> None:
    one, two, three = (make.facts(number) for number in (1, 2, 3))
    found = hook(
        make, "events: [post.published, post.updated, post.removed]", published=(one, two), updated=(three,), removed=(one,)
    )
    said = [(json.loads(each.payload)["body"]["type"], each.post, each.subject) for each in found]
    assert said == [
        ("post.published", one.id, ""),
        ("post.published", two.id, ""),
        ("post.updated", three.id, ""),
        ("post.removed", one.id, ""),
    ]


def test_by_default_new_posts_are_told(make: Make) -> None:
    assert len(hook(make, "format: standard", updated=(make.facts(2),))) == 1


def test_a_standard_webhook_is_signed_anew_for_every_attempt_with_one_id(make: Make) -> None:
    (found,) = hook(make, "format: standard")
    keys, _ = signing.read_keys("whsec_" + "A" * 32, path="k")
    requests = [
        announce.request(found, Terms(now=make.now + timedelta(seconds=late), keys={found.target: keys})) for late in (0, 60)
    ]
    first, second = (dict(request.headers) for request in requests)
    assert first["webhook-id"] == second["webhook-id"] == found.id
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 60
    assert first["webhook-signature"] != second["webhook-signature"]
    assert first["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(requests[0].body) == {
        "type": "post.published",
        "timestamp": "2026-11-26T12:00:00Z",
        "data": {
            "id": "tag:example.org,2026:/1/",
            "url": "https://example.org/1/",
            "title": "第1回 <&>",
            "summary": "要約 1",
            "published": "2026-11-26T12:00:00Z",
            "updated": "2026-11-26T12:00:00Z",
            "categories": ["投資分析"],
            "site": {"title": "AIコンパス", "url": "https://example.org"},
        },
    }


def test_a_payload_stays_below_20_kilobytes(make: Make) -> None:
    (found,) = hook(make, "format: standard", published=(make.facts(summary="あ" * 100_000),))
    assert len(announce.request(found, Terms(now=make.now)).body) < 20_000


def test_slack_has_its_three_characters_escaped(make: Make) -> None:
    (found,) = hook(make, "format: slack")
    assert json.loads(announce.request(found, Terms(now=make.now)).body) == {
        "text": "第1回 &lt;&amp;&gt;\nhttps://example.org/1/"
    }


def test_discord_calls_nobody(make: Make) -> None:
    (found,) = hook(make, "format: discord, text: '@everyone {title}'")
    assert json.loads(announce.request(found, Terms(now=make.now)).body) == {
        "content": "@everyone 第1回 <&>",
        "allowed_mentions": {"parse": []},
    }


def test_a_status_of_mastodon_is_posted_once_with_the_token(make: Make) -> None:
    (found,) = hook(make, "format: mastodon, text: '{title} {summary} {url} ({site})'")
    request = announce.request(found, Terms(now=make.now, tokens={found.target: "t0k"}))
    assert dict(request.headers) == {
        "Content-Type": "application/json; charset=utf-8",
        "Idempotency-Key": found.id,
        "Authorization": "Bearer t0k",
    }
    assert json.loads(request.body) == {"status": "第1回 <&> 要約 1 https://example.org/1/ (AIコンパス)"}


def test_a_message_of_ntfy_goes_to_the_root_with_its_topic(make: Make) -> None:
    (found,) = hook(make, "format: ntfy")
    request = announce.request(found, Terms(now=make.now))
    assert request.url == "https://hook.example/a/"
    assert json.loads(request.body) == {
        "topic": "topic",
        "title": "AIコンパス",
        "message": "第1回 <&>\nhttps://example.org/1/",
        "click": "https://example.org/1/",
    }


@pytest.mark.parametrize("form", sorted(webhooks.PAYLOADS))
def test_no_secret_is_in_a_payload(make: Make, form: str) -> None:
    (found,) = hook(make, f"format: {form}, secret_file: secret.txt")
    assert b"secret" not in found.payload


@given(st.text(max_size=900), st.text(max_size=900), st.integers(60, 600))
def test_a_text_that_is_too_long_keeps_its_url(title: str, summary: str, longest: int) -> None:
    make = Make()
    occasion = make.occasion("  webhooks: [{url: 'https://h.example/', format: slack, text: '{title} {summary} {url}'}]\n")
    (hooked,) = occasion.config.announce.webhooks
    text = webhooks._text(hooked, make.facts(title=title, summary=summary), occasion, longest)
    assert len(text) <= longest
    assert text.endswith("https://example.org/1/")


def test_a_webhook_may_want_the_posts_of_some_feeds_only(make: Make) -> None:
    changes = (make.change(), make.change(feed="investment", topic="https://example.org/feeds/investment.atom"))
    assert len(hook(make, "feeds: [investment]", changes=changes)) == 1
    assert hook(make, "feeds: [ads]", changes=changes) == ()


@pytest.mark.parametrize(
    ("form", "status", "verdict"),
    [
        ("standard", 404, Verdict.LATER),
        ("standard", 301, Verdict.LATER),
        ("standard", 410, Verdict.GONE),
        ("slack", 404, Verdict.REFUSED),
        ("discord", 429, Verdict.LATER),
        ("mastodon", 401, Verdict.REFUSED),
    ],
)
def test_answers_of_webhooks(make: Make, form: str, status: int, verdict: Verdict) -> None:
    (found,) = hook(make, f"format: {form}")
    assert announce.read(found, make.outcome(status), make.now).verdict is verdict


# Live -------------------------------------------------------------------------------------------------------------------


def version(make: Make, body: bytes = b"<feed>" + b"x" * 5000) -> TopicVersion:
    return TopicVersion(
        topic="https://example.org/feeds/all.atom",
        version=7,
        feed="all",
        etag="abc",
        media_type="application/atom+xml",
        link="",
        body=body,
        entries=(EntrySpan(id="1", digest="1", start=0, end=1),),
        published_at=make.now,
    )


def look(make: Make, body: bytes = b"<feed>" + b"x" * 5000) -> Delivery:
    of = make.occasion()
    on = dataclasses.replace(
        of, config=make.config().model_copy(update={"announce": make.config().announce.model_copy(update={"verify": "on"})})
    )
    found = announce.announcement(on, (version(make, body),))
    assert not found.live
    (only_look,) = found.deliveries
    return dataclasses.replace(only_look, attempts=1)


def test_before_anybody_is_told_the_public_url_is_asked_for_the_new_version(make: Make) -> None:
    request = announce.request(look(make), Terms(now=make.now))
    assert (request.method, request.url) == ("GET", "https://example.org/feeds/all.atom")
    assert request.headers == (("If-None-Match", '"abc"'),)


def test_not_modified_means_live(make: Make) -> None:
    found = announce.read(look(make), make.outcome(304), make.now)
    assert (found.verdict, found.live) == (Verdict.CONFIRMED, ("https://example.org/feeds/all.atom", 7))


@pytest.mark.parametrize("kept", [2048, 3000, 4096])
def test_the_same_beginning_means_live(make: Make, kept: int) -> None:
    answer = (b"<feed>" + b"x" * 5000)[:kept]
    assert announce.read(look(make), make.outcome(200, answer), make.now).verdict is Verdict.CONFIRMED


def test_a_short_document_is_compared_whole(make: Make) -> None:
    assert announce.read(look(make, b"<feed/>"), make.outcome(200, b"<feed/>"), make.now).verdict is Verdict.CONFIRMED
    assert announce.read(look(make, b"<feed/>"), make.outcome(200, b"<feed"), make.now).verdict is Verdict.LATER


@pytest.mark.parametrize(
    "outcome", [(200, b"<feed>" + b"y" * 4090), (200, b""), (200, b"<feed>x"), (404, b""), (500, b""), (301, b"")]
)
def test_anything_else_means_not_yet(make: Make, outcome: tuple[int, bytes]) -> None:
    found = announce.read(look(make), make.outcome(*outcome), make.now)
    assert (found.verdict, found.live) == (Verdict.LATER, None)


def test_the_looks_come_quickly_at_first_and_end_with_the_deadline(make: Make) -> None:
    delivery, now, waits = look(make), make.now, []
    while delivery.state is State.QUEUED:
        outcome = make.outcome(None, failure=Failure.CONNECT)
        settled = outbox.settled(delivery, outcome, announce.read(delivery, outcome, now), jitter=0, now=now).delivery
        waits.append((settled.due_at - now).total_seconds())
        now = settled.due_at if settled.state is State.QUEUED else now
        delivery = dataclasses.replace(settled, attempts=settled.attempts + 1)
    assert waits[:4] == [0.2, 0.4, 0.8, 1.6]
    assert max(waits) == 60
    assert timedelta(minutes=15) <= now - make.now <= timedelta(minutes=16)
    assert delivery.state is State.FAILED
    assert delivery.last is not None
    assert delivery.last.detail == "the new version did not appear at its public URL"


def test_with_verify_off_versions_are_live_at_once(make: Make) -> None:
    found = announce.announcement(make.occasion(), (version(make),))
    assert (found.live, found.deliveries, len(found.topics)) == (True, (), 1)


def test_every_kind_has_its_three_functions() -> None:
    assert set(announce.KINDS) == {
        "websub",
        "microblog",
        "xmlrpc",
        "indexnow",
        "webhook",
        "email",
        "verify",
        "deny",
        "rsscloud-verify",
        "live",
    }
    assert isinstance(Reading(verdict=Verdict.LATER), Reading)
