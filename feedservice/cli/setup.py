"""``init``, ``config`` and ``completion``: what is done once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from feedservice import config as configuration
from feedservice.cli.output import counted
from feedservice.config import importers
from feedservice.errors import RefusedError

_ABOUT = frozenset({"README", "CHANGELOG", "CONTRIBUTING", "LICENSE"})
"""Names of Markdown files that are about a folder, and no posts."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A generator's configuration to take over.",
)
@click.option("--title", help="Title of the site.")
@click.option("--url", help="Public address of the site.")
@click.option("--force", is_flag=True, help="Replace a config.yaml that is there.")
def init(folder: Path, source: Path | None, title: str | None, url: str | None, force: bool) -> None:
    """Write a commented config.yaml into FOLDER (default: here).

    A configuration of Jekyll (_config.yml), Hugo (hugo.toml), Zola (config.toml) or Pelican (pelicanconf.py) is taken over:
    title, address, time zone, permalinks, and the addresses of the feeds people subscribe to. It is found by itself when it
    lies in FOLDER, or named with --from.
    """
    target = folder / "config.yaml"
    if target.exists() and not force:
        raise RefusedError(f"{target} exists already", "edit it, or use --force to replace it")
    found = source or next((path for name in importers.IMPORTERS if (path := folder / name).is_file()), None)
    values: dict[str, object] = {"site": {"title": "My site", "url": "https://example.org"}}
    if found is not None:
        imported = importers.read(found.name, configuration.decoded(found.read_bytes(), str(found)))
        values = _moved(imported.values, found.parent, folder)
        click.echo(f"Taken over from {found} ({imported.dialect}).")
        for note in imported.notes:
            click.echo(f"  - {note}")
    site = values.setdefault("site", {})
    if isinstance(site, dict):
        site |= {key: value for key, value in (("title", title), ("url", url)) if value}
    text = configuration.commented(values)
    made = configuration.parse(text, name=str(target), environ={})
    folder.mkdir(parents=True, exist_ok=True)
    if found is None and url is None:
        click.echo("  - `site.url` is a placeholder: write the address of your site before anybody subscribes")
    for note in _missing(folder, made.content.directory):
        click.echo(f"  - {note}")
    target.write_text(text, encoding="utf-8")
    click.echo(f"Wrote {target}. Next: look through it, then run feedservice check.")


def _missing(folder: Path, content: str) -> Iterator[str]:
    """Yield what to do when there is no content directory yet."""
    if (folder / content).is_dir():
        return
    here = sum(file.suffix.lower() in {".md", ".markdown"} and file.stem not in _ABOUT for file in folder.iterdir())
    if here:
        files = counted(here, "Markdown file lies", "Markdown files lie")
        yield f"{files} here: set `content.directory: .`, or move them to {content}/"
    else:
        yield f"posts go to {content}/, which is not there yet: mkdir {folder / content}"


def _moved(values: dict[str, object], origin: Path, folder: Path) -> dict[str, object]:
    """Return imported values with the content directory as seen from where config.yaml will be."""
    content = values.get("content")
    if not isinstance(content, dict) or origin.resolve() == folder.resolve():
        return values
    directory = origin.resolve() / str(content.get("directory", "content"))
    return {**values, "content": {**content, "directory": os.path.relpath(directory, folder.resolve())}}


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def show(ctx: click.Context, own_config: Path | None, as_json: bool) -> None:
    """Print every setting with the value in force, defaults and environment included."""
    loaded = configuration.load(own_config or ctx.obj, os.environ)
    if as_json:
        click.echo(json.dumps(loaded.config.model_dump(mode="json"), ensure_ascii=False, indent=2))
    else:
        click.echo(configuration.show(loaded.config), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON Schema of config.yaml, for editors."""
    click.echo(json.dumps(configuration.schema(), ensure_ascii=False, indent=2))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell: eval "$(feedservice completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        raise click.BadParameter(shell)
    root = ctx.find_root().command
    click.echo(found(root, {}, "feedservice", "_FEEDSERVICE_COMPLETE").source())
