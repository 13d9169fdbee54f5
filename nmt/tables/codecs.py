"""The codecs of Parquet that pages are unpacked by."""

# As pyarrow calls the codec of a column, and as it calls it elsewhere.
CODECS = {codec: codec.lower() for codec in ("SNAPPY", "GZIP", "BROTLI", "ZSTD")}
CODECS["LZ4"] = "lz4_raw"
