"""``install-service``: the unit with which systemd runs the service."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from feedservice.cli.unit import Unit, text
from feedservice.config import Loaded, load
from feedservice.errors import RefusedError

_NAME = "feedservice"


@click.command("install-service")
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("--user", "personal", is_flag=True, help="A service of this user, not of the machine.")
@click.option("--as", "owner", metavar="NAME", help="User that it runs as [default: the owner of the configuration file].")
@click.option("--name", default=_NAME, show_default=True, help="Name of the service, for a second site on one machine.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit and write nothing.")
@click.pass_context
def install_service(
    ctx: click.Context, own_config: Path | None, personal: bool, owner: str | None, name: str, only_print: bool
) -> None:
    """Write the systemd unit of this site.

    The service may write to the state and output directories of the configuration and to nothing else, but for the site itself
    where `hooks.pull` is on. It is not started: the commands for that are printed.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    made = text(_unit(loaded, personal=personal, owner=owner))
    if only_print:
        click.echo(made, nl=False)
        return
    folder = Path.home() / ".config/systemd/user" if personal else Path("/etc/systemd/system")
    file = folder / f"{name}.service"
    try:
        if personal:
            folder.mkdir(parents=True, exist_ok=True)
        file.write_text(made, encoding="utf-8")
        for each in () if personal else _writable(loaded):
            # What is not there cannot be opened to the service.
            if not each.exists():
                each.mkdir(parents=True)
                os.chown(each, loaded.path.stat().st_uid, loaded.path.stat().st_gid)
    except OSError as error:
        hint = "run this as root, or with --user for a service of your own; --print shows the unit"
        raise RefusedError(f"{error.filename or file} cannot be written: {error.strerror}", hint) from error
    systemctl = "systemctl --user" if personal else "systemctl"
    click.echo(f"{file} is written. Now:")
    click.echo(f"  {systemctl} daemon-reload")
    click.echo(f"  {systemctl} enable --now {name}")
    if personal:
        click.echo("  loginctl enable-linger    # so that it runs while you are not logged in")


def _unit(loaded: Loaded, *, personal: bool, owner: str | None) -> Unit:
    script = Path(sys.executable).with_name("feedservice")
    program = [str(script)] if script.is_file() else [sys.executable, "-m", "feedservice"]
    places = (loaded.root, Path(sys.executable).absolute(), Path(sys.prefix))
    return Unit(
        program=program,
        config=loaded.path,
        user=owner or loaded.path.owner(),
        writable=_writable(loaded),
        system=not personal,
        home=_lies(places, "/home", "/root", "/run/user"),
        temporary=_lies(places, "/tmp", "/var/tmp"),  # noqa: S108  -- nothing is written there
    )


def _lies(places: Iterable[Path], *folders: str) -> bool:
    return any(place.is_relative_to(folder) for place in places for folder in folders)


def _writable(loaded: Loaded) -> tuple[Path, ...]:
    root, config = loaded.root, loaded.config
    # A pull writes the work tree, wherever the configuration lies in it.
    pulled = [root] if config.hooks.pull else []
    named = [Path(os.path.normpath(root / name)) for name in (config.state, config.output)]
    return tuple(dict.fromkeys([*pulled, *named]))
