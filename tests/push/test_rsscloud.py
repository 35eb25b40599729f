"""rssCloud: requests in both forms, verification, thin pings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.deliveries import Delivery, Failure, Lane, Outcome, SubscriptionKey, TopicVersion, Trust
from feedservice.push import hub, rsscloud, xmlrpc
from feedservice.push.outbox import Verdict
from feedservice.push.rsscloud import Asked, Refused

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
TOPIC = "https://example.org/feeds/all.rss"
FORM = {"notifyProcedure": "", "port": "80", "path": "/feedupdated", "protocol": "http-post", "url1": TOPIC}
CHALLENGE = "c-h_1"


def form(**changes: str | None) -> Mapping[str, tuple[str, ...]]:
    return {name: (value,) for name, value in {**FORM, **changes}.items() if value is not None}


def asked(requester: str = "198.51.100.7", **changes: str | None) -> Asked:
    found = rsscloud.read_form(form(**changes), requester)
    assert isinstance(found, Asked)
    return found


def verification(requester: str = "198.51.100.7", **changes: str | None) -> Delivery:
    return rsscloud.verification(asked(requester, **changes), TOPIC, version=3, challenge=CHALLENGE, now=NOW)


def answered(status: int | None = 200, answer: bytes = b"", failure: Failure | None = None) -> Outcome:
    return Outcome(started=NOW, duration=0.1, status=status, answer=answer, failure=failure)


@pytest.mark.parametrize(
    ("changes", "callback"),
    [
        ({}, "http://198.51.100.7:80/feedupdated"),
        ({"domain": "reader.example"}, "http://reader.example:80/feedupdated"),
        ({"domain": "reader.example", "port": "443"}, "https://reader.example:443/feedupdated"),
        (
            {"domain": "reader.example", "protocol": "https-post", "port": "8443", "path": "x?y=1"},
            "https://reader.example:8443/x?y=1",
        ),
    ],
)
def test_host_port_path_and_protocol_make_the_callback(changes: dict[str, str], callback: str) -> None:
    assert asked(**changes).callback == callback


def test_an_ipv6_requester_is_called_back() -> None:
    assert asked("2001:db8::7").callback == "http://[2001:db8::7]:80/feedupdated"


def test_only_who_names_another_host_is_challenged() -> None:
    assert not asked().challenged
    assert not asked(domain="198.51.100.7").challenged
    assert asked(domain="reader.example").challenged


def test_feeds_are_numbered() -> None:
    found = asked(url10="https://example.org/c", url2="https://example.org/%62", url3="https://example.org/b")
    assert found.topics == (TOPIC, "https://example.org/b", "https://example.org/c")


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "soap"},
        {"protocol": None},
        {"port": "eighty"},
        {"port": "99999"},
        {"port": None},
        {"url1": None},
        {"url1": "ftp://h/"},
        {"protocol": "xml-rpc"},
        {"protocol": "xml-rpc", "notifyProcedure": "a b"},
        {"protocol": "xml-rpc", "notifyProcedure": "p", "domain": "victim.example"},
        {"domain": "user@reader.example"},
        {"domain": "reader.example/x"},
        {"domain": "reader.example:81"},
        {"path": "/a b"},
        {"path": "/#x"},
        {f"url{number}": f"https://example.org/{number}" for number in range(60)},
    ],
)
def test_what_cannot_be_called_is_refused(changes: dict[str, str | None]) -> None:
    assert isinstance(rsscloud.read_form(form(**changes), "198.51.100.7"), Refused)


def test_without_an_address_there_is_nobody_to_notify() -> None:
    assert rsscloud.read_form(form(), "unix:") == Refused(text="there is no host to notify")


def test_the_same_by_xml_rpc() -> None:
    call = xmlrpc.Call(method="rssCloud.pleaseNotify", arguments=("my.update", 5337, "/RPC2", "xml-rpc", [TOPIC]))
    found = rsscloud.read_call(call, "198.51.100.7")
    assert found == Asked(
        callback="http://198.51.100.7:5337/RPC2", procedure="xml-rpc:my.update", topics=(TOPIC,), challenged=False
    )
    named = rsscloud.read_call(
        xmlrpc.Call(method="m", arguments=("", 80, "/", "http-post", [TOPIC], "reader.example")), "198.51.100.7"
    )
    assert isinstance(named, Asked)
    assert named.callback == "http://reader.example:80/"


@pytest.mark.parametrize("arguments", [(), ("a", 80, "/", "http-post", TOPIC), ("a", 80, "/", "http-post")])
def test_a_call_with_other_arguments_is_refused(arguments: tuple[xmlrpc.Value, ...]) -> None:
    assert isinstance(rsscloud.read_call(xmlrpc.Call(method="m", arguments=arguments), "198.51.100.7"), Refused)


@given(st.dictionaries(st.sampled_from([*FORM, "domain", "url2"]), st.text()), st.text())
def test_no_form_crashes(fields: dict[str, str], requester: str) -> None:
    assert isinstance(rsscloud.read_form({name: (value,) for name, value in fields.items()}, requester), Asked | Refused)


def test_another_host_gets_the_challenge() -> None:
    delivery = verification(domain="reader.example")
    assert delivery.lane is Lane.VERIFICATION
    request = rsscloud.verifying(delivery)
    assert (request.method, request.trust) == ("GET", Trust.CALLBACK)
    assert parse_qsl(urlsplit(request.url).query) == [("url", TOPIC), ("challenge", CHALLENGE)]


def test_the_requester_gets_a_trial_ping() -> None:
    request = rsscloud.verifying(verification())
    assert (request.method, request.url, request.body) == (
        "POST",
        "http://198.51.100.7:80/feedupdated",
        b"url=https%3A%2F%2Fexample.org%2Ffeeds%2Fall.rss",
    )


def test_an_echo_makes_a_subscription_of_25_hours() -> None:
    found = rsscloud.verified(verification(domain="reader.example"), answered(200, CHALLENGE.encode()), NOW).verified
    assert found is not None
    assert found.key == SubscriptionKey(protocol="rsscloud", topic=TOPIC, callback="http://reader.example:80/feedupdated")
    assert (found.lease_end, found.delivered, found.procedure) == (NOW + timedelta(hours=25), 3, "http-post")


def test_a_trial_ping_needs_2xx_only() -> None:
    assert rsscloud.verified(verification(), answered(204), NOW).verified is not None


@pytest.mark.parametrize(
    "outcome",
    [
        answered(200, b"other"),
        answered(302, CHALLENGE.encode()),
        answered(404),
        answered(410),
        answered(None, failure=Failure.ADDRESS),
    ],
)
def test_anything_else_makes_none(outcome: Outcome) -> None:
    found = rsscloud.verified(verification(domain="reader.example"), outcome, NOW)
    assert (found.verdict, found.verified) == (Verdict.REFUSED, None)


@pytest.mark.parametrize("outcome", [answered(500), answered(None, failure=Failure.TIMEOUT)])
def test_a_callback_that_does_not_work_is_asked_again(outcome: Outcome) -> None:
    assert rsscloud.verified(verification(), outcome, NOW).verdict is Verdict.LATER


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({}, b"url=https%3A%2F%2Fexample.org%2Ffeeds%2Fall.rss"),
        ({"protocol": "xml-rpc", "notifyProcedure": "my.update"}, xmlrpc.call("my.update", [TOPIC])),
    ],
)
def test_a_change_is_a_thin_ping(changes: dict[str, str], body: bytes) -> None:
    subscription = rsscloud.verified(verification(**changes), answered(), NOW).verified
    assert subscription is not None
    version = TopicVersion(
        topic=TOPIC,
        version=4,
        feed="all",
        etag="e",
        media_type="application/rss+xml",
        link="",
        body=b"<rss/>",
        entries=(),
        published_at=NOW,
    )
    request = hub.distribution(subscription, version, None)
    assert (request.method, request.url, request.body) == ("POST", subscription.key.callback, body)


def test_results_are_xml_or_json() -> None:
    kind, body = rsscloud.result("notifyResult", success=True, text='Thanks "you" <all>', json_wanted=False)
    assert kind == "text/xml; charset=utf-8"
    assert body.endswith(b'<notifyResult success="true" msg=\'Thanks "you" &lt;all&gt;\'/>\n')
    kind, body = rsscloud.result("notifyResult", success=False, text="no", json_wanted=True)
    assert (kind, json.loads(body)) == ("application/json", {"success": False, "msg": "no"})
