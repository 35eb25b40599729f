"""``git pull --ff-only`` before a pass, where the configuration asks for it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

from feedservice.errors import RefusedError

_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_LAST = 300
"""Characters of what git says that are passed on."""


async def pull(folder: Path, *, within: float) -> None:
    """Bring a work tree up to date; ``within`` so many seconds, else git is ended.

    Raises ``RefusedError`` with git's last words when it cannot be done: no way forward without a merge, no network, a question.
    """
    # It must not ask for a password: nobody is there to answer.
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        git = await asyncio.create_subprocess_exec(
            *("git", "-C", str(folder), "pull", "--ff-only", "--quiet"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environ,
            start_new_session=True,
        )
    except OSError as error:
        raise RefusedError(f"git cannot be run: {error.strerror}", "install git, or set hooks.pull to false") from error
    try:
        _, said = await asyncio.wait_for(git.communicate(), within)
    except TimeoutError:
        # Git waits for programs of its own, such as ssh: they are in its session.
        os.killpg(git.pid, signal.SIGKILL)
        await git.wait()
        hint = "see whether it waits for something, or set a longer hooks.pull_timeout"
        raise RefusedError(f"git pull took longer than {within:g} s", hint) from None
    if git.returncode != 0:
        words = _SECRET.sub("", said.decode("utf-8", "replace")).strip()[-_LAST:] or f"exit code {git.returncode}"
        raise RefusedError(f"git pull --ff-only: {words}", f"mend it by hand in {folder}")
