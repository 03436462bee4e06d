"""Recognise network file systems, on which the operating system does not notice what other machines write."""

from __future__ import annotations

import os
import re

MOUNTS = "/proc/self/mounts"  # of Linux; see proc(5) and fstab(5)

_NETWORK = re.compile(
    r"nfs[0-9]*|cifs|smb[0-9]*|smbfs|9p|afs|ceph|ncpfs|vboxsf|prl_fs|davfs"
    r"|fuse\.(?:sshfs|rclone|glusterfs|ceph|s3fs|davfs2?|vmhgfs-fuse|curlftpfs|smbnetfs)"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")  # blanks and backslashes in a path


def network_file_system(folder: str) -> str | None:
    """Return the type of the network file system that a folder lies on, or that is mounted below it, or None.

    None also where the system has no list of its mounts.
    """
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as stream:
            mounts = [(_unescaped(words[1]), words[2]) for words in map(str.split, stream) if len(words) > 2]
    except OSError:
        return None
    path = os.path.realpath(folder)
    around = sorted((len(point), number) for number, (point, _) in enumerate(mounts) if _is_in(path, point))
    found = [mounts[number][1] for _, number in around[-1:]]  # the deepest, and of several at one point the last
    found += [kind for point, kind in mounts if _is_in(point, path)]
    return next(filter(_NETWORK.fullmatch, found), None)


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
