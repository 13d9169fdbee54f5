"""Fixtures that several tests of translation share."""

import pyarrow.fs as pafs
import pytest
from cached_jobs import corpus, models

from nmt.storage.location import Location

__all__ = ["corpus", "models"]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Everything under s3://bucket lies in a folder; notes for which paths `info` was asked."""
    asked = []

    class Handler(pafs.SubTreeFileSystem):
        def get_file_info(self, what):
            asked.append(what)
            return super().get_file_info(what)

    (tmp_path / "bucket").mkdir()
    real = pafs.FileSystem.from_uri
    monkeypatch.setattr(
        Location,
        "_resolve",
        lambda self: (Handler(str(tmp_path), pafs.LocalFileSystem()), real(str(self))[1]),
    )
    return tmp_path / "bucket", asked
