"""Flask-WebSub as it runs: a subscriber, a publisher and a hub that somebody else wrote, each in a server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import flask
import flask_websub.hub
import flask_websub.publisher
import flask_websub.subscriber as websub
from werkzeug import serving


class App:
    """A Flask application on a port of its own."""

    def __init__(self, name: str) -> None:
        self.app = flask.Flask(name)
        self.server = serving.make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.app.config["SERVER_NAME"] = self.url.removeprefix("http://")
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join(20)
        self.server.server_close()


class Reader(App):
    """An application with the subscriber's blueprint."""

    def __init__(self, folder: Path) -> None:
        super().__init__("reader")
        file = str(folder / "subscriptions.sqlite")
        self.subscriber = websub.Subscriber(websub.SQLite3SubscriberStorage(file), websub.SQLite3TempSubscriberStorage(file))
        self.app.register_blueprint(self.subscriber.build_blueprint(url_prefix="/callbacks"))
        # It sends no secret to a hub without TLS by itself.
        self.app.config["AUTO_SET_SECRET"] = False
        self.got: list[bytes] = []
        self.modes: list[str] = []
        self.errors: list[str] = []
        self.subscriber.add_listener(lambda _topic, _callback, body: self.got.append(body))
        self.subscriber.add_success_handler(lambda _topic, _callback, mode: self.modes.append(mode))
        self.subscriber.add_error_handler(lambda _topic, _callback, message: self.errors.append(message))

    def subscribe(self, topic: str) -> str:
        """Discover the hub of a topic, subscribe there, and return the callback's id."""
        with self.app.app_context():
            callback: str = self.subscriber.subscribe(**websub.discover(topic))
            return callback


class Publisher(App):
    """An application with one topic, which names a hub that is not its own."""

    def __init__(self, hub: str) -> None:
        super().__init__("publisher")
        flask_websub.publisher.init_publisher(self.app)
        self.topic = self.url + "/feed"

        @self.app.route("/feed")
        @flask_websub.publisher.publisher(self.topic, hub)
        def feed() -> flask.Response:
            return flask.Response(b"<feed/>", mimetype="application/atom+xml")


class Tasks:
    """Runs the hub's tasks in a thread, where a site would have Celery."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)

    def task(self, *, bind: bool = False, **_: Any) -> Callable[[Callable[..., Any]], Any]:
        pool = self.pool

        def made(function: Callable[..., Any]) -> Any:
            class Task:
                def delay(self, *given: Any) -> None:
                    pool.submit(function, *((self, *given) if bind else given))

            return Task()

        return made


class Hub(App):
    """An application with the hub's blueprint, which takes ``hub.mode=publish``."""

    def __init__(self, folder: Path) -> None:
        super().__init__("hub")
        self.tasks = Tasks()
        self.hub = flask_websub.hub.Hub(flask_websub.hub.SQLite3HubStorage(str(folder / "hub.sqlite")), self.tasks)
        self.app.register_blueprint(self.hub.build_blueprint(url_prefix="/hub"))
        self.app.config["PUBLISH_SUPPORTED"] = True
        self.url += "/hub"

    def __exit__(self, *given: object) -> None:
        super().__exit__(*given)
        self.tasks.pool.shutdown()
