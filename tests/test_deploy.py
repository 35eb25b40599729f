"""What is in ``deploy/`` for containers: checked where no engine is there to do it, and by one where there is."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from feedservice import config
from feedservice.config.sections import seconds
from feedservice.config.serve import Serve
from feedservice.web.admin import OPERATIONS

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = ROOT / "deploy" / "compose.yaml"


def instructions() -> list[tuple[str, str]]:
    """Return every instruction and what it is given, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())
    ]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for each in instructions():
        if each[0] == "FROM":
            found.append([])
        found[-1].append(each)
    return found


def settings() -> dict[str, str]:
    """Return the environment of the image."""
    return dict(word.split("=", 1) for name, rest in stages()[-1] if name == "ENV" for word in shlex.split(rest))


def given(name: str) -> str:
    (found,) = [rest for each, rest in stages()[-1] if each == name]
    return found


def test_images_are_named_by_version_and_nothing_is_fetched_without_a_hash() -> None:
    for stage in stages():
        assert re.fullmatch(r"FROM python:3\.\d+-slim-[a-z]+( AS [a-z]+)?", " ".join(stage[0]))
        assert not {"ADD", "MAINTAINER", "ONBUILD"} & {name for name, _ in stage}
        for name, rest in stage:
            if name == "RUN" and "pip install" in rest:
                for command in rest.split("&&"):
                    assert "pip install" not in command or "--require-hashes" in command or "--no-deps" in command, command
    shown = tuple(int(part) for part in re.findall(r"FROM python:3\.(\d+)", DOCKERFILE.read_text("utf-8")))
    assert len(set(shown)) == 1
    assert shown[0] >= 11


def test_what_is_copied_is_in_the_context() -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert ignore[0] == "*"
    let_in = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    copied = [rest for name, rest in instructions() if name == "COPY" and not rest.startswith("--from=")]
    sources = {word for rest in copied for word in rest.split()[:-1]}
    assert sources == let_in
    assert [word for word in sources if not (ROOT / word).exists()] == []


def test_the_image_is_not_root_and_says_how_it_is() -> None:
    assert int(given("USER")) >= 1000
    assert given("WORKDIR") == "/site"
    assert json.loads(given("ENTRYPOINT") + "") == ["feedservice"]
    assert json.loads(given("CMD")) == ["run"]
    assert given("STOPSIGNAL") == "SIGTERM"
    asks = json.loads(re.sub(r"^.* CMD ", "", given("HEALTHCHECK")))
    assert asks[:2] == ["python", "-c"]
    ast.parse(asks[2])
    assert f"http://127.0.0.1:{given('EXPOSE')}{OPERATIONS.decode()}health" in asks[2]


def test_the_image_writes_below_one_volume_and_listens_where_it_says(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("site: {title: A, url: https://example.org}\n", "utf-8")
    environ = settings()
    assert environ["FEEDSERVICE_CONFIG"] == "/site/config.yaml"
    loaded = config.load(file, environ).config
    volume = given("VOLUME")
    assert Path(loaded.state).is_relative_to(volume)
    assert Path(loaded.output).is_relative_to(volume)
    assert (loaded.serve.host, str(loaded.serve.port)) == ("0.0.0.0", given("EXPOSE"))


def test_compose_takes_from_the_container_what_it_does_not_need() -> None:
    compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    assert set(compose) == {"services", "volumes"}
    (service,) = compose["services"].values()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert not {"privileged", "network_mode", "pid", "user", "cap_add", "devices"} & set(service)
    context = (COMPOSE.parent / service["build"]["context"]).resolve()
    assert (context / service["build"]["dockerfile"]).resolve() == DOCKERFILE
    site, data = service["volumes"]
    assert (site["type"], site["target"], site["read_only"]) == ("bind", given("WORKDIR"), True)
    assert (data["type"], data["target"]) == ("volume", given("VOLUME"))
    assert data["source"] in compose["volumes"]
    (port,) = service["ports"]
    assert port == f"127.0.0.1:{given('EXPOSE')}:{given('EXPOSE')}"
    # Answers that were begun, deliveries that are under way, and a pass.
    assert seconds(service["stop_grace_period"]) >= 6 * seconds(Serve().stop_timeout)


@pytest.mark.judge
def test_an_engine_reads_the_compose_file() -> None:
    # The newer one is a plugin of docker; Debian has the older one, a program of its own.
    plugin = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*plugin, "version"], check=False, capture_output=True).returncode:
        program = plugin
    elif (alone := shutil.which("docker-compose")) is not None:
        program = [alone]
    else:
        pytest.skip("there is no docker compose (Debian: apt-get install docker-compose)")
    done = subprocess.run(
        [*program, "--file", str(COMPOSE), "config", "--quiet"], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
