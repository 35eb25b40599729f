"""The systemd unit: systemd itself is asked whether it is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedservice.cli import group
from feedservice.cli.unit import Unit, text

DEPLOY = Path(__file__).parents[2] / "deploy"
DYNAMIC = Unit(program=["/opt/feedservice/bin/feedservice"], config=Path("/srv/feedservice/config.yaml"))
OWNED = Unit(
    program=["/usr/bin/true"],
    config=Path("/srv/my 50% site/config.yaml"),
    user="daemon",
    writable=[Path("/srv/my 50% site/public")],
)
PERSONAL = Unit(program=["/usr/bin/true"], config=Path("/srv/a/config.yaml"), user="daemon", system=False)

judge = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def test_the_unit_in_deploy_is_the_one_that_is_made() -> None:
    assert (DEPLOY / "feedservice.service").read_text("utf-8") == text(DYNAMIC)


def test_names_with_blanks_and_percents_are_written_as_systemd_reads_them() -> None:
    made = text(OWNED)
    assert 'ExecStart=/usr/bin/true --config "/srv/my 50%% site/config.yaml" run' in made
    assert "WorkingDirectory=/srv/my 50%% site\n" in made
    assert 'ReadWritePaths="/srv/my 50%% site/public"' in made
    assert "DynamicUser" not in made


@judge
@pytest.mark.judge
@pytest.mark.parametrize("unit", [DYNAMIC, OWNED, PERSONAL], ids=["dynamic", "owned", "personal"])
def test_systemd_finds_nothing_wrong(unit: Unit, tmp_path: Path) -> None:
    # The program is not there on this machine; another is.
    made = text(unit).replace("/opt/feedservice/bin/feedservice", "/usr/bin/true")
    file = tmp_path / "feedservice.service"
    file.write_text(made, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *([] if unit.system else ["--user"]), str(file)],
        check=False, capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    own = [line for line in (done.stdout + done.stderr).splitlines() if "feedservice" in line]
    assert (done.returncode, own) == (0, [])


@judge
@pytest.mark.judge
def test_its_exposure_is_low(tmp_path: Path) -> None:
    file = tmp_path / "feedservice.service"
    file.write_text(text(DYNAMIC), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    found = re.search(r"exposure level for feedservice\.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= 2.0, done.stdout


def test_install_service_prints_the_unit_of_the_site(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("site: {title: A, url: https://example.org}\n", "utf-8")
    done = CliRunner().invoke(group, ["--config", str(config), "install-service", "--print"])
    assert done.exit_code == 0, done.output
    assert f"User={config.owner()}\n" in done.output
    assert f"ReadWritePaths={tmp_path}/.feedservice {tmp_path}/public\n" in done.output
    assert f"--config {config} run\n" in done.output
    # A private /tmp would not have the site.
    assert ("PrivateTmp=yes" in done.output) != tmp_path.is_relative_to("/tmp")
    config.write_text("site: {title: A, url: https://example.org}\nhooks: {pull: true}\n", "utf-8")
    done = CliRunner().invoke(group, ["--config", str(config), "install-service", "--print"])
    assert f"ReadWritePaths={tmp_path} {tmp_path}/.feedservice {tmp_path}/public\n" in done.output


def test_install_service_writes_a_unit_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / "config.yaml"
    config.write_text("site: {title: A, url: https://example.org}\n", "utf-8")
    done = CliRunner().invoke(group, ["--config", str(config), "install-service", "--user", "--name", "blog"])
    assert done.exit_code == 0, done.output
    assert "systemctl --user enable --now blog" in done.output
    assert "WantedBy=default.target" in (tmp_path / ".config/systemd/user/blog.service").read_text("utf-8")
