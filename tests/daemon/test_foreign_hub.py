"""Our feeds with a hub that somebody else wrote: Flask-WebSub's takes our pings, and its subscriber gets the posts."""

from __future__ import annotations

import re
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.daemon.conftest import CONFIG, Site, post, wait_for

pytest.importorskip("flask_websub.hub", reason="Flask-WebSub is not installed")

from tests.websub.flask_apps import Hub, Reader

pytestmark = [
    pytest.mark.judge,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NOW = datetime.now(UTC).strftime("%Y-%m-%d")


def test_a_post_goes_by_a_foreign_hub_to_a_foreign_subscriber(site: Site, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    topic = f"http://127.0.0.1:{port}/feeds/all.atom"
    with Hub(tmp_path) as hub, Reader(tmp_path) as reader:
        text = CONFIG.replace("https://example.org", f"http://127.0.0.1:{port}").replace("port: 0", f"port: {port}")
        announce = f"announce:\n  websub: {{hubs: '{hub.url}'}}\n  targets: {{allow: 127.0.0.1}}\n"
        site.config.write_text(text + announce, "utf-8")
        site.start()
        reader.subscribe(topic)
        wait_for(lambda: reader.modes == ["subscribe"])
        # The canary is a subscriber there, too.
        wait_for(lambda: site.ask("status")["announcing"]["hubs"][0]["standing"] == "listening")

        site.write("second.md", post("Second", NOW, "What the second says."))
        wait_for(lambda: reader.got)
        # That hub sends the document as it finds it at the topic's URL.
        assert re.findall(rb'<title type="text">(First|Second)</title>', reader.got[0]) == [b"Second", b"First"]
        assert b"What the second says." in reader.got[0]
        assert site.get("/feeds/all.atom")[1] == reader.got[0]
        wait_for(lambda: site.ask("status")["announcing"]["hubs"][0]["standing"] == "arrived")
        said = site.ask("status")["announcing"]
        assert said["deliveries"]["websub"] == {"delivered": 3}
        assert said["subscriptions"] == 0
