"""What lies on a local disk besides plain files: links, pipes, sockets, devices."""

from __future__ import annotations

import os
import stat

import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.storage.uri import NO_STREAM

_SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_file(location: Location, hint: str = "check the path") -> pafs.FileInfo:
    """What is known of a file that can be read.

    Args:
        location: where it should lie.
        hint: what to do where nothing lies there.

    Raises:
        UnusableInput: nothing there, a folder, a link to nothing, or a pipe, socket or device.
    """
    info = location.info()
    if info.type == pafs.FileType.File:
        return info
    if info.type == pafs.FileType.Directory:
        raise UnusableInput(f"{location}: a folder; name a file")
    if location.is_local and os.path.islink(location.uri) and not os.path.exists(location.uri):
        raise UnusableInput(
            f"{location}: a link to {os.readlink(location.uri)}, which is not there; mend or "
            "remove the link"
        )
    if info.type == pafs.FileType.NotFound:
        raise UnusableInput(f"{location}: no such file; {hint}")
    kind = _SPECIAL.get(stat.S_IFMT(os.stat(location.uri).st_mode), "what is no file")
    raise UnusableInput(f"{location}: {kind} {NO_STREAM}")
