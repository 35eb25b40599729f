"""The command line: every verb, its options, and the exit codes.

0 fine; 1 done, but something was refused or found; 2 wrong usage; 3 the configuration is invalid; 4 nothing was done.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from feedservice import __version__
from feedservice.cli.output import say
from feedservice.errors import ConfigError, FeedserviceError

FOUND, USAGE, INVALID, NOTHING = 1, 2, 3, 4
"""Exit codes beside 0."""

VERBS = {
    "build": ("feedservice.cli.build", "Write the feeds."),
    "check": ("feedservice.cli.build", "Show every problem of configuration, posts and feeds."),
    "render": ("feedservice.cli.build", "Print one feed as it would be now."),
    "diff": ("feedservice.cli.difference", "Show what subscribers would see if the feeds went out now."),
    "explain": ("feedservice.cli.explain", "Say why a post is in a feed, or is not."),
    "log": ("feedservice.cli.log", "Show what happened to feeds and posts."),
    "release": ("feedservice.cli.guard", "Let held feeds go out."),
    "reject": ("feedservice.cli.guard", "Leave out what held feeds would show as new."),
    "run": ("feedservice.cli.run", "Publish and serve, and keep it so."),
    "start": ("feedservice.cli.background", "Do that in the background."),
    "stop": ("feedservice.cli.background", "End the service in the background."),
    "restart": ("feedservice.cli.background", "End it and start it again."),
    "status": ("feedservice.cli.background", "Show what the running service does."),
    "logs": ("feedservice.cli.background", "Show the log of the service."),
    "install-service": ("feedservice.cli.install", "Write the systemd unit of the service."),
    "rebuild": ("feedservice.cli.rebuild", "Have the feeds built now."),
    "next": ("feedservice.cli.rebuild", "Show what time will bring."),
    "announce": ("feedservice.cli.announce", "Announce a feed anew."),
    "deliveries": ("feedservice.cli.outbox", "Show what was announced, and how it went."),
    "subscribers": ("feedservice.cli.subscribers", "Show who subscribed."),
    "targets": ("feedservice.cli.announce", "Try the ways out."),
    "websub-check": ("feedservice.cli.announce", "Look at a hub as a subscriber does."),
    "readers": ("feedservice.cli.readers", "Show who reads the feeds."),
    "adopt": ("feedservice.cli.adopt", "Take over the ids of the feeds that people subscribe to."),
    "init": ("feedservice.cli.setup", "Write a commented config.yaml."),
    "config": ("feedservice.cli.setup", "Look at the configuration."),
    "completion": ("feedservice.cli.setup", "Print the completion script of a shell."),
}
"""Verb → module that holds it, and its line of help: only the verb that is called is imported."""


class _Verbs(click.Group):
    """A group that imports a verb when it is asked for, and turns expected errors into words and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        # ``next`` is Python's: its function has a line behind.
        command: click.Command = getattr(_imported(VERBS[cmd_name][0]), f"{name}_" if hasattr(builtins, name) else name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - only who mistypes pays for it

            near = difflib.get_close_matches(args[0], VERBS, n=2, cutoff=0.6)
            hint = f": did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no verb {args[0]}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            say(error.problems)
            count = len(error.problems)
            click.echo(f"The configuration has {count} {'mistake' if count == 1 else 'mistakes'}; nothing was done.", err=True)
            ctx.exit(INVALID)
        except FeedserviceError as error:
            # What refuses and what the store meets (``StoreError``) are told alike; importing the store takes a while.
            click.echo(click.style("refused: ", fg="red", bold=True) + str(error), err=True)
            hint = getattr(error, "hint", "")
            if hint:
                click.echo(f"    {hint}", err=True)
            ctx.exit(NOTHING)


def _imported(module: str) -> ModuleType:
    """Import a verb. What is imported stays: the cycle collector would look through it a dozen times, and find nothing."""
    if module in sys.modules:
        return sys.modules[module]
    collects = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        if collects:
            gc.enable()


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="feedservice")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    envvar="FEEDSERVICE_CONFIG",
    show_default=True,
    help="The configuration file; relative paths in it start from its folder.",
)
@click.pass_context
def group(ctx: click.Context, config_file: Path) -> None:
    """Turn a folder of Markdown posts into RSS, Atom and JSON feeds.

    \b
    feedservice init            write a config.yaml (and take over an existing generator's)
    feedservice check           see every problem of configuration, posts and feeds
    feedservice build           write the feeds
    feedservice run             publish and serve, and keep it so (start: in the background)

    Exit codes: 0 fine; 1 done, but something was refused or found; 2 wrong usage; 3 the configuration is invalid;
    4 nothing was done.
    """  # noqa: D301  -- \b is click's mark for a paragraph that keeps its lines
    ctx.obj = config_file


def main() -> None:
    """Run the command line; the console script."""
    try:
        group(prog_name="feedservice")
    except BrokenPipeError:
        # The reader of a pipe went away (``| head``): that is no error of ours.
        sys.stderr.close()
        sys.exit(0)
