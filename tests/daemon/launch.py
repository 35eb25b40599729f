"""Start the command line with another clock: ``launch.py FILE|- ARGUMENTS…``.

FILE has by how many seconds the clock is wrong. SIGUSR2 has it read again. Only the wall clock moves; the steady one does not, as
when the time is set or the machine has slept.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import time_machine

from feedservice.cli import group


def main() -> None:
    name, *arguments = sys.argv[1:]
    if name == "-":
        group(arguments, prog_name="feedservice")
        return

    def wanted(real: float) -> float:
        return real + float(Path(name).read_text(encoding="ascii"))

    with time_machine.travel(wanted(time.time()), tick=True) as traveller:
        signal.signal(signal.SIGUSR2, lambda *_: traveller.move_to(wanted(time_machine.escape_hatch.time.time())))
        group(arguments, prog_name="feedservice")


if __name__ == "__main__":
    main()
