"""What the system says of this process."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """The most memory that this process has had (resident set).

    What getrusage says is on Linux at least what the process had that it was started from (exec
    keeps it), so the kernel's count of this program alone is taken where there is one.
    """
    own = _STATUS.is_file() and re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.M)
    if own:
        return 1024 * int(own[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
