"""Leave the probes of slipcover where they are, in the processes of xdist.

On Python before 3.12 slipcover removes a probe that was passed often. It looks at the frames of all
threads then, which may wait for each other, and its own lines are counted as steps of the code
under test. Its options do not reach the processes of xdist: their instance is a private one.
"""

import sys

_PLUGIN = sys.modules.get("slipcover.pytest_plugin")
if (coverage := getattr(_PLUGIN, "_slipcover_instance", None)) is not None:
    coverage.d_miss_threshold = 2**31 - 1
