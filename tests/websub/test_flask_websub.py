"""Flask-WebSub, a subscriber that somebody else wrote, with our hub."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any, Self

import pytest

flask = pytest.importorskip("flask", reason="Flask is not installed")
websub = pytest.importorskip("flask_websub.subscriber", reason="Flask-WebSub is not installed")
serving = pytest.importorskip("werkzeug.serving", reason="Werkzeug is not installed")

pytestmark = [
    pytest.mark.judge,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Reader:
    """A Flask application with the subscriber's blueprint."""

    def __init__(self, folder: Path) -> None:
        file = str(folder / "subscriptions.sqlite")
        self.subscriber = websub.Subscriber(websub.SQLite3SubscriberStorage(file), websub.SQLite3TempSubscriberStorage(file))
        self.app = flask.Flask("reader")
        self.app.register_blueprint(self.subscriber.build_blueprint(url_prefix="/callbacks"))
        self.server = serving.make_server("127.0.0.1", 0, self.app, threaded=True)
        self.app.config["SERVER_NAME"] = f"127.0.0.1:{self.server.server_port}"
        # It sends no secret to a hub without TLS by itself.
        self.app.config["AUTO_SET_SECRET"] = False
        self.got: list[bytes] = []
        self.modes: list[str] = []
        self.subscriber.add_listener(lambda _topic, _callback, body: self.got.append(body))
        self.subscriber.add_success_handler(lambda _topic, _callback, mode: self.modes.append(mode))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join(20)
        self.server.server_close()


def test_it_discovers_subscribes_gets_what_is_new_and_unsubscribes(house: Any, tmp_path: Path) -> None:
    with Reader(tmp_path) as reader:
        with reader.app.app_context():
            found = websub.discover(house.topic)
            assert found == {"hub_url": house.hub, "topic_url": house.topic}
            callback = reader.subscriber.subscribe(**found)
        (ours,) = house.until(lambda: list(house.store.subscriptions()))
        house.publish("three")
        house.until(lambda: reader.got)
        assert reader.got == [b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>three</id></entry></feed>']
        house.until(lambda: house.subscription(ours.key.callback).delivered == 2)

        # It gives a secret to hubs with TLS only, so both sides are given one here; a body with another signature is not taken.
        with reader.app.app_context():
            theirs = reader.subscriber.storage.pop(callback)
            reader.subscriber.storage[callback] = {**theirs, "secret": "s3cr3t"}
        house.store.import_subscriptions([dataclasses.replace(house.subscription(ours.key.callback), secret=b"s3cr3t")])
        house.publish("four")
        house.until(lambda: len(reader.got) == 2)

        with reader.app.app_context():
            reader.subscriber.storage.pop(callback)
            reader.subscriber.storage[callback] = {**theirs, "secret": None}
            reader.subscriber.unsubscribe(callback)
        house.until(lambda: not list(house.store.subscriptions()))
        assert reader.modes == ["subscribe", "unsubscribe"]
