"""What a process says of itself."""

import subprocess
import sys

import numpy as np

_SAY = "from nmt.process import peak_bytes; print(peak_bytes())"


def _peak_of_child() -> int:
    return int(subprocess.check_output([sys.executable, "-c", _SAY]))


def test_the_peak_is_not_that_of_the_process_it_was_started_from() -> None:
    before = _peak_of_child()
    held = np.ones(25_000_000)  # 200 MB
    assert 5_000_000 < _peak_of_child() < before + held.nbytes / 2
