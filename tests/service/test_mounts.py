from __future__ import annotations

import pytest

from feedservice.service.mounts import Mount, mount_of, mounts

TABLE = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:25 / /srv/my\\040blog rw,relatime shared:1 - nfs4 server:/blog rw
31 27 0:26 / /srv/my\\040blog/local rw,relatime - tmpfs tmpfs rw
32 27 0:27 / /home/a rw - fuse.sshfs a@b: rw
33 27 0:28 / /home/a rw - ext4 /dev/vdb rw
broken line
34 27 0:29 /x /bound rw - ext4 /dev/vda rw
"""


def on(path: str) -> Mount | None:
    return mount_of(path, mounts(TABLE))


@pytest.mark.parametrize(
    ("path", "point", "kind", "tells"),
    [
        ("/", "/", "ext4", True),
        ("/srv/my blog", "/srv/my blog", "nfs4", False),
        ("/srv/my blog/content", "/srv/my blog", "nfs4", False),
        ("/srv/my blog/local/x", "/srv/my blog/local", "tmpfs", True),
        ("/srv/my blogs", "/", "ext4", True),
        ("/home/a/x", "/home/a", "ext4", True),
        ("/bound/x", "/bound", "ext4", True),
    ],
)
def test_the_deepest_and_latest_mount_counts(path: str, point: str, kind: str, tells: bool) -> None:
    found = on(path)
    assert found == Mount(point=point, kind=kind)
    assert found.tells is tells


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse", "fuse.rclone", "fuseblk", "virtiofs", "ceph"])
def test_these_do_not_tell(kind: str) -> None:
    assert not Mount(point="/", kind=kind).tells


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs", "zfs", "tmpfs", "overlay", "f2fs", "fusectl"])
def test_these_tell(kind: str) -> None:
    assert Mount(point="/", kind=kind).tells


def test_no_table_is_no_mount() -> None:
    assert mount_of("/srv", mounts("")) is None
