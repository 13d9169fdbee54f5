"""A job that is stopped with all its processes, and wakes when another has finished its output."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
from typing import Any

import pyarrow.dataset as ds
import pytest
from commands import ROOT, command
from kill_site import PATIENCE, Site, assert_undisturbed, wait
from processes import descendants
from ray_head import environment

from nmt.storage.location import Location

pytestmark = pytest.mark.system


def whole_folder(output: Location) -> list[Any]:
    """The ids below ``translations/``, as who reads the folder finds them, not the manifest."""
    place = f"{output.path}/translations"
    return ds.dataset(place, filesystem=output.filesystem).to_table().column("id").to_pylist()


def sleep_and_wake(site: Site, output: Location, chance: random.Random) -> str:
    """Stop a job with all its processes at a random moment, let another one finish, and wake the
    first; returns what happened."""
    local = ["--cache", site.store.uri(f"{output.name}-cache")] * (chance.random() < 0.5)

    def start() -> subprocess.Popen[str]:
        """A job on a local Ray of its own."""
        return subprocess.Popen(
            command("translate", *site.options(str(output), *local, actors=1)),
            cwd=ROOT,
            env=environment(**site.store.environment),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    first = start()
    moment = wait(site, first, output, chance)
    asleep = [first.pid, *descendants(first.pid)]
    try:
        for pid in asleep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        second = start()
        errors = second.communicate(timeout=PATIENCE)[1]
        assert second.returncode == 0, errors
        assert sorted(whole_folder(output)) == sorted(set(whole_folder(output)))
        before = {str(file): file.sha256() for file in output.files(recursive=True)}
    finally:
        for pid in asleep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    first.communicate(timeout=PATIENCE)
    after = {str(file): file.sha256() for file in output.files(recursive=True)}
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    others = [name for name in changed if not re.search(r"_lease|_scratch|\.attempts", name)]
    assert others == []
    assert_undisturbed(site, str(output))
    return f"{len(asleep)} processes stopped {moment}; status {first.returncode} when they woke"


@pytest.mark.slow
def test_a_job_that_sleeps_and_wakes_changes_nothing(site: Site, capsys) -> None:
    seed, count = (int(os.environ.get(f"NMT_SLEEP_{x}", n)) for x, n in (("SEED", 4), ("COUNT", 3)))
    for number in range(count):
        chance = random.Random(1000 * seed + number)
        said = sleep_and_wake(site, Location(site.store.uri(f"sleep-{seed}-{number}")), chance)
        with capsys.disabled():
            print(f"sleep {number}, seed {seed}: {said}; the same output", flush=True)
