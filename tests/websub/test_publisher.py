"""Chapters 4 and 6 of WebSub, row by row (P1–P9), on the running service and hubs that listen on loopback."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import pytest

from feedservice.service.hubcheck import links
from feedservice.service.subscriber import Subscriber, always, ask
from tests.daemon.conftest import CONFIG, Site, post, wait_for

NOW = datetime.now(UTC).strftime("%Y-%m-%d")
ATOM = "{http://www.w3.org/2005/Atom}"
FORMATS = ("atom", "rss", "json")
TYPES = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}
KEYS = ("all", "news")


@pytest.fixture(scope="module")
def hubs() -> Iterator[Subscriber]:
    with Subscriber() as made:
        for name in ("one", "two", "three"):
            made.callback(f"/{name}", always(204))
        yield made


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, hubs: Subscriber) -> Iterator[Site]:
    """A site on loopback that names its own hub and two others."""
    site = Site(root=tmp_path_factory.mktemp("site"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configure(site, port, f"{hubs.base}/one", f"{hubs.base}/two")
    site.write("first.md", post("First", category="News"))
    site.start()
    yield site
    site.stop()


def configure(site: Site, port: int, *hubs: str, more: str = "") -> None:
    text = CONFIG.replace("https://example.org", f"http://127.0.0.1:{port}").replace("port: 0", f"port: {port}")
    announce = f"announce:\n  verify: off\n  websub: {{hub: embedded, canary: false, hubs: {list(hubs)}}}\n"
    site.config.write_text(f"{text}{announce}  targets: {{allow: 127.0.0.1}}\n{more}", "utf-8")


def port_of(site: Site) -> int:
    return int(site.url.rpartition(":")[2])


def topics(site: Site) -> list[str]:
    return [f"{site.url}/feeds/{key}.{name}" for key in KEYS for name in FORMATS]


def pinged(hubs: Subscriber, name: str) -> list[str | None]:
    return [dict(parse_qsl(hit.body.decode("ascii"))).get("hub.url") for hit in hubs.at(f"/{name}", "POST")]


def every_hub(site: Site, hubs: Subscriber) -> list[str]:
    return [f"{site.url}/hub", f"{hubs.base}/one", f"{hubs.base}/two"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_p1_p2_p3_every_feed_names_itself_once_and_every_hub(running: Site, hubs: Subscriber, method: str) -> None:
    for topic in topics(running):
        reply = ask(topic, method)
        assert reply.status == 200
        assert links(reply.fields, "self") == [topic]
        assert links(reply.fields, "hub") == every_hub(running, hubs)


def test_p4_documents_say_it_too(running: Site, hubs: Subscriber) -> None:
    for key in KEYS:
        for name, place in (("atom", f"./{ATOM}link"), ("rss", f"./channel/{ATOM}link")):
            topic = f"{running.url}/feeds/{key}.{name}"
            found = [(link.get("rel"), link.get("href")) for link in ET.fromstring(ask(topic).body).findall(place)]
            assert [url for relation, url in found if relation == "self"] == [topic]
            assert [url for relation, url in found if relation == "hub"] == every_hub(running, hubs)
        topic = f"{running.url}/feeds/{key}.json"
        body = ask(topic).body.decode()
        assert f'"feed_url":"{topic}"' in body.replace('": ', '":')
        assert re.findall(r'"type": ?"WebSub", ?"url": ?"([^"]*)"', body) == every_hub(running, hubs)


def test_p6_one_url_is_one_representation(running: Site) -> None:
    for topic in topics(running):
        for asked in (*TYPES.values(), "text/html", "*/*"):
            reply = ask(topic, fields={"Accept": asked})
            found = dict(reply.fields)["content-type"].partition(";")[0]
            assert (reply.status, found, links(reply.fields, "self")) == (200, TYPES[topic.rpartition(".")[2]], [topic])


def test_p5_p7_p8_every_hub_hears_of_every_topic_and_one_that_is_named_no_more_for_the_last_time(
    running: Site, hubs: Subscriber
) -> None:
    running.write("second.md", post("Second", NOW, category="News"))
    wait_for(lambda: {*topics(running)} == {*pinged(hubs, "one")} == {*pinged(hubs, "two")})
    for hit in (*hubs.at("/one"), *hubs.at("/two")):
        said = dict(parse_qsl(hit.body.decode("ascii")))
        assert (hit.method, hit.field("content-type")) == ("POST", "application/x-www-form-urlencoded")
        assert said == {"hub.mode": "publish", "hub.url": said["hub.url"], "hub.topic": said["hub.url"]}
    # Each is told once of one change.
    assert len(pinged(hubs, "one")) == len(pinged(hubs, "two")) == len(topics(running))

    configure(running, port_of(running), f"{hubs.base}/one", f"{hubs.base}/three")
    wait_for(lambda: {*topics(running)} == {*pinged(hubs, "three")})
    wait_for(lambda: len(pinged(hubs, "two")) == 2 * len(topics(running)))
    # By then the feeds name the new one, which is what the old one's subscribers are to see.
    assert f"{hubs.base}/two" not in links(ask(topics(running)[0]).fields, "hub")
    running.write("third.md", post("Third", NOW))
    # Both feeds of the site's own documents change; the one that is named no more is not told.
    wait_for(lambda: len(pinged(hubs, "three")) >= len(topics(running)) + len(FORMATS))
    assert len(pinged(hubs, "two")) == 2 * len(topics(running))


def test_p9_the_old_url_leads_to_the_new_one_which_names_itself_and_the_hub(tmp_path: Path) -> None:
    site = Site(root=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    new = f"http://127.0.0.1:{port}/feeds/all.rss"
    moved = f"feeds:\n  moved: {{/older.xml: http://127.0.0.1:{port}/old.xml, /old.xml: '{new}'}}\n"
    configure(site, port, more=moved)
    site.write("first.md", post("First"))
    site.start()
    try:
        url, seen = f"{site.url}/older.xml", []
        while (reply := ask(url)).status == 301:
            seen.append(url)
            url = dict(reply.fields)["location"]
        assert (reply.status, url) == (200, new)
        assert links(reply.fields, "self") == [new]
        assert links(reply.fields, "hub") == [f"{site.url}/hub"]
        assert seen[0].endswith("/older.xml")
    finally:
        site.stop()
