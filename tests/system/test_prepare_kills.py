"""A preparation that is killed, again and again, ends with the bytes of one that was not."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import ROOT, command, run
from ray_head import environment
from s3 import S3Server

from nmt.grammar import generate
from nmt.storage.location import Location

pytestmark = pytest.mark.system

_PATIENCE = 300  # seconds
_KILLS = ((1, signal.SIGKILL), (5, signal.SIGTERM), (9, signal.SIGKILL), (16, signal.SIGKILL))


def contents(folder: Location) -> dict[str, bytes]:
    """All files below a folder, by their names there."""
    return {
        "/".join(file.parts_below(folder)): file.read_bytes()
        for file in folder.files(recursive=True)
    }


def kill_when(
    folder: Location, pieces: int, how: signal.Signals, words: list[str], s3: S3Server
) -> bool:
    """Start a preparation and end it once so many pieces are done; False if it was faster."""
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment(**s3.environment), stderr=subprocess.DEVNULL
    )
    limit = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < limit:
        names = [file.name for file in (folder / "_staging").files()]
        if sum(name.startswith("done-") for name in names) >= pieces:
            process.send_signal(how)
            break
        time.sleep(0.02)
    return process.wait(_PATIENCE) != 0


@pytest.mark.parametrize("store", [pytest.param("local", marks=pytest.mark.slow), "s3"])
def test_killed_again_and_again_it_ends_with_the_same_bytes(
    s3: S3Server, store: str, tmp_path: Path
) -> None:
    pairs = tmp_path / "pairs.tsv"
    lines = (f"{pair.source}\t{pair.target}\n" for pair in generate(1, 0, 3000))
    pairs.write_text("".join(lines))
    base = tmp_path.as_posix() if store == "local" else "s3://nmt/kills"
    options = [
        *("--pairs", pairs, "--filters", "web", "--set", "data.shard_rows=1000"),
        *("--source-language", "en", "--target-language", "de", "--vocab-size", "800"),
    ]
    run("prepare", *options, "--output", f"{base}/whole/o", **s3.environment)
    output = Location(f"{base}/o")
    words = command("prepare", *options, "--output", f"{base}/o")
    kills = sum(kill_when(output, *kill, words, s3) for kill in _KILLS)
    assert kills >= 2
    assert (output / "_preparing.json").exists()
    done = run("prepare", *options, "--output", f"{base}/o", **s3.environment)
    assert "goes on with it" in done.stderr
    assert "pieces were done before" in done.stderr
    assert contents(output) == contents(Location(f"{base}/whole/o"))
