"""A prepared corpus as Parquet: its columns, and a reader."""

from nmt.shards.dataset import FORMAT_VERSION, Dataset

__all__ = ["FORMAT_VERSION", "Dataset"]
