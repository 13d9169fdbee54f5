"""Columns and files of Parquet: reading within limits, one schema for many files, values."""
