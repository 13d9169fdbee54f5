"""A model of these tests with its graphs."""

import shutil
from pathlib import Path

import pytest

from nmt import bundle
from nmt.storage.location import Location


@pytest.fixture(scope="session")
def exported(saved_models, tmp_path_factory) -> Path:
    """A MODEL folder with its graphs."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(saved_models[0], folder)
    bundle.export(Location(folder))
    return folder
