"""Where a directory is mounted, and whether the system tells of changes there (``/proc/self/mountinfo``, proc(5)).

Events come from the kernel that makes a change. On a network or user-space file system another kernel, or another program, makes
it, and nothing comes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator

_SILENT = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|afs|ceph|glusterfs|lustre|davfs2?|fuse(\..+)?|fuseblk|9p|virtiofs|vboxsf|vmhgfs|prl_fs"
)
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of the table."""

    point: str
    """Absolute path."""
    kind: str
    """Type of the file system, such as ``ext4`` or ``fuse.sshfs``."""

    @property
    def tells(self) -> bool:
        """Say whether events of changes come from everybody who makes them."""
        return _SILENT.fullmatch(self.kind) is None


def mounts(table: str) -> Iterator[Mount]:
    """Read the table; a line that has another form is passed over."""
    for line in table.splitlines():
        left, dash, right = line.partition(" - ")
        fields, rest = left.split(" "), right.split(" ")
        if dash and len(fields) > 4 and rest[0]:  # noqa: PLR2004  -- the mount point is the fifth field
            yield Mount(point=_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]), kind=rest[0])


def mount_of(path: str, table: Iterable[Mount]) -> Mount | None:
    """Return the mount that an absolute path without links lies on: the deepest, and of two at one point the later."""
    found: Mount | None = None
    for mount in table:
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found
