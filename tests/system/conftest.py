"""What the system tests share: one tiny trained model on one Ray cluster."""

from pathlib import Path

import pytest
from commands import tiny_model
from kill_site import site
from ray_head import RayHead

__all__ = ["site", "trained"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, ray_head: RayHead) -> Path:
    """A folder with ``dataset`` and ``run``, made by the real commands."""
    return tiny_model(tmp_path_factory.mktemp("trained"), ray_head)
