"""The systemd unit of the service (systemd.service(5), systemd.exec(5)), as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

_SPECIAL = set("\"'\\")

# What a service that reads files, writes two directories and speaks HTTP does without.
_HARDENING = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What differs from machine to machine. Paths are absolute."""

    program: Sequence[str]
    """The command line, without arguments of ours."""
    config: Path
    user: str | None = None
    """Whom the service runs as; None with ``system`` lets systemd make a user for it (DynamicUser)."""
    writable: Sequence[Path] = ()
    """Directories that it writes to. None of them with a made user: then it has a StateDirectory."""
    system: bool = True
    """A unit of the machine; else of one person, whose systemd can shut off less."""
    home: bool = False
    """The files lie in somebody's home."""
    temporary: bool = False
    """The files lie where others have temporary files, of which a hardened service sees its own only."""


def text(unit: Unit) -> str:
    """Return the unit file."""
    return "\n".join(_lines(unit)) + "\n"


def _lines(unit: Unit) -> Iterator[str]:
    root = unit.config.parent
    yield "[Unit]"
    yield "Description=Feeds from files (feedservice)"
    yield "After=network.target"
    yield "# However long what it needs is away, a mount or a database: it comes back by itself."
    yield "StartLimitIntervalSec=0"
    yield f"RequiresMountsFor={' '.join(map(_quoted, dict.fromkeys((root, *unit.writable))))}"
    yield ""
    yield "[Service]"
    yield "Type=notify"
    yield f"ExecStart={' '.join(map(_quoted, (*unit.program, '--config', unit.config, 'run')))}"
    yield "ExecReload=/bin/kill -HUP $MAINPID"
    yield f"WorkingDirectory={_quoted(root, whole=True)}"
    yield "Restart=on-failure"
    yield "RestartSec=2"
    yield "# Wrong usage, and a configuration with mistakes: somebody has to mend them."
    yield "RestartPreventExitStatus=2 3"
    yield "# No sign of life for this long: it is started anew."
    yield "WatchdogSec=30"
    yield "# The first pass over very many posts."
    yield "TimeoutStartSec=10min"
    yield "TimeoutStopSec=90"
    yield "# The processes that render are ended by the service itself."
    yield "KillMode=mixed"
    yield "LimitNOFILE=65536"
    yield "# Whoever serves the output directory may read it."
    yield "UMask=0022"
    if unit.system:
        yield from _owner(unit)
        yield f"ProtectHome={'read-only' if unit.home else 'yes'}"
        yield "PrivateUsers=yes"
        yield from (line for line in _HARDENING.splitlines() if not (unit.temporary and line == "PrivateTmp=yes"))
    else:
        yield "NoNewPrivileges=yes"
    yield ""
    yield "[Install]"
    yield f"WantedBy={'multi-user.target' if unit.system else 'default.target'}"


def _owner(unit: Unit) -> Iterator[str]:
    if unit.user is not None:
        yield f"User={unit.user}"
        if unit.writable:
            yield f"ReadWritePaths={' '.join(map(_quoted, unit.writable))}"
        return
    yield "# A user of its own that exists while the service runs; what it keeps is below /var/lib/feedservice."
    yield "DynamicUser=yes"
    yield "StateDirectory=feedservice"
    yield "StateDirectoryMode=0755"
    yield "Environment=FEEDSERVICE_STATE=/var/lib/feedservice/state"
    yield "Environment=FEEDSERVICE_OUTPUT=/var/lib/feedservice/public"


def _quoted(part: object, *, whole: bool = False) -> str:
    """Write one word of a unit file; ``whole``: it is all of a value, which takes no quotes."""
    escaped = str(part).replace("%", "%%")
    if whole or not (set(escaped) & _SPECIAL or any(character.isspace() for character in escaped)):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
