"""The product's main way in: ``ray job submit`` on a running cluster."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from commands import ROOT, TINY, run
from processes import descendants, is_alive
from ray_head import RayHead, environment, free_port
from s3 import SECRET, S3Server

from nmt.storage.location import Location

pytestmark = pytest.mark.system

GUIDE = (ROOT / "docs/how-to/cluster.md").read_text("utf-8")
PATIENCE = 900  # seconds; a generous limit for a loaded machine
RAY = str(Path(sys.executable).parent / "ray")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a fresh clone holds, so that ``--working-dir .`` is as small as there."""
    folder = tmp_path_factory.mktemp("clone") / "nmt"
    away = (
        ".venv",
        ".git",
        "demo",
        "runs",
        "data",
        "build",
        "__pycache__",
        ".*_cache",
        ".hypothesis",
        "tests",
    )
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*away))
    return folder


def submit(
    head: RayHead, folder: Path, *words: str | Path, options: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """``ray job submit --working-dir .`` in a folder, waiting for the end."""
    if variables:
        options += ("--runtime-env-json", json.dumps({"env_vars": variables}))
    command = [RAY, "job", "submit", "--address", head.dashboard, "--working-dir", "."]
    command += [*options, "--", *map(str, words)]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, cwd=folder
    )


def ask(head: RayHead, question: str, job: str) -> str:
    """``ray job status`` or ``ray job logs``."""
    command = [RAY, "job", question, "--address", head.dashboard, job]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    return done.stdout + done.stderr


def typed(block: str, *changes: tuple[str, str]) -> list[str]:
    """A block of the guide as bash reads it, but for what must be another here."""
    for there, here in changes:
        assert there in block
        block = block.replace(there, here)
    return ["bash", "-euc", block]


def guide_command() -> list[str]:
    """The words of the guide's command after ``--``."""
    (text,) = re.findall(r"^ray job submit --working-dir \. -- (python jobs/train\.py .*?)\n```",
                         GUIDE, re.DOTALL | re.MULTILINE)  # fmt: skip
    return shlex.split(text.replace("\\\n", " "))


