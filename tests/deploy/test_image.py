"""The steps of deploy/Dockerfile, one by one, in an empty folder that stands for the image.

Three steps are not done: what apt-get installs must be here already, the packages of the lock
file are those of this environment, and no user is added.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from schemas import JOBS, ROOT, job_of, read

pytestmark = pytest.mark.system  # starts what is installed

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").split()


class Image:
    """A folder in which the files of an image lie, and a Python of its own.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.user = root, "/", "root"
        self.arguments: dict[str, str] = {}
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "python"], check=True)

    def place(self, name: str) -> Path:
        """Where a path of the image lies here."""
        return self.root / os.path.join(self.folder, name).lstrip("/")

    def copy(self, sources: list[str], target: str) -> None:
        """What ``COPY`` does, with what .dockerignore lets through."""
        for source in sources:
            assert f"!{source.removeprefix('./')}" in IGNORED
            place = self.place(target)
            place = place / Path(source).name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, place)

    def add_packages(self) -> None:
        """Those of this environment in the place of those of the lock file; this project not."""
        here = Path(sysconfig.get_path("purelib"))
        (there,) = (self.root / "python/lib").glob("python3.*/site-packages")
        for each in here.iterdir():
            if not fnmatch.fnmatch(each.name, "*nmt_on_ray*"):
                (there / each.name).symlink_to(each)

    def run(self, command: str, folder: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the image, as ``RUN`` does."""
        path = f"{self.root / 'python/bin'}{os.pathsep}{os.environ['PATH']}"
        clean = {"PATH": path, "HOME": str(self.root), "TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.run(
            ["bash", "-euc", command], cwd=folder or self.place("."), env=clean, text=True,
            capture_output=True, timeout=300,
        )  # fmt: skip

    def step(self, word: str, rest: str) -> None:
        """Do one instruction."""
        rest = re.sub(r"\$\{(\w+)\}", lambda match: self.arguments[match[1]], rest)
        if word == "ARG":
            name, _, value = rest.partition("=")
            self.arguments[name] = value
        elif word == "WORKDIR":
            self.folder = rest
            self.place(".").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            *sources, target = rest.split()
            self.copy(sources, target)
        elif word == "USER":
            self.user = rest
        elif word == "RUN" and rest.startswith("apt-get"):
            packages = rest.partition("--no-install-recommends ")[2].partition(" &&")[0]
            assert packages.split() == ["bash", "wget"]
        elif word == "RUN" and "--require-hashes" in rest:
            (lock,) = re.findall(r"-r (\S+)", rest)
            assert "--hash=sha256:" in self.place(lock).read_text("utf-8")
            self.add_packages()
        elif word == "RUN" and not rest.startswith("useradd"):
            done = self.run(rest)
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    lines = re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines()
    found = Image(tmp_path_factory.mktemp("image"))
    for line in lines:
        if line and not line.startswith("#"):
            found.step(*line.split(None, 1))
    return found


def test_the_project_is_installed_from_what_was_copied(image) -> None:
    assert image.user == "ray"
    done = image.run("nmt --version && python -c 'import nmt; print(nmt.__file__)'", folder="/")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(image.root / "app/nmt/__init__.py")
    names = sorted(
        path.name for path in (image.root / "app").iterdir() if path.suffix != ".egg-info"
    )
    assert names == ["LICENSE", "README.md", "deploy", "jobs", "nmt", "pyproject.toml"]


@pytest.mark.parametrize("job", ["train", "translate"])
def test_the_jobs_of_the_manifests_start(image, job) -> None:
    done = image.run(f"python app/jobs/{job}.py --help", folder=str(image.root))
    assert done.returncode == 0, done.stderr
    assert "--output" in done.stdout


def test_a_night_finds_all_that_it_needs(image) -> None:
    """It comes as far as the model, which is not there."""
    (entrypoint,) = [job_of(read(path))["entrypoint"] for path in JOBS if "cronjob" in path.name]
    command = re.sub(r"s3://bucket", str(image.root / "data"), entrypoint)
    done = image.run(command.replace("/app/", f"{image.root}/app/"), folder="/")
    assert done.returncode == 2, done.stderr
    assert str(image.root / "data/runs/m30k/model") in done.stderr
    assert "Traceback" not in done.stderr
