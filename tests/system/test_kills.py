"""Whatever is killed, and whenever: the same command, run again, ends with the same output."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import ROOT, command, hook, run
from kill_site import (
    OPTIONS,
    PATIENCE,
    ROWS,
    Site,
    assert_same,
    assert_undisturbed,
    rows_of,
    wait,
)
from processes import descendants
from ray_head import environment

from nmt.storage.location import Location
from nmt.translation.verify.output import verify

pytestmark = pytest.mark.system

VICTIMS = ("actor", "worker", "driver", "store")
_RUNS = 6  # of one command until it must be done


def kill(site: Site, victim: str, job: subprocess.Popen[str], chance: random.Random) -> str | None:
    """Kill something, and bring the store back; returns what it was, or None if nothing was."""
    if job.poll() is not None:
        return None
    if victim == "driver":
        os.killpg(job.pid, signal.SIGKILL)
        return "the driver"
    if victim == "store":
        away = chance.uniform(0.0, 8.0)
        site.store.kill()
        time.sleep(away)
        site.store.start()
        return f"the S3 server, away for {away:.1f} s and its start"
    below = descendants(site.head.pid)
    # Not Ray's own agents: without them the whole node ends.
    workers = {
        pid: title
        for pid, title in below.items()
        if title.startswith("ray::") and not re.search("Agent|IDLE", title)
    }
    if victim == "actor":
        workers = {pid: title for pid, title in workers.items() if "MapWorker" in title}
    if not workers:
        return None
    pid = chance.choice(sorted(workers))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return f"the {victim} {workers[pid].split('(')[0]}"


def rounds(site: Site, count: int, seed: int, say: Callable[[str], None]) -> None:
    """Run the same command with a kill at a random moment, again until it is done.

    So many kills; a round in which the job was done before, or its victim not there, is none. Half
    of the jobs have a cache of their own.
    """
    say(f"{count} kills, seed {seed}; undisturbed: {len(site.undisturbed)} rows of files in "
        f"{site.seconds:.0f} s")  # fmt: skip
    kills = missed = 0
    while kills < count:
        chance = random.Random(1000 * seed + kills + 100 * missed)
        victim, output = VICTIMS[kills % len(VICTIMS)], site.store.uri(f"{seed}-{kills}-{missed}")
        cache = ["--cache", site.store.uri(f"cache-{seed}-{kills}-{missed}")]
        cache *= kills // len(VICTIMS) % 2
        start = time.monotonic()
        job = site.start(output, *cache)
        moment = wait(site, job, Location(output), chance)
        killed = kill(site, victim, job, chance)
        history = [f"{killed} {moment}"]
        while job.communicate(timeout=PATIENCE) and job.returncode:
            history.append(f"status {job.returncode}")
            assert len(history) <= _RUNS, history
            job = site.start(output, *cache)
        assert_undisturbed(site, output)
        if killed is None:
            missed += 1
            assert missed <= 2 * count
            continue
        kills += 1
        with_cache = " (with a cache)" if cache else ""
        say(f"kill {kills:2}{with_cache}: {'; '.join(history)}; then done; the same output, no "
            f"violation; {time.monotonic() - start:.0f} s")  # fmt: skip
    say(f"{missed} more rounds in which nothing was there to be killed")


@pytest.mark.slow
def test_after_any_kill_the_output_is_that_of_an_undisturbed_run(site: Site) -> None:
    rounds(site, len(VICTIMS), seed=1, say=print)


@pytest.mark.slow
def test_many_kills(site: Site, capsys: pytest.CaptureFixture) -> None:
    """Twenty of them, or `NMT_KILL_COUNT`."""
    seed, count = (int(os.environ.get(f"NMT_KILL_{x}", n)) for x, n in (("SEED", 2), ("COUNT", 20)))

    def say(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    rounds(site, count, seed, say)


def test_of_two_jobs_on_one_output_one_wins(site: Site) -> None:
    output = site.store.uri("two")
    jobs = [site.start(output) for _ in range(2)]
    ends = [job.communicate(timeout=PATIENCE)[1].strip().splitlines()[-1] for job in jobs]
    assert sorted(job.returncode for job in jobs) == [0, 1], ends
    line = next(end for job, end in zip(jobs, ends, strict=True) if job.returncode)
    assert f"ERROR translate: {output}: another job writes to it: process " in line
    assert "wait for its end" in line
    assert_undisturbed(site, output)
    done = run("verify", "--output", output, **site.store.environment)
    assert f"no violation in {ROWS:,} rows" in done.stderr


@pytest.mark.slow
def test_an_overwritten_output_is_one_or_the_other(site: Site) -> None:
    """A driver that is killed at it leaves the old one whole; then all of the old one is gone."""
    uri = site.store.uri("overwritten")
    output, variables = Location(uri), site.store.environment
    run("translate", *site.options(uri), head=site.head, **variables)
    other = ["--set", "search.max_length_extra=5"]
    refused = run("translate", *site.options(uri, *other), head=site.head, status=2, **variables)
    assert "search.max_length_extra" in refused.stderr.splitlines()[-1]
    assert_undisturbed(site, uri)

    job = site.start(uri, *other, "--overwrite")
    while job.poll() is None and not any("g2-" in f.name for f in (output / "_units").files()):
        time.sleep(0.05)
    assert job.poll() is None
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    assert not (output / "_SUCCESS").is_file()
    assert rows_of(uri) == site.undisturbed  # what a reader finds by the manifest

    run("translate", *site.options(uri, *other, "--overwrite"), head=site.head, **variables)
    assert verify(output).violations == []
    fresh = site.store.uri("fresh")
    run("translate", *site.options(fresh, *other), head=site.head, **variables)
    assert_same(rows_of(uri), rows_of(fresh))
    parts = [file.name for file in output.files(recursive=True) if "part-" in file.name]
    assert parts
    assert all(name.startswith("part-g2-") for name in parts)


def test_another_input_is_refused_and_damage_is_listed(site: Site, tmp_path: Path) -> None:
    corpus, uri = tmp_path / "in.txt", site.store.uri("damaged")
    corpus.write_bytes(b"".join(site.corpus.read_bytes().splitlines(keepends=True)[:600]))
    options = ["--model", site.model, "--input", corpus, "--output", uri, *OPTIONS]
    variables = site.store.environment
    run("translate", *options, head=site.head, **variables)
    corpus.write_bytes(corpus.read_bytes().replace(b"number 7 ", b"number 8 "))
    refused = run("translate", *options, head=site.head, status=2, **variables).stderr
    assert str(corpus) in refused.splitlines()[-1]
    assert "--overwrite" in refused.splitlines()[-1]

    names = [n for n in (Location(uri) / "manifest.json").read_json()["files"] if "translat" in n]
    (Location(uri) / names[0]).delete()
    (Location(uri) / names[1]).write_bytes(b"PAR1 and nothing else")
    listed = run("verify", "--output", uri, status=1, **variables).stdout.splitlines()
    for name in names[:2]:
        assert any(name in line for line in listed), listed


def test_a_job_that_fails_says_so_in_its_report_and_tells_its_hook(
    site: Site, tmp_path: Path
) -> None:
    """Its input is replaced while it runs; the store and Ray are real, as in all tests here."""
    corpus, uri = tmp_path / "in.txt", site.store.uri("failing")
    corpus.write_bytes(site.corpus.read_bytes())
    told_by, told = hook(tmp_path)
    options = ["--model", site.model, "--input", corpus, "--output", uri, *OPTIONS]
    job = subprocess.Popen(
        command("translate", *options, "--notify", told_by, head=site.head),
        cwd=ROOT,
        env=environment(**site.store.environment),
        stderr=subprocess.PIPE,
        text=True,
    )
    output = Location(uri)
    try:
        while not (output / "_units").files(".json"):
            assert job.poll() is None, job.communicate()[1]
            time.sleep(0.2)
        corpus.write_bytes(corpus.read_bytes().replace(b"number 7 ", b"number 8 "))
        said = job.communicate(timeout=PATIENCE)[1]
    finally:
        job.kill()
    assert job.returncode == 1, said
    report = output / "report" / "report.json"
    verdict = report.read_json()["verdict"]
    assert verdict.startswith(f"failed: {corpus}: changed or removed while the job ran")
    assert told.read_text() == f"1 {report} {verdict}\n"
    assert not (output / "_SUCCESS").is_file()
    # Put back as it was, the same command finishes the work.
    corpus.write_bytes(site.corpus.read_bytes())
    run("translate", *options, head=site.head, **site.store.environment)
    assert_undisturbed(site, uri)


@pytest.mark.slow
def test_a_row_that_kills_its_actor_is_rejected(site: Site, tmp_path: Path) -> None:
    lines = [f"The dog number {i} sleeps." for i in range(300)]
    lines[5] = "A deadly dog."
    (tmp_path / "in.txt").write_text("\n".join(lines))
    output = Location(tmp_path / "out")
    options = ["--model", site.model, "--input", tmp_path / "in.txt", "--output", output, *OPTIONS]
    program = Path(__file__).with_name("deadly_translate.py")
    words = [sys.executable, program, *map(str, options), "--address", site.head.address]
    job = {"cwd": ROOT, "env": environment(), "capture_output": True, "text": True}
    done = subprocess.run(words, **job, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    verification = verify(output)
    assert verification.violations == []
    rows = rows_of(str(output))
    rejected = {name: row["reason"] for name, row in rows.items() if name.startswith("rejected")}
    assert rejected == {"rejected 5": "crashed"}
    assert sum(name.startswith("translations") for name in rows) == 299
