"""The running service subscribes itself to the hubs that it names, and says how long each takes, or that it does nothing."""

from __future__ import annotations

import json
import re
import socket
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from feedservice.cli import group
from feedservice.push import urls
from feedservice.service.subscriber import Hit, Reply, Said, Script, Subscriber, always, ask
from tests.daemon.conftest import CONFIG, PATIENCE, Site, post, wait_for

NOW = datetime.now(UTC).strftime("%Y-%m-%d")
TOKEN = "0123456789abcdef" * 2


class Hubs(Subscriber):
    """Hubs of others: one that does its work, one that takes everything and does nothing, one that is out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.callbacks: list[str] = []
        self.replies: list[Reply] = []

    def works(self, hit: Hit) -> Said:
        form = {name: values[0] for name, values in parse_qs(hit.body.decode("ascii")).items()}
        work = self._verify if form["hub.mode"] == "subscribe" else self._distribute
        threading.Thread(target=work, args=(form,), daemon=True).start()
        return Said(status=202)

    def _verify(self, form: dict[str, str]) -> None:
        pairs = [("hub.mode", "subscribe"), ("hub.topic", form["hub.topic"]), ("hub.challenge", "abc-123")]
        self.replies.append(ask(urls.appended(form["hub.callback"], [*pairs, ("hub.lease_seconds", "86400")])))
        self.callbacks.append(form["hub.callback"])

    def _distribute(self, form: dict[str, str]) -> None:
        body = ask(form["hub.topic"]).body
        for callback in self.callbacks if form["hub.topic"].endswith(".atom") else ():
            self.replies.append(ask(callback, "POST", body=body, fields={"Content-Type": "application/atom+xml"}))


@pytest.fixture
def hubs() -> Iterator[Hubs]:
    with Hubs() as made:
        yield made


def configure(site: Site, hubs: Hubs, **scripts: Script) -> None:
    """Have a service on loopback that is reached under the URL that it names."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (site.root / "token").write_text(TOKEN, "ascii")
    (site.root / "token").chmod(0o600)
    named = [hubs.callback(f"/{name}", script) for name, script in scripts.items()]
    text = CONFIG.replace("https://example.org", f"http://127.0.0.1:{port}")
    text = text.replace("port: 0", f"port: {port}, admin_token_file: token")
    site.config.write_text(
        text
        + f"""\
announce:
  verify: off
  websub: {{hub: embedded, hubs: {json.dumps(named)}}}
  callbacks: {{allow: 127.0.0.1}}
  targets: {{allow: 127.0.0.1}}
""",
        "utf-8",
    )


def standings(site: Site) -> dict[str, dict[str, Any]]:
    """Return path of the hub → what is said of it."""
    return {each["hub"].rpartition("/")[2]: each for each in site.ask("status")["announcing"]["hubs"]}


def stand(site: Site, **wanted: str) -> dict[str, dict[str, Any]]:
    """Wait until hubs stand so."""

    def found() -> dict[str, dict[str, Any]] | None:
        seen = standings(site)
        return seen if {name: each["standing"] for name, each in seen.items()} == wanted else None

    try:
        made: dict[str, dict[str, Any]] = wait_for(found)
    except AssertionError:
        raise AssertionError(f"{standings(site)}, not {wanted}:\n{site.log()}") from None
    return made


def test_each_hub_is_watched_and_seen_as_it_is(site: Site, hubs: Hubs) -> None:
    configure(site, hubs, works=hubs.works, mute=always(202), broken=always(503))
    site.start()
    stand(site, hub="listening", works="listening", mute="asked", broken="refused")
    assert standings(site)["broken"]["refusal"] == "answers 503"
    echo = hubs.replies[0]
    assert (echo.status, echo.body) == (200, b"abc-123")
    assert dict(echo.fields)["content-type"] == "application/octet-stream"
    assert dict(echo.fields)["x-content-type-options"] == "nosniff"

    site.write("second.md", post("Second", NOW))
    seen = stand(site, hub="arrived", works="arrived", mute="asked", broken="refused")
    for name in ("hub", "works"):
        assert seen[name]["arrivals"] >= 1
        assert 0 <= seen[name]["latency"] < PATIENCE
        assert seen[name]["waiting_since"] is None

    # Everywhere the same, and nowhere a callback.
    (callback,) = hubs.callbacks
    path = callback.removeprefix(site.url.rstrip("/"))
    assert re.fullmatch(r"/-/canary/[A-Za-z0-9_-]{40,}", path)
    _, body = site.get("/-/metrics", {"Authorization": f"Bearer {TOKEN}"})
    samples = [each for family in text_string_to_metric_families(body.decode()) for each in family.samples]
    heard = {each.labels["hub"].rpartition("/")[2]: each.value for each in samples if each.name == "feedservice_hub_heard"}
    assert heard == {"hub": 1, "works": 1, "mute": 1, "broken": 0}
    assert len([each for each in samples if each.name == "feedservice_hub_latency_seconds"]) == 2
    shown = CliRunner().invoke(group, ["--config", str(site.config), "status"]).output
    assert f"{hubs.base}/broken  refused: answers 503" in shown
    assert f"{hubs.base}/mute  asked, not verified yet" in shown
    assert re.search(r"/works  last arrival \d+\.\d s after publication", shown)
    tested = CliRunner().invoke(group, ["--config", str(site.config), "targets", "test"]).output
    assert re.search(r"canary   .*/hub  last arrival", tested)
    assert re.search(r"canary   .*/broken  refused: answers 503", tested)
    file = site.state / "canary.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = path.rpartition("/")[2]
    assert token in file.read_text("utf-8")
    for said in (body.decode(), shown, tested, json.dumps(site.ask("status")), site.log()):
        assert token not in said


