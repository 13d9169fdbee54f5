"""Files of rows, written by the standard library, for the tests of their readers."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}
Cells = Sequence[dict[str, str]]


def jsonl(rows: Cells) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=number % 2 == 0) + "\n"
                   for number, row in enumerate(rows)).encode()  # fmt: skip


def as_csv(rows: Cells) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def tmx(rows: Cells, head: str = "") -> bytes:
    """Of the columns ``id``, two languages, and others that become ``prop`` elements."""
    units = []
    for row in rows:
        texts = {name: escape(text, {"\r": "&#13;"}) for name, text in row.items()}
        props = "".join(
            f"<prop type={quoteattr(name)}>{text}</prop>"
            for name, text in texts.items()
            if name not in ("id", "source", "target")
        )
        tuvs = "".join(
            f'<tuv xml:lang="{language}"><seg>{texts[name]}</seg></tuv>'
            for name, language in (("source", "en"), ("target", "de-AT"))
            if name in texts
        )
        units.append(f"<tu tuid={quoteattr(row['id'])}>{props}{tuvs}</tu>\n")
    body = "".join(units)
    return (
        f'<?xml version="1.0"?>{head}<tmx version="1.4"><header/><body>{body}</body></tmx>'.encode()
    )


WRITERS: dict[str, Callable[[Cells], bytes]] = {"jsonl": jsonl, "csv": as_csv, "tmx": tmx}


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(PACKERS.get(path.suffix, bytes)(data))
    return path
