"""What a reader does grows with what it reads, whatever that is; run with -s to see the worst."""

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from effort import LINEAR, growth, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.readers import open_pairs
from nmt.errors import UnusableInput
from nmt.evaluation.alignment import LinkCounts, parse_gold
from nmt.evaluation.files import read_aligned
from nmt.formats.detection import LINES, sniff
from nmt.formats.file_list import list_files
from nmt.formats.text_files import each_line
from nmt.inference.unknown_words import read_dictionary
from nmt.json_text import parse_json
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit
from nmt.yaml_text import parse_yaml

ATOMS = [
    *(
        b"\n",
        b"\r",
        b"\t",
        b"\0",
        b"\xff",
        b"\xe2\x82",
        b"\xfe\xff",
        b"a",
        b" ",
        b"a\tb\n",
        b"0-0 ",
    ),
    *(
        b"1?1\n",
        b"- ",
        b"a: ",
        b"? ",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b"'",
        b'"',
        b"\\",
        b"&a ",
        b"*a ",
    ),
    *(
        b"!!",
        b"#",
        b"| \n",
        b"%PDF-1.4\n",
        b"1 0 obj",
        b"PK\3\4",
        b'{"a":',
        b"\\u0000",
        b"1e9",
        b"9",
    ),
]


def units(path: Path) -> None:
    for unit in inspect(str(path), "source").units():
        read_unit(unit, "source", None)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


READERS: dict[str, Callable[[Path, bytes], object]] = {
    "sniff": lambda _, data: sniff(data),
    "text": lambda folder, data: units(put(folder / "a.txt", b"a\n" * 100 + data)),
    "gzip": lambda folder, data: units(put(folder / "a.gz", gzip.compress(b"a\n" * 99 + data, 1))),
    "pairs": lambda folder, data: list(
        open_pairs(Location(put(folder / "a.tsv", b"a\tb\n" * 100 + data))).rows()
    ),
    "references": lambda folder, data: read_aligned(
        list_files(str(put(folder / "r.txt", data)), LINES), len(data)
    ),
    "dictionary": lambda folder, data: read_dictionary(Location(put(folder / "d.tsv", data))),
    "gold": lambda _, data: LinkCounts.of([(1, 1)], parse_gold(data.decode("latin1"))),
    "YAML": lambda _, data: parse_yaml(data.decode("latin1")),
    "JSON": lambda _, data: parse_json(data),
}


HEADER = b"\x1f\x8b\x08%c\0\0\0\0\0\xff"


@pytest.mark.parametrize(
    "data",
    [
        HEADER % 0x08 + b"n" * (4 << 20) + b"\0" + gzip.compress(b"A dog.\n")[10:],
        HEADER % 0x10 + b"c" * (4 << 20) + b"\0" + gzip.compress(b"A dog.\n")[10:],
        gzip.compress(b"A dog.\n") + bytes(4 << 20),
        gzip.compress(b"A dog.\n") + gzip.compress(b"") * 100_000,
        gzip.compress(b"A dog.\n") + bytes(2 << 20) + gzip.compress(b"") * 9 + bytes(2 << 20),
    ],
    ids=["name", "comment", "zeros", "members", "all"],
)
@pytest.mark.parametrize("packed", [1, 2])
def test_what_gzip_holds_beside_text_costs_nothing(tmp_path, data, packed) -> None:
    file = put(tmp_path / "a.gz", data if packed == 1 else gzip.compress(data, 0))
    taken, lines = steps(lambda: list(each_line(Location(file), LINES)))
    assert lines == [b"A dog."]
    assert taken < len(data)  # Python's own gzip: several for each byte


@pytest.mark.system
@pytest.mark.parametrize("name", READERS)
def test_reading_grows_with_what_is_read(tmp_path, name) -> None:
    worst: tuple[float, bytes] = (0.0, b"")

    def read(data: bytes) -> None:
        with suppress(UnusableInput, ValueError, yaml.YAMLError):
            READERS[name](tmp_path, data)

    @settings(max_examples=25)
    @given(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=4).map(b"".join))
    def look(atom: bytes) -> None:
        nonlocal worst
        short, long = ((atom * size)[:size] for size in (2000, 16_000))
        worst = max(worst, (growth(read, short, long), atom))

    look()
    print(f"{name}: {worst[0]:.1f} times the work for 8 times the bytes, {worst[1]!r}")
    assert worst[0] < LINEAR, worst