def test_strangers_are_told_nothing_and_change_nothing(site: Site, hubs: Hubs) -> None:
    configure(site, hubs, works=hubs.works, mute=always(202))
    site.start()
    stand(site, hub="listening", works="listening", mute="asked")
    (callback,) = hubs.callbacks
    topic = site.url.rstrip("/") + "/feeds/all.atom"
    mute = parse_qs(hubs.at("/mute", "POST")[0].body.decode("ascii"))["hub.callback"][0]

    def verify(url: str, topic: str = topic, mode: str = "subscribe", challenge: str = "abc") -> tuple[int, bytes]:
        reply = ask(urls.appended(url, [("hub.mode", mode), ("hub.topic", topic), ("hub.challenge", challenge)]))
        return reply.status, reply.body

    refused = verify(site.url.rstrip("/") + "/-/canary/unknown")
    assert refused[0] == 404
    # Verified already; another topic; an end that nobody asked for; something that a browser could take for a page.
    assert verify(callback) == refused
    assert verify(mute, topic + "x") == verify(mute, mode="unsubscribe") == refused
    assert verify(mute, challenge="<script>") == refused
    assert ask(mute).status == ask(mute + "?hub.mode=subscribe&hub.mode=denied").status == 404
    assert ask(site.url.rstrip("/") + "/-/canary/unknown", "POST", body=b"x").status == 410
    assert ask(mute, "POST", body=b"x").status == 410
    assert ask(callback, "DELETE").status == 405
    assert ask(site.url.rstrip("/") + "/-/canary").status == 401
    assert {name: each["arrivals"] for name, each in standings(site).items()} == {"hub": 0, "works": 0, "mute": 0}
    # A late verification is one all the same, and a denial is said.
    assert verify(mute) == (200, b"abc")
    assert ask(urls.appended(callback, [("hub.mode", "denied"), ("hub.topic", topic), ("hub.reason", "closed")])).status == 204
    stand(site, hub="listening", mute="listening", works="listening")


def test_a_subscription_outlives_the_service(site: Site, hubs: Hubs) -> None:
    configure(site, hubs, works=hubs.works)
    site.start()
    stand(site, hub="listening", works="listening")
    assert site.stop() == 0
    site.start()
    site.write("second.md", post("Second", NOW))
    stand(site, hub="arrived", works="arrived")
    assert len(hubs.callbacks) == 1


@pytest.mark.parametrize("line", ["  environment: staging\n", "  websub: {canary: false}\n"])
def test_it_is_quiet_where_it_is_not_wanted(site: Site, hubs: Hubs, line: str) -> None:
    configure(site, hubs, works=hubs.works)
    text = site.config.read_text("utf-8")
    text = text.replace("hub: embedded,", "hub: embedded, canary: false,") if "canary" in line else text + line
    site.config.write_text(text, "utf-8")
    site.start()
    site.write("second.md", post("Second", NOW))
    # The hub is told of the change, and that is all it hears.
    told = hubs.wait("/works", method="POST", patience=PATIENCE)
    assert b"hub.mode=publish" in told[0].body
    assert site.ask("status")["announcing"]["hubs"] == []
    assert site.stop() == 0
    assert [hit for hit in hubs.hits if b"hub.mode=subscribe" in hit.body] == []
    assert not (site.state / "canary.json").exists()
