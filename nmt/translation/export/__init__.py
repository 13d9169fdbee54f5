"""The result of a job in other formats, for tools that read no Parquet: ``OUT/export/``."""
