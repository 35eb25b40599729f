"""Start the command line with a Markdown parser that can be made to hang and to crash: ``treacherous.py - ARGUMENTS…``.

A text with ``HANG`` in it is read for ever, with the signals that Python would handle left alone; one with ``CRASH`` ends the
process as a fault in a C library does; one with ``PANIC`` as a Rust library does. ``DIE-READ`` does so to whoever reads the front matter.
A file ``hanging`` says that a parser hangs.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import launch

from feedservice.posts import body
from feedservice.service import workers


class PanicError(BaseException):
    """What the panic of a Rust library becomes in Python: no ``Exception``."""


def main() -> None:
    render, parse = body.render, workers.posts_parse.parse

    def rendered(data: bytes, *rest: object, **more: object) -> body.Body:
        if b"HANG" in data:
            Path("hanging").touch()
            # As in a library that holds the interpreter's lock: no handler of Python's would ever run.
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()) - {signal.SIGALRM})
            while True:
                signal.sigtimedwait([signal.SIGUSR2], 60)
        if b"CRASH" in data:
            os.kill(os.getpid(), signal.SIGSEGV)
        if b"PANIC" in data:
            raise PanicError
        return render(data, *rest, **more)

    def parsed(source: object, *rest: object) -> object:
        if b"DIE-READ" in source.data:
            os.kill(os.getpid(), signal.SIGSEGV)
        return parse(source, *rest)

    body.render = rendered
    workers.posts_parse.parse = parsed
    launch.main()


if __name__ == "__main__":
    main()
