"""Operations over HTTP, asked of a real service."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon.conftest import CONFIG, Site, post, wait_for

TOKEN = "0123456789abcdef0123456789abcdef"
SECRET = "fedcba9876543210fedcba9876543210"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
UNWATCHED = CONFIG.replace("serve: {port: 0}", "serve: {port: 0, admin_token_file: token}") + (
    "schedule: {watch: 'off', rescan: 1h}\nhooks: {secret_file: hook}\n"
)


@pytest.fixture
def guarded(site: Site) -> Site:
    """A service with a token and a hook that does not watch."""
    for name, secret in (("token", TOKEN), ("hook", SECRET)):
        (site.root / name).write_text(secret + "\n", "ascii")
        (site.root / name).chmod(0o600)
    site.config.write_text(UNWATCHED, "utf-8")
    return site.start()


def asked(site: Site, path: str, **more: Any) -> tuple[int, Any]:
    status, body = site.get(path, BEARER, **more)
    return status, json.loads(body)


def test_health_is_for_everybody_and_the_rest_needs_the_token(guarded: Site) -> None:
    assert guarded.get("/-/health")[0] == 200
    for path in ("/-/ready", "/-/status", "/-/metrics", "/-/jobs/x", "/-/nothing", "/-/", "/-/status?token=x"):
        assert guarded.get(path)[0] == 401, path
        assert guarded.get(path, {"Authorization": f"Bearer {TOKEN}x"})[0] == 401
        assert guarded.get(path, {"Authorization": f"Basic {TOKEN}"})[0] == 401
        assert guarded.get(path, {"Authorization": "Bearer "})[0] == 401
    assert guarded.get("/-/rebuild", data=b"")[0] == 401
    assert guarded.get("/-/nothing", BEARER)[0] == 404
    assert guarded.get("/-/rebuild", BEARER)[0] == 405
    assert guarded.get("/-/status", BEARER, data=b"")[0] == 405


def test_without_a_token_nothing_is_told_over_tcp(site: Site) -> None:
    site.start()
    status, body = site.get("/-/status")
    assert status == 403
    assert b"serve.admin_token_file" in body
    assert site.get("/-/hooks/push", data=b"{}")[0] == 404


def test_ready_status_and_metrics(guarded: Site) -> None:
    assert asked(guarded, "/-/ready") == (200, {"ready": True, "reasons": [], "held": []})
    status, told = asked(guarded, "/-/status")
    assert status == 200
    assert told["posts"]["published"] == 1
    guarded.get("/feeds/all.atom")
    wait_for(lambda: asked(guarded, "/-/status")[1]["served"]["requests"] == 1)
    text = guarded.get("/-/metrics", BEARER)[1].decode()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["feedservice_ready",] == 1
    assert values["feedservice_passes_total", "done"] == 1
    assert values["feedservice_posts", "published"] == 1
    assert values["feedservice_requests_total", "all"] == 1
    assert values["feedservice_pass_seconds_count",] == 1
    assert values["feedservice_resident_memory_bytes",] > 1e6
    assert values["feedservice_feeds",] == 1


def test_rebuild_waits_or_gives_a_job(guarded: Site) -> None:
    guarded.write("second.md", post("Second", "2025-01-06"))
    status, told = asked(guarded, "/-/rebuild?wait=1", data=b"")
    assert (status, told["feeds_changed"]) == (200, ["all"])
    assert guarded.titles() == ["Second", "First"]
    status, told = asked(guarded, "/-/rebuild?full=1&feed=all", data=b"")
    assert status == 202
    done = wait_for(lambda: (answer := asked(guarded, told["url"])[1])["done"] and answer)
    assert done["feeds_changed"] == []
    status, told = asked(guarded, "/-/rebuild?wait=1&feed=all&feed=nope", data=b"")
    assert (status, told["unknown"]) == (200, ["nope"])
    assert guarded.get("/-/jobs/unknown", BEARER)[0] == 404


def test_not_ready_says_why(guarded: Site) -> None:
    guarded.content.rename(guarded.root / "away")
    status, told = asked(guarded, "/-/rebuild?wait=1", data=b"")
    assert status == 409
    assert "there is no content directory" in told["error"]
    assert guarded.titles() == ["First"]
    assert asked(guarded, "/-/status")[1]["failures"] == 1


def test_not_ready_when_nothing_can_be_remembered(guarded: Site) -> None:
    # Root may write anywhere, and makes no file where a directory is.
    (guarded.state / ".probe").mkdir()
    status, told = asked(guarded, "/-/ready")
    assert (status, told["reasons"]) == (503, ["the state directory cannot be written: Is a directory"])
    assert asked(guarded, "/-/status")[1]["unready"] == told["reasons"]
    (guarded.state / ".probe").rmdir()
    store = guarded.state / "store.sqlite"
    store.rename(guarded.state / "away")
    status, told = asked(guarded, "/-/ready")
    assert status == 503
    assert told["reasons"] == [f"the store cannot be written: {store}: the file was removed or replaced"]
    assert b"feedservice_ready 0\n" in guarded.get("/-/metrics", BEARER)[1]
    (guarded.state / "away").rename(store)
    assert asked(guarded, "/-/ready")[0] == 200
    assert guarded.get("/-/health")[0] == 200


def test_reload_answers_with_the_mistakes(guarded: Site) -> None:
    assert asked(guarded, "/-/reload", data=b"")[0] == 200
    guarded.config.write_text(UNWATCHED.replace("title", "titel"), "utf-8")
    status, told = asked(guarded, "/-/reload", data=b"")
    assert status == 422
    assert "config.unknown-key" in {problem["rule"] for problem in told["problems"]}
    guarded.config.write_text(UNWATCHED, "utf-8")
    (guarded.root / "token").write_text("another-token-of-some-length", "ascii")
    guarded.signal(signal.SIGHUP)
    wait_for(lambda: guarded.get("/-/ready", BEARER)[0] == 401)
    new = {"Authorization": "Bearer another-token-of-some-length"}
    assert guarded.get("/-/ready", new)[0] == 200
    (guarded.root / "token").write_text("short", "ascii")
    assert guarded.get("/-/reload", new, data=b"")[0] == 200
    assert guarded.logged("shorter than 16.*; the previous one stays in force")["level"] == "error"
    assert guarded.get("/-/ready", new)[0] == 200


def test_a_signed_push_makes_a_pass_and_others_do_not(guarded: Site) -> None:
    guarded.write("second.md", post("Second", "2025-01-06"))
    body = json.dumps({"commits": ["x" * 100] * 2000}).encode()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert guarded.get("/-/hooks/push", data=body)[0] == 401
    wrong = {"X-Hub-Signature-256": f"sha256={digest[::-1]}", "X-GitHub-Event": "push"}
    assert guarded.get("/-/hooks/push", wrong, data=body)[0] == 403
    assert guarded.titles() == ["First"]
    right = {"X-Hub-Signature-256": f"sha256={digest}", "X-GitHub-Event": "push"}
    assert guarded.get("/-/hooks/push", right, data=body)[0] == 202
    guarded.serves("Second", "First")
    assert guarded.get("/-/hooks/push", {**right, "X-GitHub-Event": "ping"}, data=body)[0] == 200
    assert guarded.get("/-/hooks/push", right)[0] == 405
    assert TOKEN not in guarded.log()
    assert SECRET not in guarded.log()


def test_a_push_that_is_to_be_fetched(site: Site) -> None:
    def git(folder: Path, *arguments: str) -> None:
        quiet = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run([*quiet, "-C", str(folder), *arguments], check=True, capture_output=True)

    writer, clone = site.root / "writer", site.root / "clone"
    (writer / "content").mkdir(parents=True)
    (writer / "content" / "a.md").write_text(post("A"), "utf-8")
    (writer / ".gitignore").write_text("/public/\n/.feedservice/\n/config.yaml\n/hook\n/log\n", "utf-8")
    git(writer, "init")
    git(writer, "add", ".")
    git(writer, "commit", "-m", "one")
    git(site.root, "clone", str(writer), str(clone))
    (clone / "hook").write_text(SECRET, "ascii")
    (clone / "hook").chmod(0o600)
    (clone / "config.yaml").write_text(
        CONFIG + "schedule: {watch: 'off', rescan: 1h}\nhooks: {secret_file: hook, pull: true}\n", "utf-8"
    )
    service = Site(root=clone)
    try:
        service.start()
        token = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Push Hook"}
        (writer / "content" / "b.md").write_text(post("B", "2025-01-06"), "utf-8")
        git(writer, "add", ".")
        git(writer, "commit", "-m", "two")
        assert service.get("/-/hooks/push", token, data=b"{}")[0] == 202
        service.serves("B", "A")
        git(writer, "commit", "--amend", "-m", "another history", "--allow-empty", "--date=2020-01-01T00:00:00Z")
        assert service.get("/-/hooks/push", token, data=b"{}")[0] == 202
        assert service.logged("git pull --ff-only")["level"] == "error"
        assert service.titles() == ["B", "A"]
    finally:
        assert service.stop() == 0


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def test_on_a_unix_socket_only_those_who_come_straight_need_no_token(site: Site) -> None:
    site.start("--socket", "http.sock")

    def status(**fields: str) -> int:
        connection = _Unix(site.root / "http.sock")
        connection.request("GET", "/-/status", headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    assert status() == 200
    assert status(X_Forwarded_For="192.0.2.1") == 403
    assert status(Forwarded="for=192.0.2.1") == 403
    assert status(Via="1.1 proxy") == 403


@pytest.mark.parametrize(("secret", "said"), [(None, "cannot be read"), ("short", "shorter than 16")])
def test_a_secret_that_cannot_be_used_is_said_at_the_start(site: Site, secret: str | None, said: str) -> None:
    if secret is not None:
        (site.root / "token").write_text(secret, "ascii")
    site.config.write_text(CONFIG.replace("port: 0", "port: 0, admin_token_file: token"), "utf-8")
    site.start(wait=False)
    assert site.process is not None
    assert site.process.wait(60) == 4
    assert said in site.log()
