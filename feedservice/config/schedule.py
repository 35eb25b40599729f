"""The sections ``schedule`` and ``hooks`` of ``config.yaml``: when the daemon looks for changes, and who may tell it of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from feedservice.config.sections import Delay, Duration, Section


class Schedule(Section):
    """When `feedservice run` makes a pass by itself."""

    rescan: Duration = "60s"
    """How often the content directory is looked through for changes that no event told of."""
    settle: Delay = "25ms"
    """How long a changed file must stay as it is before it is read. Changes of many files at once are given ten times as long."""
    watch: Literal["auto", "off"] = "auto"
    """Hear of changes from the system at once. `auto`: where it tells of them; on NFS, FUSE and the like only `rescan` counts."""
    log_kept: int = Field(default=4, ge=0, le=100)
    """How many older log files `feedservice start` keeps, of up to 5 MB each."""


class Hooks(Section):
    """Push hooks of GitHub, GitLab and Gitea: `POST /-/hooks/push` makes a pass."""

    secret_file: str | None = None
    """File with the secret that the hook was set up with, relative to the config file. Without it there is no hook."""
    pull: bool = False
    """Run `git pull --ff-only` in the directory of the config file before the pass."""
    pull_timeout: Duration = "60s"
    """How long that may take."""