def test_three_commands_as_submitted_jobs(
    ray_head: RayHead, s3: S3Server, checkout: Path, tmp_path: Path
) -> None:
    """The guide's own, on a store to which the nodes have the rights and the jobs name none."""
    done = submit(ray_head, checkout, "python", "jobs/prepare.py", "--demo", "400", "--output",
                  "s3://nmt/m30k", "--valid-fraction", "0.1", "--test-fraction", "0.1")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # As it stands, but for a bucket that is here, two CPUs, and a model for them.
    words = " ".join(guide_command())
    for there, here in (
        ("s3://bucket/", "s3://nmt/"),
        ("--preset base", ""),
        ("--workers 4 --use-gpu", "--workers 2"),
    ):
        assert there in words
        words = words.replace(there, here)
    train = [*shlex.split(words), *TINY, "--set", "training.epochs=1"]
    done = submit(ray_head, checkout, *train, options=("--submission-id", "train-1"))
    assert done.returncode == 0, done.stdout + done.stderr
    log = ask(ray_head, "logs", "train-1")
    for line in (
        "joining the Ray cluster",
        "2 replicas: ",
        "MODEL s3://nmt/runs/m30k/model",
    ):
        assert line in log
        assert line in done.stdout + done.stderr
    assert "succeeded" in ask(ray_head, "status", "train-1")
    assert Location("s3://nmt/runs/m30k/model/model.json").is_file()
    # The same id is refused before anything is done; another one finds the training finished.
    done = submit(ray_head, checkout, *train, options=("--submission-id", "train-1"))
    assert done.returncode != 0
    assert "train-1 already exists" in done.stdout + done.stderr
    done = submit(ray_head, checkout, *train, options=("--submission-id", "train-2"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "already ended" in done.stdout + done.stderr
    # The bare command: everything stands in the file that NMT_CONFIG names.
    config = tmp_path / "nmt.yaml"
    options = {"model": "s3://nmt/runs/m30k/model", "input": "s3://nmt/m30k/test"}
    options |= {"output": "s3://nmt/out", "reference-column": "target"}
    config.write_text(yaml.safe_dump({"translate": options}))
    done = submit(ray_head, checkout, "python", "jobs/translate.py", NMT_CONFIG=str(config))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BLEU" in done.stdout
    assert Location("s3://nmt/out/_SUCCESS").is_file()
    for path in ray_head.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET.encode() not in path.read_bytes(), f"{path} holds the secret"


@pytest.mark.slow
def test_the_two_terminals_of_the_guide_on_one_machine(checkout: Path, tmp_path: Path) -> None:
    """In a fresh home folder; in a used one it finds a token, and leaves it as it is."""
    section = GUIDE.split("\n## A cluster on one machine\n")[1]
    first, second = re.findall(r"^```bash\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[:2]
    scripts = ". .venv/bin/activate && ", ""  # environment() has done that
    names = "port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port"
    ports = " ".join(f"--{name}={free_port()}" for name in names)
    start = "ray start --head --disable-usage-stats --block"
    log, token = tmp_path / "log", tmp_path / ".ray" / "auth_token"
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as short, log.open("wb") as out:
        variables = environment(HOME=str(tmp_path), RAY_TMPDIR=short)
        del variables["RAY_AUTH_MODE"]
        head = subprocess.Popen(
            typed(first, scripts, (start, f"{start} --num-cpus=2 {ports}")),
            cwd=checkout,
            env=variables,
            stdout=out,
            stderr=out,
            start_new_session=True,
            # In the background of a shell it would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            while "Ray runtime started" not in log.read_text():
                assert head.poll() is None, log.read_text()
                time.sleep(0.5)
            secret = token.read_text()
            assert token.stat().st_mode & 0o077 == 0
            for _ in range(20):  # as the guide says, where Ray has no agent yet
                done = subprocess.run(
                    typed(second, scripts, ("--preset small", " ".join(TINY))),
                    cwd=checkout, env=variables, capture_output=True, text=True, timeout=PATIENCE,
                )  # fmt: skip
                if "No available agent" not in done.stderr:
                    break
                time.sleep(3)
            processes = descendants(head.pid)
        finally:
            os.killpg(head.pid, signal.SIGINT)  # Ctrl-C
            head.wait(PATIENCE)
        again = typed(first, scripts, (start, "true"))
        subprocess.run(again, cwd=checkout, env=variables, check=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "joining the Ray cluster",
        f"MODEL {checkout}/runs/demo/model",
        "'train-1' succeeded",
    ):
        assert line in done.stdout + done.stderr
    assert token.read_text() == secret
    assert secret not in log.read_text() + done.stdout + done.stderr
    assert len(processes) > 3
    deadline = time.monotonic() + 60
    while any(map(is_alive, processes)):
        assert time.monotonic() < deadline, processes
        time.sleep(0.2)


def test_a_job_that_fails_says_so(ray_head: RayHead, checkout: Path) -> None:
    words = ["python", "jobs/prepare.py", "--demo", "10", "--output", "dataset"]
    done = submit(ray_head, checkout, *words, options=("--submission-id", "failing-1"))
    assert done.returncode == 1
    assert "failed" in ask(ray_head, "status", "failing-1")
    assert "use an absolute path or a URI" in ask(ray_head, "logs", "failing-1")


@pytest.mark.slow
def test_prometheus_finds_the_metrics_of_a_training(
    trained: Path, ray_head: RayHead, tmp_path: Path
) -> None:
    """While it runs, on the page that each node offers."""
    command = [sys.executable, "jobs/train.py", "--data", str(trained / "dataset"), *TINY]
    command += ["--output", str(tmp_path / "scraped"), "--address", ray_head.address]
    command += ["--set", "training.epochs=1000", "--set", "training.validate_every=5"]
    command += ["--set", "training.patience=1000"]
    wanted = {"loss", "tokens_per_second", "data_wait_share", "learning_rate"}
    names = {f"ray_nmt_training_{name}" for name in wanted} | {"ray_nmt_validation_bleu"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=log, stderr=log)
    try:
        found: set[str] = set()
        while not names <= found:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(1)
            with urllib.request.urlopen(f"{ray_head.metrics}/metrics", timeout=60) as page:
                lines = page.read().decode().splitlines()
            found = {line.split("{")[0] for line in lines if 'run="scraped"' in line}
    finally:
        process.terminate()
        process.wait()


def test_unreachable_cluster_fails_instead_of_running_locally(tmp_path: Path) -> None:
    run("prepare", "--demo", "200", "--output", tmp_path / "d")
    done = run("train", "--data", tmp_path / "d", "--output", tmp_path / "run", "--address",
               "127.0.0.1:1", status=1)  # fmt: skip
    assert "cannot join the Ray cluster" in done.stderr
